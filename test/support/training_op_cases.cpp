// Cases of the ops that a training step adds: sparse rows, batch statistics, losses, reductions, optimizers.
#include <algorithm>

#include "graph/ops/adam_rows.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/binary_cross_entropy_loss.h"
#include "graph/ops/clip_scale.h"
#include "graph/ops/concat_rows.h"
#include "graph/ops/copy.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/huber_loss.h"
#include "graph/ops/inner_product.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "graph/ops/squared_error_loss.h"
#include "graph/ops/sum_all.h"
#include "graph/ops/sum_of_squares.h"
#include "support/op_case_list.h"

namespace tensile::test {

namespace {

void add_sparse(CaseList& list) {
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

void add_batch_norm(CaseList& list) {
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

void add_losses(CaseList& list) {
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

void add_reductions(CaseList& list) {
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

void add_optimizers(CaseList& list) {
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

void add_training_cases(CaseList& list) {
    add_sparse(list);
    add_batch_norm(list);
    add_losses(list);
    add_reductions(list);
    add_optimizers(list);
}

}  // namespace tensile::test
