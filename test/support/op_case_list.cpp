// The list of op cases; see op_cases.h.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "graph/ops/adam_rows.h"
#include "graph/ops/add.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/binary_cross_entropy_loss.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/cast.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/clip_scale.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/concat_rows.h"
#include "graph/ops/copy.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/divide.h"
#include "graph/ops/dropout.h"
#include "graph/ops/exp.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/gelu.h"
#include "graph/ops/huber_loss.h"
#include "graph/ops/inner_product.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/log.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/matmul.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/multiply.h"
#include "graph/ops/pad_columns.h"
#include "graph/ops/pinball.h"
#include "graph/ops/relu.h"
#include "graph/ops/round_straight_through.h"
#include "graph/ops/scale.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/sigmoid.h"
#include "graph/ops/silu.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/softmax.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "graph/ops/split_heads.h"
#include "graph/ops/sqrt.h"
#include "graph/ops/square.h"
#include "graph/ops/squared_error_loss.h"
#include "graph/ops/stop_gradient.h"
#include "graph/ops/subtract.h"
#include "graph/ops/sum_all.h"
#include "graph/ops/sum_of_squares.h"
#include "graph/ops/tanh.h"
#include "support/image_op_cases.h"
#include "support/mode_op_cases.h"
#include "support/op_cases.h"

namespace tensile::test {

namespace {

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
const Grid kGrids[] = {{{1, 1, false}, 1},   {{5, 5, false}, 3},    {{70, 70, false}, 33},
                       {{70, 41, true}, 33}, {{600, 301, true}, 3}, {{9, 0, true}, 3}};

TensorType scalar() {
    return {DType::kF32, {}};
}
TensorType row(std::int64_t width) {
    return {DType::kF32, {width}};
}
TensorType table(std::int64_t rows, std::int64_t width) {
    return {DType::kF32, {rows, width}};
}
TensorType slots(std::int64_t count) {
    return {DType::kI32, {count}};
}

// Both signs, away from 0 (where relu has no derivative).
double both_signs(const Element& element) {
    const double x = 2 * element.uniform - 1;
    return x + std::copysign(0.05, x);
}
double positive(const Element& element) {
    return 0.5 + 1.5 * element.uniform;
}
// Row weights: some targets are missing.
bool missing(const Element& element) {
    return element.row % 3 == 1;
}
double weight(const Element& element) {
    return missing(element) ? 0 : 0.5 + element.uniform;
}
// What a row without target holds must not matter.
double masked(const Element& element) {
    return missing(element) ? std::numeric_limits<double>::quiet_NaN() : both_signs(element);
}
double masked_fraction(const Element& element) {
    return missing(element) ? std::numeric_limits<double>::quiet_NaN() : element.uniform;
}
Content constant(double value) {
    return [value](const Element&) { return value; };
}
// Indices below `bound`, -1, and one that is out of range.
Content indices(std::int64_t bound) {
    return [bound](const Element& element) { return std::floor(element.uniform * static_cast<double>(bound + 2)) - 1; };
}
// 4, 0, -1, 2: distinct, in no order, with a hole.
double distinct_indices(const Element& element) {
    constexpr double kIndices[] = {4, 0, -1, 2};
    return kIndices[element.index % 4];
}

class List {
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

CaseInput fixed(std::string name, const TensorType& type, Content content) {
    return {std::move(name), type, std::move(content), false, false};
}
CaseInput variable(std::string name, const TensorType& type, Content content) {
    return {std::move(name), type, std::move(content), true, false};
}

void add_linear(List& list) {
    for (const Grid& grid : kGrids) {
        const Batch& batch = grid.batch;
        for (bool transpose_b : {false, true}) {
            const TensorType b = transpose_b ? table(5, grid.width) : table(grid.width, 5);
            list.add("matmul", grid.label() + (transpose_b ? "/b" : ""),
                     {{"a", batch.matrix(grid.width), both_signs}, {"b", b, both_signs}}, batch.extent,
                     [=](ProgramBuilder& builder, Inputs in) {
                         return Values{ops::matmul(builder, in[0], in[1], false, transpose_b)};
                     });
        }
        list.add("matmul", grid.label() + "/a",
                 {{"a", batch.matrix(grid.width), both_signs}, {"b", batch.matrix(5), both_signs}}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::matmul(builder, in[0], in[1], true)}; });
        list.add("bias_add", grid, {{"x", batch.matrix(grid.width), both_signs}, {"bias", row(grid.width), both_signs}},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::bias_add(builder, in[0], in[1])}; });
        const Shape shape = batch.shape({grid.width});
        list.add(
            "broadcast_rows", grid, {{"row", row(grid.width), both_signs}},
            [=](ProgramBuilder& builder, Inputs in) { return Values{ops::broadcast_rows(builder, in[0], shape)}; });
        list.add("broadcast_scalar", grid, {{"value", scalar(), both_signs}}, [=](ProgramBuilder& builder, Inputs in) {
            return Values{ops::broadcast_scalar(builder, in[0], shape)};
        });
    }
    list.add("matmul", "both", {{"a", table(3, 33), both_signs}, {"b", table(7, 3), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::matmul(builder, in[0], in[1], true, true)}; });
    list.on_matrix("column_sum", ops::column_sum);
}

void add_attention(List& list) {
    struct Product {
        std::int64_t groups, rows, inner, columns;
    };
    for (const auto& [groups, rows, inner, columns] : {Product{1, 1, 1, 1}, Product{3, 5, 2, 4}, Product{6, 33, 17, 9},
                                                       Product{4, 3, 8, 1}, Product{1, 70, 33, 20}}) {
        for (bool transpose_a : {false, true}) {
            for (bool transpose_b : {false, true}) {
                const TensorType a = transpose_a ? table(groups * inner, rows) : table(groups * rows, inner);
                const TensorType b = transpose_b ? table(groups * columns, inner) : table(groups * inner, columns);
                std::string label = std::to_string(groups) + "x" + std::to_string(rows) + "x" + std::to_string(inner) +
                                    "x" + std::to_string(columns);
                label += std::string(transpose_a ? "/a" : "") + (transpose_b ? "/b" : "");
                list.add(
                    "batched_matmul", label, {{"a", a, both_signs}, {"b", b, both_signs}}, 0,
                    [=, groups = groups](ProgramBuilder& builder, Inputs in) {
                        return Values{ops::batched_matmul(builder, in[0], in[1], groups, transpose_a, transpose_b)};
                    });
            }
        }
    }
    struct Heads {
        std::int64_t sequences, steps, heads, width;
    };
    for (const auto& [sequences, steps, heads, width] :
         {Heads{1, 1, 1, 1}, Heads{2, 3, 2, 5}, Heads{3, 17, 5, 1}, Heads{1, 4, 3, 33}}) {
        const std::string label = std::to_string(sequences) + "x" + std::to_string(steps) + "x" +
                                  std::to_string(heads) + "x" + std::to_string(width);
        list.add("split_heads", label, {{"x", table(sequences * steps, heads * width), both_signs}}, 0,
                 [steps = steps, heads = heads](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::split_heads(builder, in[0], steps, heads)};
                 });
        list.add("merge_heads", label, {{"y", table(sequences * heads * steps, width), both_signs}}, 0,
                 [steps = steps, heads = heads](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::merge_heads(builder, in[0], steps, heads)};
                 });
    }
}

void add_causal_softmax(List& list) {
    for (const Grid& grid : {Grid{{1, 1, false}, 1}, Grid{{3, 3, false}, 3}, Grid{{66, 66, false}, 33},
                             Grid{{66, 41, true}, 33}, Grid{{600, 301, true}, 3}, Grid{{9, 0, true}, 3}}) {
        const TensorType type = grid.batch.matrix(grid.width);
        // What a step may not see must not matter.
        const auto scores = [steps = grid.width](const Element& element) {
            const bool seen = element.index % steps <= element.row % steps;
            return seen ? 20 * both_signs(element) : std::numeric_limits<double>::quiet_NaN();
        };
        list.add("causal_softmax", grid, {{"x", type, scores}},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::causal_softmax(builder, in[0])}; });
        list.add("causal_softmax_gradient", grid, {{"y", type, both_signs}, {"dy", type, scores}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::causal_softmax_gradient(builder, in[0], in[1])};
                 });
    }
}

void add_lstm(List& list) {
    for (const Grid& grid : kGrids) {
        const TensorType state = grid.batch.matrix(grid.width);
        const TensorType gates = grid.batch.matrix(4 * grid.width);
        const CaseInput present = fixed("present", grid.batch.column(), weight);
        const CaseInput previous_cell{"previous_cell", state, both_signs};
        list.add("lstm_cell", grid, {{"gates", gates, both_signs}, previous_cell},
                 [](ProgramBuilder& builder, Inputs in) {
                     const ops::LstmState next = ops::lstm_cell(builder, in[0], {{}, in[1]});
                     return Values{next.hidden, next.cell};
                 });
        list.add("lstm_cell", grid.label() + "/masked",
                 {{"gates", gates, masked}, previous_cell, {"previous_hidden", state, both_signs}, present},
                 grid.batch.extent, [](ProgramBuilder& builder, Inputs in) {
                     const ops::LstmState next = ops::lstm_cell(builder, in[0], {in[2], in[1]}, in[3]);
                     return Values{next.hidden, next.cell};
                 });
        // Gradients that flow through one output alone.
        for (const bool hidden : {true, false}) {
            list.add("lstm_cell", grid.label() + (hidden ? "/hidden" : "/cell"),
                     {{"gates", gates, masked}, previous_cell, {"previous_hidden", state, both_signs}, present},
                     grid.batch.extent, [=](ProgramBuilder& builder, Inputs in) {
                         const ops::LstmState next = ops::lstm_cell(builder, in[0], {in[2], in[1]}, in[3]);
                         return Values{hidden ? next.hidden : next.cell};
                     });
        }
        const CaseInput dh{"dh", state, both_signs};
        const CaseInput dc{"dc", state, both_signs};
        const auto outputs = [](const ops::LstmCellGradients& result) {
            Values values{result.gates, result.previous_cell};
            if (result.previous_hidden.valid()) values.push_back(result.previous_hidden);
            return values;
        };
        const auto add_gradient = [&](const std::string& variant, std::vector<CaseInput> inputs, const Apply& apply) {
            inputs.insert(inputs.begin(), {{"gates", gates, both_signs}, previous_cell});
            list.add("lstm_cell_gradient", grid.label() + variant, inputs, grid.batch.extent, apply);
        };
        add_gradient("", {dh, dc}, [=](ProgramBuilder& builder, Inputs in) {
            return outputs(ops::lstm_cell_gradient(builder, in[0], in[1], {}, {in[2], in[3]}));
        });
        add_gradient("/masked", {present, dh, dc}, [=](ProgramBuilder& builder, Inputs in) {
            return outputs(ops::lstm_cell_gradient(builder, in[0], in[1], in[2], {in[3], in[4]}));
        });
        add_gradient("/masked/hidden", {present, dh}, [=](ProgramBuilder& builder, Inputs in) {
            return outputs(ops::lstm_cell_gradient(builder, in[0], in[1], in[2], {in[3], {}}));
        });
        add_gradient("/masked/cell", {present, dc}, [=](ProgramBuilder& builder, Inputs in) {
            return outputs(ops::lstm_cell_gradient(builder, in[0], in[1], in[2], {{}, in[3]}));
        });
    }
}

void add_elementwise(List& list) {
    list.binary("add", ops::add);
    list.binary("subtract", ops::subtract);
    list.binary("multiply", ops::multiply);
    list.binary("divide", ops::divide, positive);
    list.unary("relu", ops::relu);
    list.binary("relu_gradient", ops::relu_gradient);
    list.unary("gelu", ops::gelu);
    list.binary("gelu_gradient", ops::gelu_gradient);
    list.unary("silu", ops::silu);
    list.binary("silu_gradient", ops::silu_gradient);
    list.unary("tanh", ops::tanh);
    list.binary("tanh_gradient", ops::tanh_gradient);
    list.unary("sigmoid", ops::sigmoid);
    list.binary("sigmoid_gradient", ops::sigmoid_gradient);
    list.unary("exp", ops::exp);
    list.unary("log", ops::log, positive);
    list.unary("square", ops::square);
    list.binary("square_gradient", ops::square_gradient);
    list.unary("sqrt", ops::sqrt, positive);
    list.binary("sqrt_gradient", ops::sqrt_gradient, positive);
    list.unary("stop_gradient", ops::stop_gradient);
    list.unary("round_straight_through", ops::round_straight_through,
               [](const Element& element) { return 8 * element.uniform - 4; });
    list.unary("pinball", [](ProgramBuilder& builder, ValueId x) { return ops::pinball(builder, x, 0.9); });
    list.binary("pinball_gradient", [](ProgramBuilder& builder, ValueId x, ValueId dy) {
        return ops::pinball_gradient(builder, x, dy, 0.9);
    });
    list.unary("affine_constant",
               [](ProgramBuilder& builder, ValueId x) { return ops::affine_constant(builder, x, -1.5, 0.25); });
    for (const Grid& grid : kGrids) {
        list.add("scale", grid, {{"x", grid.batch.matrix(grid.width), both_signs}, {"factor", scalar(), both_signs}},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::scale(builder, in[0], in[1])}; });
    }
}

void add_cast(List& list) {
    const auto any = [](const Element& element) { return 200 * element.uniform - 100; };
    const auto byte = [](const Element& element) { return std::floor(256 * element.uniform); };
    for (const auto& [from, to] : {std::pair{DType::kF32, DType::kI32}, std::pair{DType::kF32, DType::kU8},
                                   std::pair{DType::kF32, DType::kF32}, std::pair{DType::kI32, DType::kF32},
                                   std::pair{DType::kI64, DType::kF32}, std::pair{DType::kU8, DType::kF32}}) {
        for (const Grid& grid : kGrids) {
            TensorType type = grid.batch.matrix(grid.width);
            type.dtype = from;
            const std::string label = std::string(name_of(from)) + "/" + std::string(name_of(to));
            CaseInput input{"x", type, any};
            if (from == DType::kU8) input.content = byte;
            input.differentiable = is_floating(from) && is_floating(to);
            list.add("cast", label + "/" + grid.label(), {input}, grid.batch.extent,
                     [to](ProgramBuilder& builder, Inputs in) { return Values{ops::cast(builder, in[0], to)}; });
        }
    }
}

void add_row_ops(List& list) {
    list.on_matrix("softmax", ops::softmax);
    list.add("softmax", "rank3", {{"x", {DType::kF32, {5, 2, 7}}, both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::softmax(builder, in[0])}; });
    list.binary("softmax_gradient", ops::softmax_gradient);
    for (const Grid& grid : kGrids) {
        const TensorType x = grid.batch.matrix(grid.width);
        const TensorType column = grid.batch.column();
        const TensorType parameter = row(grid.width);
        const CaseInput rng =
            fixed("rng", {DType::kI64, {2}}, [](const Element& element) { return element.index == 0 ? 42 : 7; });
        list.add("dropout", grid, {{"x", x, both_signs}, rng}, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::dropout(builder, in[0], in[1], 0.3, 5)};
        });
        list.add("dropout_gradient", grid, {{"dy", x, both_signs}, rng}, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::dropout_gradient(builder, in[0], in[1], 0.3, 5)};
        });
        list.add("layer_norm", grid,
                 {{"x", x, both_signs}, {"gamma", parameter, positive}, {"beta", parameter, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     const ops::LayerNorm norm = ops::layer_norm(builder, in[0], in[1], in[2], 1e-3);
                     return Values{norm.y, norm.mean, norm.inverse_deviation};
                 });
        list.add("layer_norm_gradient_input", grid,
                 {{"x", x, both_signs},
                  {"gamma", parameter, positive},
                  {"mean", column, both_signs},
                  {"inverse_deviation", column, positive},
                  {"dy", x, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::layer_norm_gradient_input(builder, in[0], in[1], in[2], in[3], in[4])};
                 });
        list.add("layer_norm_gradient_parameters", grid,
                 {{"x", x, both_signs},
                  {"mean", column, both_signs},
                  {"inverse_deviation", column, positive},
                  {"dy", x, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     const auto sums = ops::layer_norm_gradient_parameters(builder, in[0], in[1], in[2], in[3]);
                     return Values{sums.gamma, sums.beta};
                 });
    }
}

void add_columns(List& list) {
    for (const Grid& grid : kGrids) {
        const TensorType x = grid.batch.matrix(grid.width);
        list.add(
            "concat_columns", grid,
            {{"a", x, both_signs}, {"b", grid.batch.matrix(1), both_signs}, {"c", grid.batch.matrix(5), both_signs}},
            [](ProgramBuilder& builder, Inputs in) { return Values{ops::concat_columns(builder, in)}; });
        const std::int64_t begin = grid.width / 3;
        list.add("slice_columns", grid, {{"x", x, both_signs}}, [=](ProgramBuilder& builder, Inputs in) {
            return Values{ops::slice_columns(builder, in[0], begin, begin + 1)};
        });
        list.add("pad_columns", grid, {{"x", x, both_signs}},
                 [=, width = grid.width](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::pad_columns(builder, in[0], 2, width + 3)};
                 });
    }
}

void add_sparse(List& list) {
    constexpr std::int64_t kTableRows = 7;
    for (const Grid& grid : kGrids) {
        const Batch& batch = grid.batch;
        for (std::int64_t lookups : {0, 3}) {  // 0: indices of rank 1
            const TensorType type{DType::kI32, lookups == 0 ? batch.shape({}) : batch.shape({lookups})};
            const std::string label = grid.label() + "/" + std::to_string(lookups);
            const CaseInput index = fixed("indices", type, indices(kTableRows));
            list.add(
                "gather_rows", label, {{"table", table(kTableRows, grid.width), both_signs}, index}, batch.extent,
                [](ProgramBuilder& builder, Inputs in) { return Values{ops::gather_rows(builder, in[0], in[1])}; });
            const std::int64_t width = grid.width * std::max<std::int64_t>(lookups, 1);
            list.add("gather_rows_gradient", label, {index, {"dy", batch.matrix(width), both_signs}}, batch.extent,
                     [](ProgramBuilder& builder, Inputs in) {
                         const SparseRows sparse = ops::gather_rows_gradient(builder, in[0], in[1], kTableRows);
                         return Values{sparse.rows, sparse.indices};
                     });
        }
    }
    for (std::int64_t count : {1, 5, 70}) {
        const std::vector<CaseInput> inputs = {{"rows", table(count, 3), both_signs},
                                               fixed("indices", slots(count), indices(kTableRows))};
        const std::string label = std::to_string(count);
        list.add("densify_rows", label, inputs, 0, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::densify_rows(builder, {in[0], in[1], kTableRows})};
        });
        list.add("merge_rows", label, inputs, 0, [](ProgramBuilder& builder, Inputs in) {
            const SparseRows merged = ops::merge_rows(builder, {in[0], in[1], kTableRows});
            return Values{merged.rows, merged.indices};
        });
        list.add("concat_rows", label, {{"a", table(count, 3), both_signs}, {"b", table(5, 3), both_signs}}, 0,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::concat_rows(builder, in)}; });
        list.add("concat_rows", label + "/i32",
                 {fixed("a", slots(count), indices(9)), fixed("b", slots(5), indices(9))}, 0,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::concat_rows(builder, in)}; });
    }
}

void add_batch_norm(List& list) {
    for (const Grid& grid : kGrids) {
        const TensorType x = grid.batch.matrix(grid.width);
        const TensorType column = row(grid.width);
        list.add("batch_moments", grid, {{"x", x, both_signs}}, [](ProgramBuilder& builder, Inputs in) {
            const ops::BatchMoments moments = ops::batch_moments(builder, in[0]);
            return Values{moments.mean, moments.variance};
        });
        list.add("batch_moments_gradient", grid,
                 {{"x", x, both_signs},
                  {"mean", column, both_signs},
                  {"dmean", column, both_signs},
                  {"dvariance", column, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::batch_moments_gradient(builder, in[0], in[1], in[2], in[3])};
                 });
        list.add("batch_normalize", grid,
                 {{"x", x, both_signs},
                  {"mean", column, both_signs},
                  {"variance", column, positive},
                  {"gamma", column, positive},
                  {"beta", column, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::batch_normalize(builder, in[0], in[1], in[2], in[3], in[4], 1e-3)};
                 });
        list.add("batch_norm_gradient_input", grid,
                 {{"dy", x, both_signs}, {"variance", column, positive}, {"gamma", column, positive}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::batch_norm_gradient_input(builder, in[0], in[1], in[2], 1e-3)};
                 });
        list.add("batch_norm_gradient_reductions", grid,
                 {{"x", x, both_signs},
                  {"mean", column, both_signs},
                  {"variance", column, positive},
                  {"gamma", column, positive},
                  {"dy", x, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     const auto sums =
                         ops::batch_norm_gradient_reductions(builder, in[0], in[1], in[2], in[3], in[4], 1e-3);
                     return Values{sums.mean, sums.variance, sums.gamma, sums.beta};
                 });
        list.add("moving_average_update", grid,
                 {variable("running", column, both_signs), {"sample", column, both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::moving_average_update(builder, in[0], in[1], 0.9)};
                 });
    }
}

void add_losses(List& list) {
    using Loss = std::function<ValueId(ProgramBuilder&, Inputs)>;
    const auto add = [&](const std::string& op, const Content& target, const Loss& loss, const Loss& gradient) {
        for (const Grid& grid : kGrids) {
            const Batch& batch = grid.batch;
            // Predictions come as f[B] and as f[B, 1].
            const TensorType prediction = grid.width == 1 ? batch.column() : batch.matrix(1);
            std::vector<CaseInput> inputs = {{"prediction", prediction, masked},
                                             fixed("target", batch.column(), target),
                                             fixed("weight", batch.column(), weight)};
            list.add(op, grid, inputs, [=](ProgramBuilder& builder, Inputs in) { return Values{loss(builder, in)}; });
            inputs.push_back({"dloss", batch.column(), both_signs});
            list.add(op + "_gradient", grid, inputs,
                     [=](ProgramBuilder& builder, Inputs in) { return Values{gradient(builder, in)}; });
        }
    };
    add(
        "squared_error_loss", masked,
        [](ProgramBuilder& builder, Inputs in) { return ops::squared_error_loss(builder, in[0], in[1], in[2]); },
        [](ProgramBuilder& builder, Inputs in) {
            return ops::squared_error_loss_gradient(builder, in[0], in[1], in[2], in[3]);
        });
    add(
        "huber_loss", masked,
        [](ProgramBuilder& builder, Inputs in) { return ops::huber_loss(builder, in[0], in[1], in[2], 0.5); },
        [](ProgramBuilder& builder, Inputs in) {
            return ops::huber_loss_gradient(builder, in[0], in[1], in[2], in[3], 0.5);
        });
    add(
        "binary_cross_entropy_loss", masked_fraction,
        [](ProgramBuilder& builder, Inputs in) { return ops::binary_cross_entropy_loss(builder, in[0], in[1], in[2]); },
        [](ProgramBuilder& builder, Inputs in) {
            return ops::binary_cross_entropy_loss_gradient(builder, in[0], in[1], in[2], in[3]);
        });
    for (const Grid& grid : kGrids) {
        const Batch& batch = grid.batch;
        std::vector<CaseInput> inputs = {{"prediction", batch.matrix(grid.width), masked},
                                         fixed("target", batch.column(DType::kI32), indices(grid.width)),
                                         fixed("weight", batch.column(), weight)};
        list.add("softmax_cross_entropy_loss", grid, inputs, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::softmax_cross_entropy_loss(builder, in[0], in[1], in[2])};
        });
        inputs.push_back({"dloss", batch.column(), both_signs});
        list.add("softmax_cross_entropy_loss_gradient", grid, inputs, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::softmax_cross_entropy_loss_gradient(builder, in[0], in[1], in[2], in[3])};
        });
    }
}

void add_reductions(List& list) {
    list.unary("sum_all", ops::sum_all);
    list.unary("sum_of_squares", ops::sum_of_squares);
    list.binary("inner_product", ops::inner_product);
    for (const Grid& grid : kGrids) {
        const TensorType column = grid.batch.column();
        list.add("masked_mean", grid, {{"losses", column, both_signs}, fixed("weights", column, weight)},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::masked_mean(builder, in[0], in[1])}; });
        list.add("masked_mean_gradient", grid, {{"weights", column, weight}, {"dy", scalar(), both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::masked_mean_gradient(builder, in[0], in[1])};
                 });
    }
    list.add("add_scalars", "3",
             {{"a", scalar(), both_signs}, {"b", scalar(), both_signs}, {"c", scalar(), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::add_scalars(builder, in)}; });
    for (double max_norm : {0.0, 1.5, 4.0}) {
        list.add("clip_scale", std::to_string(max_norm),
                 {fixed("sum_of_squares", scalar(), constant(9)), fixed("max_norm", scalar(), constant(max_norm))}, 0,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::clip_scale(builder, in[0], in[1])}; });
    }
}

double adam_step(const Element& element) {
    constexpr double kStep[] = {0.01, 0.9, 0.999, 1e-8, 0.1, 0.271, 0.002997001};
    return kStep[element.index];
}

void add_optimizers(List& list) {
    const CaseInput step = fixed("step", row(ops::kAdamStepLength), adam_step);
    const CaseInput gradient_scale = fixed("gradient_scale", scalar(), constant(0.5));
    const std::vector<CaseInput> sgd = {fixed("learning_rate", scalar(), constant(0.1)),
                                        fixed("momentum", scalar(), constant(0.9)),
                                        fixed("weight_decay", scalar(), constant(0.01)), gradient_scale};
    const auto with = [](std::vector<CaseInput> first, const std::vector<CaseInput>& rest) {
        first.insert(first.end(), rest.begin(), rest.end());
        return first;
    };
    const auto states = [](const ops::AdamState& state) { return Values{state.parameter, state.first, state.second}; };
    const std::pair<std::int64_t, std::int64_t> sizes[] = {{1, 1}, {5, 3}, {70, 33}};
    for (const auto& [rows, width] : sizes) {
        const TensorType type = table(rows, width);
        const std::string label = std::to_string(rows) + "x" + std::to_string(width);
        const CaseInput gradient = fixed("gradient", type, both_signs);
        const std::vector<CaseInput> sparse = {fixed("rows", table(4, width), both_signs),
                                               fixed("indices", slots(4), distinct_indices)};
        const CaseInput parameter = variable("parameter", type, both_signs);
        const CaseInput velocity = variable("velocity", type, both_signs);
        const CaseInput first = variable("first", type, both_signs);
        const CaseInput second = variable("second", type, positive);

        list.add("copy", label, {parameter, gradient}, 0,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::copy(builder, in[0], in[1])}; });
        list.add("sgd_momentum", label, with({parameter, gradient, velocity}, sgd), 0,
                 [](ProgramBuilder& builder, Inputs in) {
                     const auto state = ops::sgd_momentum(builder, {in[0], in[2]}, in[1], {in[3], in[4], in[5], in[6]});
                     return Values{state.parameter, state.velocity};
                 });
        list.add("sgd_momentum_rows", label, with(with({parameter}, sparse), with({velocity}, sgd)), 0,
                 [=, rows = rows](ProgramBuilder& builder, Inputs in) {
                     const auto state = ops::sgd_momentum_rows(builder, {in[0], in[3]}, {in[1], in[2], rows},
                                                               {in[4], in[5], in[6], in[7]});
                     return Values{state.parameter, state.velocity};
                 });
        for (bool decoupled : {false, true}) {
            const std::string variant = label + (decoupled ? "/decoupled" : "");
            list.add("adam", variant, {parameter, gradient, first, second, step, gradient_scale}, 0,
                     [=](ProgramBuilder& builder, Inputs in) {
                         return states(ops::adam(builder, {in[0], in[2], in[3]}, in[1], {in[4], in[5]}, decoupled));
                     });
            list.add("adam_rows", variant, with(with({parameter}, sparse), {first, second, step, gradient_scale}), 0,
                     [=, rows = rows](ProgramBuilder& builder, Inputs in) {
                         return states(ops::adam_rows(builder, {in[0], in[3], in[4]}, {in[1], in[2], rows},
                                                      {in[5], in[6]}, decoupled));
                     });
        }
    }
}

}  // namespace

const std::vector<OpCase>& op_cases() {
    static const std::vector<OpCase> cases = [] {
        List list;
        add_linear(list);
        add_attention(list);
        add_causal_softmax(list);
        add_lstm(list);
        add_elementwise(list);
        add_cast(list);
        add_row_ops(list);
        add_columns(list);
        add_sparse(list);
        add_batch_norm(list);
        add_losses(list);
        add_reductions(list);
        add_optimizers(list);
        std::vector<OpCase> all = list.take();
        std::ranges::move(image_op_cases(), std::back_inserter(all));
        std::ranges::move(mode_op_cases(), std::back_inserter(all));
        return all;
    }();
    return cases;
}

}  // namespace tensile::test
