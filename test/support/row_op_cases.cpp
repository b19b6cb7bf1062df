// Cases of the ops that work element by element or row by row, and of those that move columns.
#include <cmath>

#include "graph/ops/add.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/cast.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/divide.h"
#include "graph/ops/dropout.h"
#include "graph/ops/exp.h"
#include "graph/ops/gelu.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/log.h"
#include "graph/ops/multiply.h"
#include "graph/ops/pad_columns.h"
#include "graph/ops/pinball.h"
#include "graph/ops/relu.h"
#include "graph/ops/round_straight_through.h"
#include "graph/ops/scale.h"
#include "graph/ops/sigmoid.h"
#include "graph/ops/silu.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sqrt.h"
#include "graph/ops/square.h"
#include "graph/ops/stop_gradient.h"
#include "graph/ops/subtract.h"
#include "graph/ops/tanh.h"
#include "support/op_case_list.h"

namespace tensile::test {

namespace {

void add_elementwise(CaseList& list) {
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

void add_cast(CaseList& list) {
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

void add_row_ops(CaseList& list) {
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

void add_columns(CaseList& list) {
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

}  // namespace

void add_row_cases(CaseList& list) {
    add_elementwise(list);
    add_cast(list);
    add_row_ops(list);
    add_columns(list);
}

}  // namespace tensile::test
