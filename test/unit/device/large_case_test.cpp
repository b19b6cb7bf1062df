// Ops at sizes that take several tiles, phases and radix passes, which the small op cases do not reach.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "device/cpu/cpu_device.h"
#include "graph/interpreter.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/copy.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/dropout.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/inner_product.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/softmax.h"
#include "graph/ops/split_heads.h"
#include "tensor/random.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

void fill(const std::string& name, const TensorView& view, std::int64_t table_rows) {
    for (std::int64_t i = 0; i < view.type.shape.elements(); ++i) {
        const double uniform = random_uniform(5, std::hash<std::string>()(name), static_cast<std::uint64_t>(i));
        if (view.type.dtype == DType::kI32) {
            // Many repeats of few rows, some of all others, some that hold nothing.
            const double range = uniform < 0.5 ? 50.0 : static_cast<double>(table_rows) + 5;
            view.as<std::int32_t>()[i] = static_cast<std::int32_t>(uniform * 2 * range) % static_cast<int>(range) - 2;
        } else if (view.type.dtype == DType::kI64) {
            view.as<std::int64_t>()[i] = i + 12345678901;
        } else {
            view.as<float>()[i] = static_cast<float>(2 * uniform - 1);
        }
    }
}

// Runs a program on the interpreter and on the CPU; all outputs agree within `tolerance`, or bit by bit if it is 0.
void compare(const Program& program, std::int64_t table_rows, double tolerance) {
    Interpreter<float> interpreter(program);
    CpuDevice device(3);
    DeviceRun run(device, program);
    for (const auto ids : {program.inputs(), program.variables()})
        for (ValueId id : ids) {
            const std::string& name = program.value(id).name;
            HostTensor& tensor = interpreter.tensor(name);
            fill(name, {tensor.bytes.data(), tensor.type, 0}, table_rows);
            fill(name, run.tensor(name), table_rows);
        }
    interpreter.run();
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    EXPECT_TRUE(run.damaged_guards().empty());
    for (const NamedValue& output : program.outputs()) {
        const TensorView found = run.output(output.name);
        const HostTensor& wanted = interpreter.output(output.name);
        if (tolerance == 0) {
            EXPECT_EQ(std::memcmp(found.data, wanted.bytes.data(), wanted.bytes.size()), 0) << output.name;
            continue;
        }
        for (std::int64_t i = 0; i < found.type.shape.elements(); ++i)
            ASSERT_NEAR(found.as<float>()[i], wanted.data<float>()[i], tolerance) << output.name << " " << i;
    }
}

TensorType f32(const Shape& shape) {
    return {DType::kF32, shape};
}

// Sums in slot order have the bits of the reference.
TEST(LargeCase, RowSparseGradients) {
    for (const std::int64_t table_rows :
         {std::int64_t{1}, std::int64_t{300}, std::int64_t{5000}, std::int64_t{5000000}}) {
        constexpr std::int64_t kSlots = 6000;
        constexpr std::int64_t kWidth = 20;
        SCOPED_TRACE(table_rows);
        ProgramBuilder builder("sparse");
        const SparseRows sparse{builder.input("rows", f32({kSlots, kWidth})),
                                builder.input("indices", {DType::kI32, {kSlots}}), table_rows};
        const SparseRows merged = ops::merge_rows(builder, sparse);
        builder.output("merged", merged.rows);
        builder.output("merged_indices", merged.indices);
        if (table_rows <= 5000) builder.output("dense", ops::densify_rows(builder, sparse));
        const Program program = builder.finish();
        compare(program, table_rows, 0);
    }
}

TEST(LargeCase, EmbeddingStep) {
    constexpr std::int64_t kTable = 3000;
    ProgramBuilder builder("embedding");
    const ValueId table = builder.variable("table", f32({kTable, 24}));
    const ValueId velocity = builder.variable("velocity", f32({kTable, 24}));
    const ValueId indices = builder.input("indices", {DType::kI32, {2000, 3}});
    builder.output("looked_up", ops::gather_rows(builder, table, indices));
    const SparseRows gradient =
        ops::gather_rows_gradient(builder, indices, builder.input("dy", f32({2000, 72})), kTable);
    const ops::SgdScalars scalars{builder.input("rate", f32({})), builder.input("momentum", f32({})),
                                  builder.input("decay", f32({})), builder.input("scale", f32({}))};
    const ops::SgdState state =
        ops::sgd_momentum_rows(builder, {table, velocity}, ops::merge_rows(builder, gradient), scalars);
    builder.output("table_after", state.parameter);
    builder.output("velocity_after", state.velocity);
    const Program program = builder.finish();
    compare(program, kTable, 1e-5);
}

TEST(LargeCase, ReductionsAndRows) {
    ProgramBuilder builder("reductions");
    const ValueId x = builder.input("x", f32({3000, 150}));
    const ValueId z = builder.input("z", f32({3000, 150}));
    builder.output("product", ops::inner_product(builder, x, z));
    builder.output("columns", ops::column_sum(builder, x));
    const ops::BatchMoments moments = ops::batch_moments(builder, x);
    builder.output("mean", moments.mean);
    builder.output("variance", moments.variance);
    builder.output("softmax", ops::softmax(builder, x));
    const Program program = builder.finish();
    compare(program, 0, 2e-3);
}

// Few long sequences (a product's rows and terms are cut) and many short ones (a tile takes several groups).
TEST(LargeCase, Attention) {
    struct Sizes {
        std::int64_t sequences, steps, heads, width;
    };
    for (const auto& [sequences, steps, heads, width] : {Sizes{1, 300, 2, 40}, Sizes{150, 12, 3, 8}}) {
        SCOPED_TRACE(steps);
        ProgramBuilder builder("attention");
        std::vector<ValueId> split;
        for (const char* name : {"q", "k", "v", "dy"})
            split.push_back(
                ops::split_heads(builder, builder.input(name, f32({sequences * steps, heads * width})), steps, heads));
        const std::int64_t groups = sequences * heads;
        const ValueId scores = ops::batched_matmul(builder, split[0], split[1], groups, false, true);
        const ValueId weights = ops::causal_softmax(builder, scores);
        const ValueId y = ops::batched_matmul(builder, weights, split[2], groups);
        builder.output("y", ops::merge_heads(builder, y, steps, heads));
        const ValueId dweights = ops::batched_matmul(builder, split[3], split[2], groups, false, true);
        const ValueId dscores = ops::causal_softmax_gradient(builder, weights, dweights);
        builder.output("dv", ops::batched_matmul(builder, weights, split[3], groups, true));
        builder.output("dk", ops::batched_matmul(builder, dscores, split[0], groups, true));
        const Program program = builder.finish();
        compare(program, 0, 1e-4);
    }
}

TEST(LargeCase, LstmCell) {
    constexpr std::int64_t kHidden = 50;
    ProgramBuilder builder("lstm");
    const ValueId gates = builder.input("gates", f32({1000, 4 * kHidden}));
    const ops::LstmState previous{builder.input("h", f32({1000, kHidden})), builder.input("c", f32({1000, kHidden}))};
    const ops::LstmState next = ops::lstm_cell(builder, gates, previous);
    builder.output("hidden", next.hidden);
    builder.output("cell", next.cell);
    const auto gradient = ops::lstm_cell_gradient(builder, gates, previous.cell, {}, previous);
    builder.output("dgates", gradient.gates);
    const Program program = builder.finish();
    compare(program, 0, 1e-5);
}

// So many rows, pixels of feature maps for one, are cut into blocks of rows, too.
TEST(LargeCase, ReductionsOverManyRows) {
    for (const std::int64_t rows : {8192, 8193, 20001}) {
        SCOPED_TRACE(rows);
        constexpr std::int64_t kWidth = 21;
        ProgramBuilder builder("many_rows");
        const ValueId x = builder.input("x", f32({rows, kWidth}));
        const ValueId dy = builder.input("dy", f32({rows, kWidth}));
        builder.output("columns", ops::column_sum(builder, x));
        const ops::BatchMoments moments = ops::batch_moments(builder, x);
        builder.output("mean", moments.mean);
        builder.output("variance", moments.variance);
        const auto sums = ops::batch_norm_gradient_reductions(builder, x, moments.mean, moments.variance,
                                                              builder.input("gamma", f32({kWidth})), dy, 1e-3);
        builder.output("dmean", sums.mean);
        builder.output("dvariance", sums.variance);
        builder.output("dgamma", sums.gamma);
        builder.output("dbeta", sums.beta);
        const Program program = builder.finish();
        compare(program, 0, 2e-3);
    }
}

// The mask of an element depends on its index in the whole tensor, in whatever tile it falls.
TEST(LargeCase, DropoutAndCopies) {
    ProgramBuilder builder("dropout");
    const ValueId x = builder.input("x", f32({4099, 37}));
    builder.output("dropped", ops::dropout(builder, x, builder.input("rng", {DType::kI64, {2}}), 0.35, 9));
    builder.output("copied", ops::copy(builder, builder.variable("kept", f32({4099, 37})), x));
    const Program program = builder.finish();
    compare(program, 0, 0);
}

}  // namespace

}  // namespace tensile::test
