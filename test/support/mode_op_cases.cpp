// Cases of the ops on modes: first, middle and last axes, modes of one place, blocks narrower and wider than a vector,
// more terms than a panel holds, a matrix for each place, several repeats, extents below the capacity.
#include "support/mode_op_cases.h"

#include <cmath>

#include "graph/ops/absolute.h"
#include "graph/ops/mode_product.h"
#include "graph/ops/split_columns.h"
#include "graph/ops/spread_mode.h"

namespace tensile::test {

namespace {

using Values = std::vector<ValueId>;
using Inputs = std::span<const ValueId>;

double both_signs(const Element& element) {
    const double x = 2 * element.uniform - 1;
    return x + std::copysign(0.05, x);
}

struct Batch {
    std::int64_t capacity;
    std::int64_t extent;
    bool bounded;

    TensorType matrix(std::int64_t width) const {
        Shape shape = Shape::bounded(capacity, 0, {width});
        if (!bounded) shape.set_extent_slot(Shape::kStatic);
        return {DType::kF32, shape};
    }
    std::string label() const { return std::to_string(capacity) + (bounded ? "of" + std::to_string(extent) : ""); }
};

struct Product {
    std::string label;
    ops::ModeAxis axis;
    std::int64_t repeats, rows, size;
};

std::vector<Product> products() {
    return {{"one", {1, 1, 1}, 1, 1, 1},          {"first", {1, 1, 6}, 2, 5, 3},
            {"middle", {1, 4, 3}, 1, 2, 5},       {"last", {1, 7, 1}, 1, 4, 3},
            {"last/repeats", {1, 5, 1}, 3, 9, 2}, {"groups", {4, 3, 5}, 2, 3, 2},
            {"groups/last", {3, 5, 1}, 2, 8, 6},  {"places", {11, 1, 1}, 1, 1, 8},
            {"narrow", {1, 3, 8}, 2, 17, 19},     {"narrow/groups", {2, 2, 3}, 1, 21, 16},
            {"wide", {2, 1, 37}, 1, 13, 12},      {"long/last", {1, 2, 1}, 1, 35, 270},
            {"long", {1, 1, 2}, 1, 20, 260},      {"inner", {1, 1, 300}, 1, 3, 2},
            {"band", {1, 1, 4}, 1, 70, 5}};
}

OpCase make_case(const std::string& op, const std::string& label, std::vector<CaseInput> inputs, std::int64_t extent,
                 std::function<Values(ProgramBuilder&, Inputs)> apply) {
    return {op + "/" + label, op, std::move(inputs), extent, std::move(apply)};
}

void add_products(std::vector<OpCase>& cases) {
    for (const Batch& batch : {Batch{1, 1, false}, Batch{5, 5, false}, Batch{33, 18, true}, Batch{9, 0, true}}) {
        for (const Product& product : products()) {
            const ops::ModeAxis axis = product.axis;
            const CaseInput x{"x", batch.matrix(product.repeats * axis.width(product.size)), both_signs};
            const CaseInput dy{"dy", batch.matrix(product.repeats * axis.width(product.rows)), both_signs};
            for (bool transpose : {false, true}) {
                const std::int64_t down = transpose ? product.size : product.rows;
                const std::int64_t across = transpose ? product.rows : product.size;
                const CaseInput matrix{"matrix", {DType::kF32, {axis.groups * down, across}}, both_signs};
                const std::string label = product.label + "/" + batch.label() + (transpose ? "/transposed" : "");
                cases.push_back(make_case("mode_product", label, {x, matrix}, batch.extent,
                                          [=](ProgramBuilder& builder, Inputs in) {
                                              return Values{ops::mode_product(builder, in[0], in[1], axis, transpose)};
                                          }));
                cases.push_back(make_case("mode_product_gradient", label, {x, dy}, batch.extent,
                                          [=, size = product.size](ProgramBuilder& builder, Inputs in) {
                                              return Values{ops::mode_product_gradient(builder, in[0], in[1], size,
                                                                                       axis, transpose)};
                                          }));
            }
        }
    }
}

void add_spreads(std::vector<OpCase>& cases) {
    struct Spread {
        ops::ModeAxis axis;
        std::int64_t repeats, size;
    };
    for (const Spread& spread :
         {Spread{{1, 1, 1}, 1, 1}, Spread{{1, 3, 2}, 1, 4}, Spread{{4, 5, 1}, 2, 3}, Spread{{2, 1, 33}, 3, 40}}) {
        const ops::ModeAxis axis = spread.axis;
        const std::int64_t repeats = spread.repeats;
        const std::int64_t values = axis.groups * spread.size;
        const std::string label = std::to_string(repeats) + "x" + std::to_string(axis.groups) + "x" +
                                  std::to_string(axis.outer) + "x" + std::to_string(spread.size) + "x" +
                                  std::to_string(axis.inner);
        cases.push_back(make_case("spread_mode", label, {{"values", {DType::kF32, {values}}, both_signs}}, 0,
                                  [=](ProgramBuilder& builder, Inputs in) {
                                      return Values{ops::spread_mode(builder, in[0], axis, repeats)};
                                  }));
        const TensorType row{DType::kF32, {repeats * axis.width(spread.size)}};
        cases.push_back(make_case(
            "fold_mode", label, {{"row", row, both_signs}}, 0,
            [=](ProgramBuilder& builder, Inputs in) { return Values{ops::fold_mode(builder, in[0], axis, repeats)}; }));
    }
}

void add_splits(std::vector<OpCase>& cases) {
    for (const Batch& batch : {Batch{1, 1, false}, Batch{70, 41, true}, Batch{9, 0, true}}) {
        for (std::int64_t parts : {1, 3}) {
            const std::string label = batch.label() + "/" + std::to_string(parts);
            const CaseInput x{"x", batch.matrix(parts * 5), both_signs};
            cases.push_back(make_case(
                "split_columns", label, {x}, batch.extent,
                [=](ProgramBuilder& builder, Inputs in) { return ops::split_columns(builder, in[0], parts); }));
            // Parts into which nothing flows.
            cases.push_back(
                make_case("split_columns", label + "/last", {x}, batch.extent, [=](ProgramBuilder& builder, Inputs in) {
                    return Values{ops::split_columns(builder, in[0], parts).back()};
                }));
        }
    }
}

void add_absolute(std::vector<OpCase>& cases) {
    for (const Batch& batch : {Batch{1, 1, false}, Batch{70, 41, true}, Batch{9, 0, true}}) {
        const CaseInput x{"x", batch.matrix(33), both_signs};
        cases.push_back(make_case("absolute", batch.label(), {x}, batch.extent, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::absolute(builder, in[0])};
        }));
        // 0 among them.
        const auto some_zero = [](const Element& element) { return element.index % 3 == 0 ? 0 : both_signs(element); };
        cases.push_back(make_case(
            "absolute_gradient", batch.label(),
            {{"x", batch.matrix(33), some_zero}, {"dy", batch.matrix(33), both_signs}}, batch.extent,
            [](ProgramBuilder& builder, Inputs in) { return Values{ops::absolute_gradient(builder, in[0], in[1])}; }));
    }
    cases.push_back(
        make_case("absolute", "scalar", {{"x", {DType::kF32, {}}, both_signs}}, 0,
                  [](ProgramBuilder& builder, Inputs in) { return Values{ops::absolute(builder, in[0])}; }));
}

}  // namespace

std::vector<OpCase> mode_op_cases() {
    std::vector<OpCase> cases;
    add_products(cases);
    add_spreads(cases);
    add_splits(cases);
    add_absolute(cases);
    return cases;
}

}  // namespace tensile::test
