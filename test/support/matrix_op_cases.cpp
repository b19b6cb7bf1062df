// Cases of the ops on matrices that mix columns: products, attention, LSTM cells.
#include <limits>

#include "graph/ops/batched_matmul.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/matmul.h"
#include "graph/ops/split_heads.h"
#include "support/op_case_list.h"

namespace tensile::test {

namespace {

void add_linear(CaseList& list) {
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

void add_attention(CaseList& list) {
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

void add_causal_softmax(CaseList& list) {
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

void add_lstm(CaseList& list) {
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

}  // namespace

void add_matrix_cases(CaseList& list) {
    add_linear(list);
    add_attention(list);
    add_causal_softmax(list);
    add_lstm(list);
}

}  // namespace tensile::test
