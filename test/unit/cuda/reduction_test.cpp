// CUDA kernels that reduce, at sizes that take what the op cases do not: rows in each form of row_group.h, several
// blocks of rows and columns with odd tails, sums of badly conditioned numbers. The reference runs in double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/interpreter.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/inner_product.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/softmax.h"
#include "graph/ops/split_heads.h"
#include "graph/ops/spread_mode.h"
#include "graph/ops/sum_all.h"
#include "support/op_case_list.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

constexpr double kRelativeError = 1e-5;
constexpr std::uint64_t kThreadOrders[] = {1, 22};

// Far from zero beside its spread.
double shifted(const Element& element) {
    return 3000 + both_signs(element);
}
// Scores of which some are masked out.
double partly_infinite(const Element& element) {
    return element.index % 5 == 1 ? -std::numeric_limits<double>::infinity() : 8 * both_signs(element);
}

class CudaReduction : public ::testing::TestWithParam<OpCase> {
  protected:
    // Within kRelativeError of the greatest magnitude in the tensor.
    static void expect_near(const TensorView& found, const HostTensor& wanted, const std::string& name) {
        const std::int64_t rows = found.type.shape.is_bounded() ? found.extent : found.type.shape.rows();
        const std::int64_t count = rows * found.type.shape.row_width();
        double scale = 0;
        for (std::int64_t i = 0; i < count; ++i)
            scale = std::max(scale, std::abs(wanted.data<double>()[i]));
        for (std::int64_t i = 0; i < count; ++i)
            ASSERT_NEAR(static_cast<double>(found.as<float>()[i]), wanted.data<double>()[i], kRelativeError * scale)
                << name << " element " << i;
    }
};

TEST_P(CudaReduction, AgreesWithDouble) {
    const OpCase& op_case = GetParam();
    const Program program = case_program(op_case);
    Interpreter<double> interpreter(program);
    load_case(op_case, interpreter);
    interpreter.run();
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    for (const std::uint64_t order : kThreadOrders) {
        cuda_emulation::set_thread_order(order);
        PluginRun run(device.get(), program);
        run.set_extent(0, op_case.extent);
        for (const CaseInput& input : op_case.inputs)
            fill_case_input(op_case, input, run.tensor(input.name), std::numeric_limits<double>::quiet_NaN());
        run.run(stream.get());
        EXPECT_EQ(cuda_emulation::take_complaints(), "");
        EXPECT_EQ(cuda_emulation::damaged_guard(), "");
        for (const NamedValue& output : program.outputs())
            expect_near(run.output(output.name), interpreter.output(output.name), output.name);
    }
    cuda_emulation::set_thread_order(0);
}

// A width of each form, and just beyond it.
void add_row_cases_of_all_forms(CaseList& list) {
    for (const std::int64_t width : {4, 5, 16, 17, 33, 128, 129, 512, 513, 1024, 1025, 4096, 4100}) {
        const Batch batch{37, 35, true};
        const std::string label = std::to_string(width);
        const auto add = [&](const std::string& op, std::vector<CaseInput> inputs, Apply apply) {
            list.add(op, label, std::move(inputs), batch.extent, std::move(apply));
        };
        const CaseInput x{"x", batch.matrix(width), both_signs};
        const CaseInput dy{"dy", batch.matrix(width), both_signs};
        const CaseInput mean{"mean", batch.column(), both_signs};
        const CaseInput inverse{"inverse", batch.column(), positive};
        const CaseInput gamma{"gamma", row(width), positive};
        add("softmax", {{"x", batch.matrix(width), partly_infinite}},
            [](ProgramBuilder& builder, Inputs in) { return Values{ops::softmax(builder, in[0])}; });
        add("softmax_gradient", {x, dy},
            [](ProgramBuilder& builder, Inputs in) { return Values{ops::softmax_gradient(builder, in[0], in[1])}; });
        add("layer_norm", {x, gamma, {"beta", row(width), both_signs}}, [](ProgramBuilder& builder, Inputs in) {
            const ops::LayerNorm norm = ops::layer_norm(builder, in[0], in[1], in[2], 1e-3);
            return Values{norm.y, norm.mean, norm.inverse_deviation};
        });
        add("layer_norm_gradient_input", {x, gamma, mean, inverse, dy}, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::layer_norm_gradient_input(builder, in[0], in[1], in[2], in[3], in[4])};
        });
    }
    for (const std::int64_t steps : {3, 40, 130, 520}) {
        const TensorType scores = table(2 * steps, steps);
        list.add("causal_softmax", std::to_string(steps), {{"x", scores, both_signs}}, 0,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::causal_softmax(builder, in[0])}; });
        list.add("causal_softmax_gradient", std::to_string(steps),
                 {{"y", scores, both_signs}, {"dy", scores, positive}}, 0, [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::causal_softmax_gradient(builder, in[0], in[1])};
                 });
    }
}

// One block, several of columns, several of rows (of which some have no present row), one column, no row at all.
void add_column_cases(CaseList& list) {
    const Grid grids[] = {{{20001, 20001, false}, 21}, {{9000, 4500, true}, 3},  {{9000, 1, true}, 70},
                          {{3000, 2999, true}, 33},    {{7, 6, true}, 300},      {{40000, 39999, true}, 1},
                          {{9000, 0, true}, 5},        {{2049, 2049, false}, 2}, {{30, 30, false}, 0}};
    for (const Grid& grid : grids) {
        const TensorType matrix = grid.batch.matrix(grid.width);
        const CaseInput x{"x", matrix, both_signs};
        const CaseInput dy{"dy", matrix, both_signs};
        const CaseInput mean{"mean", row(grid.width), both_signs};
        const CaseInput variance{"variance", row(grid.width), positive};
        const CaseInput gamma{"gamma", row(grid.width), positive};
        list.add("column_sum", grid, {x},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::column_sum(builder, in[0])}; });
        list.add("sum_all", grid, {x},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::sum_all(builder, in[0])}; });
        list.add("inner_product", grid, {x, dy},
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::inner_product(builder, in[0], in[1])}; });
        list.add("batch_moments", grid, {{"x", matrix, shifted}}, [](ProgramBuilder& builder, Inputs in) {
            const ops::BatchMoments moments = ops::batch_moments(builder, in[0]);
            return Values{moments.mean, moments.variance};
        });
        list.add("batch_moments_gradient", grid, {x, mean, variance, gamma}, [](ProgramBuilder& builder, Inputs in) {
            return Values{ops::batch_moments_gradient(builder, in[0], in[1], in[2], in[3])};
        });
        list.add("batch_normalize", grid, {x, mean, variance, gamma, {"beta", row(grid.width), both_signs}},
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::batch_normalize(builder, in[0], in[1], in[2], in[3], in[4], 1e-3)};
                 });
        list.add("batch_norm_gradient_reductions", grid, {x, mean, variance, gamma, dy},
                 [](ProgramBuilder& builder, Inputs in) {
                     const auto sums =
                         ops::batch_norm_gradient_reductions(builder, in[0], in[1], in[2], in[3], in[4], 1e-3);
                     return Values{sums.mean, sums.variance, sums.gamma, sums.beta};
                 });
        list.add("layer_norm_gradient_parameters", grid,
                 {x, {"mean", grid.batch.column(), both_signs}, {"inverse", grid.batch.column(), positive}, dy},
                 [](ProgramBuilder& builder, Inputs in) {
                     const auto sums = ops::layer_norm_gradient_parameters(builder, in[0], in[1], in[2], in[3]);
                     return Values{sums.gamma, sums.beta};
                 });
    }
    for (const Batch& batch : {Batch{40000, 33333, true}, Batch{40000, 0, true}, Batch{12, 12, false}}) {
        const CaseInput weights{"weights", batch.column(), weight};
        list.add("masked_mean", batch.label(), {{"losses", batch.column(), positive}, weights}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) { return Values{ops::masked_mean(builder, in[0], in[1])}; });
        list.add("masked_mean_gradient", batch.label(), {weights, {"dy", scalar(), positive}}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) {
                     return Values{ops::masked_mean_gradient(builder, in[0], in[1])};
                 });
    }
}

void add_other_cases(CaseList& list) {
    const ops::ModeAxis axis{2, 90, 33};
    list.add("fold_mode", "many_copies", {{"row", row(3 * axis.width(4)), both_signs}}, 0,
             [axis](ProgramBuilder& builder, Inputs in) { return Values{ops::fold_mode(builder, in[0], axis, 3)}; });
    list.add("spread_mode", "many_copies", {{"values", row(2 * 4), both_signs}}, 0,
             [axis](ProgramBuilder& builder, Inputs in) { return Values{ops::spread_mode(builder, in[0], axis, 3)}; });
    list.add("split_heads", "many", {{"x", table(70 * 6, 3 * 5), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::split_heads(builder, in[0], 6, 3)}; });
    list.add("merge_heads", "many", {{"y", table(70 * 6 * 3, 5), both_signs}}, 0,
             [](ProgramBuilder& builder, Inputs in) { return Values{ops::merge_heads(builder, in[0], 6, 3)}; });
    for (const std::int64_t hidden : {1, 50, 300}) {
        const Batch batch{30, 29, true};
        const CaseInput gates{"gates", batch.matrix(4 * hidden), [](const Element& e) { return 30 * both_signs(e); }};
        const CaseInput cell{"cell", batch.matrix(hidden), both_signs};
        const CaseInput previous{"previous", batch.matrix(hidden), both_signs};
        const CaseInput present{"present", batch.column(), weight};
        list.add("lstm_cell", std::to_string(hidden), {gates, cell, previous, present}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) {
                     const ops::LstmState next = ops::lstm_cell(builder, in[0], {in[2], in[1]}, in[3]);
                     return Values{next.hidden, next.cell};
                 });
        list.add("lstm_cell_gradient", std::to_string(hidden), {gates, cell, previous, present}, batch.extent,
                 [](ProgramBuilder& builder, Inputs in) {
                     const auto gradients = ops::lstm_cell_gradient(builder, in[0], in[1], in[3], {in[2], in[1]});
                     return Values{gradients.gates, gradients.previous_cell, gradients.previous_hidden};
                 });
    }
}

std::vector<OpCase> cases() {
    CaseList list;
    add_row_cases_of_all_forms(list);
    add_column_cases(list);
    add_other_cases(list);
    return list.take();
}

INSTANTIATE_TEST_SUITE_P(Sizes, CudaReduction, ::testing::ValuesIn(cases()), [](const auto& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
});

}  // namespace

}  // namespace tensile::test
