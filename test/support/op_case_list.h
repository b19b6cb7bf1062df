// What the lists of op cases are written with: batches, types, content, and the list that they are added to.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/op_cases.h"

namespace tensile::test {

using Values = std::vector<ValueId>;
using Inputs = std::span<const ValueId>;
using Apply = std::function<Values(ProgramBuilder&, Inputs)>;

// A batch: static, or bounded with an extent below the capacity.
struct Batch {
    std::int64_t capacity;
    std::int64_t extent;
    bool bounded;

    TensorType matrix(std::int64_t width) const { return {DType::kF32, shape({width})}; }
    TensorType column(DType dtype = DType::kF32) const { return {dtype, shape({})}; }
    Shape shape(std::initializer_list<std::int64_t> rest) const {
        Shape shape = Shape::bounded(capacity, 0, rest);
        if (!bounded) shape.set_extent_slot(Shape::kStatic);
        return shape;
    }
    std::string label() const {
        return std::to_string(capacity) + (bounded ? "of" + std::to_string(extent) : std::string());
    }
};

struct Grid {
    Batch batch;
    std::int64_t width;
    std::string label() const { return batch.label() + "x" + std::to_string(width); }
};

// One row, odd sizes, more than one block of the sums, part of the capacity, and nothing at all.
inline const Grid kGrids[] = {{{1, 1, false}, 1},   {{5, 5, false}, 3},    {{70, 70, false}, 33},
                              {{70, 41, true}, 33}, {{600, 301, true}, 3}, {{9, 0, true}, 3}};

inline TensorType scalar() {
    return {DType::kF32, {}};
}
inline TensorType row(std::int64_t width) {
    return {DType::kF32, {width}};
}
inline TensorType table(std::int64_t rows, std::int64_t width) {
    return {DType::kF32, {rows, width}};
}
inline TensorType slots(std::int64_t count) {
    return {DType::kI32, {count}};
}

// Both signs, away from 0 (where relu has no derivative).
inline double both_signs(const Element& element) {
    const double x = 2 * element.uniform - 1;
    return x + std::copysign(0.05, x);
}
inline double positive(const Element& element) {
    return 0.5 + 1.5 * element.uniform;
}
// Row weights: some targets are missing.
inline bool missing(const Element& element) {
    return element.row % 3 == 1;
}
inline double weight(const Element& element) {
    return missing(element) ? 0 : 0.5 + element.uniform;
}
// What a row without target holds must not matter.
inline double masked(const Element& element) {
    return missing(element) ? std::numeric_limits<double>::quiet_NaN() : both_signs(element);
}
inline double masked_fraction(const Element& element) {
    return missing(element) ? std::numeric_limits<double>::quiet_NaN() : element.uniform;
}
inline Content constant(double value) {
    return [value](const Element&) { return value; };
}
// Indices below `bound`, -1, and one that is out of range.
inline Content indices(std::int64_t bound) {
    return [bound](const Element& element) { return std::floor(element.uniform * static_cast<double>(bound + 2)) - 1; };
}
// 4, 0, -1, 2: distinct, in no order, with a hole.
inline double distinct_indices(const Element& element) {
    constexpr double kIndices[] = {4, 0, -1, 2};
    return kIndices[element.index % 4];
}

class CaseList {
  public:
    void add(std::string op, const std::string& label, std::vector<CaseInput> inputs, std::int64_t extent,
             Apply apply) {
        std::string name = op + "/" + label;
        cases_.push_back({std::move(name), std::move(op), std::move(inputs), extent, std::move(apply)});
    }

    void add(std::string op, const Grid& grid, std::vector<CaseInput> inputs, Apply apply) {
        add(std::move(op), grid.label(), std::move(inputs), grid.batch.extent, std::move(apply));
    }

    using Unary = ValueId (*)(ProgramBuilder&, ValueId);
    void on_matrix(const std::string& op, Unary apply, const Content& content = both_signs) {
        for (const Grid& grid : kGrids)
            add(op, grid, {{"x", grid.batch.matrix(grid.width), content}},
                [apply](ProgramBuilder& builder, Inputs in) { return Values{apply(builder, in[0])}; });
    }
    // Of any rank, scalars included.
    void unary(const std::string& op, Unary apply, const Content& content = both_signs) {
        on_matrix(op, apply, content);
        add(op, "scalar", {{"x", scalar(), content}}, 0,
            [apply](ProgramBuilder& builder, Inputs in) { return Values{apply(builder, in[0])}; });
    }

    using Binary = ValueId (*)(ProgramBuilder&, ValueId, ValueId);
    void binary(const std::string& op, Binary apply, const Content& content = both_signs) {
        for (const Grid& grid : kGrids) {
            const TensorType type = grid.batch.matrix(grid.width);
            add(op, grid, {{"a", type, content}, {"b", type, content}},
                [apply](ProgramBuilder& builder, Inputs in) { return Values{apply(builder, in[0], in[1])}; });
        }
    }

    std::vector<OpCase> take() { return std::move(cases_); }

  private:
    std::vector<OpCase> cases_;
};

inline CaseInput fixed(std::string name, const TensorType& type, Content content) {
    return {std::move(name), type, std::move(content), false, false};
}
inline CaseInput variable(std::string name, const TensorType& type, Content content) {
    return {std::move(name), type, std::move(content), true, false};
}

// Each part of op_cases(), in its own file.
void add_matrix_cases(CaseList& list);
void add_row_cases(CaseList& list);
void add_training_cases(CaseList& list);

}  // namespace tensile::test
