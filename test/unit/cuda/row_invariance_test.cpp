// What TensileOpProblem::row_invariant promises: a row has the same bits whatever the number of rows is, by capacity or
// by extent. The emulated cuBLASLt ranks algorithms by that number, and its algorithms add up in different orders.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <set>
#include <vector>

#include "graph/ops/batched_matmul.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/matmul.h"
#include "graph/ops/mode_product.h"
#include "support/op_cases.h"
#include "tensor/error.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/kernel_size_cases.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

// Capacities of predictions.
constexpr std::int64_t kCapacities[] = {1, 16, 256, 4096};

using Bytes = std::vector<std::byte>;
using Choice = std::vector<std::uint8_t>;

// All rows where there are fewer: of what has no row for each of the batch's.
Bytes first_rows(const TensorView& view, std::int64_t rows) {
    const std::int64_t all = view.type.shape.rows();
    const auto bytes = static_cast<std::int64_t>(view.type.bytes()) / all * std::min(rows, all);
    const auto* begin = view.as<std::byte>();
    return {begin, begin + bytes};
}

Choice choice_of(const PluginRun& run) {
    const TensileKernelInfo& info = run.info(0);
    return {info.choice, info.choice + info.choice_bytes};
}

class CudaRowInvariance : public ::testing::Test {
  protected:
    CudaRowInvariance() : device_(open_device()), stream_(create_stream(device_.get())) {}

    DevicePointer device_;
    StreamPointer stream_;
};

// y of a product whose operand "x" has a number of rows and "w" has not.
using MakeProduct = std::function<Program(std::int64_t rows)>;

class CudaRowInvariantProduct : public CudaRowInvariance {
  protected:
    struct Result {
        Bytes rows;
        Choice choice;
        std::size_t scratch_bytes;
    };
    // The first `wanted` of `extent` present rows of a product with `capacity`.
    Result compute(const MakeProduct& make, std::int64_t capacity, std::int64_t extent, std::int64_t wanted,
                   TensilePrecision precision = TENSILE_FLOAT32, bool row_invariant = true) {
        const Program program = make(capacity);
        PluginRun run(device_.get(), program, precision, row_invariant);
        if (!program.extents().empty()) run.set_extent(0, extent);
        fill(run.tensor("x"), 1, extent);
        fill(run.tensor("w"), 2, run.tensor("w").type.shape.rows());
        run.run(stream_.get());
        EXPECT_EQ(cuda_emulation::take_complaints(), "");
        EXPECT_EQ(cuda_emulation::damaged_guard(), "");
        const TensorView y = run.output("y");
        return {first_rows(y, y.type.shape.rows() / capacity * wanted), choice_of(run), run.info(0).scratch_bytes};
    }

    static void fill(const TensorView& view, int salt, std::int64_t rows) {
        // Of `rows` of the batch, each of which is as many stored rows as there are for one.
        const std::int64_t count =
            view.type.shape.is_bounded() ? rows * view.type.shape.row_width() : view.type.shape.elements();
        for (std::int64_t i = 0; i < count; ++i)
            view.as<float>()[i] = std::sin(static_cast<float>(i * 37 + salt));
    }

    void expect_same_rows(const MakeProduct& make, TensilePrecision precision = TENSILE_FLOAT32) {
        const Result single = compute(make, 1, 1, 1, precision);
        const Result several = compute(make, 16, 16, 16, precision);
        EXPECT_EQ(single.scratch_bytes, 0U);
        EXPECT_FALSE(single.choice.empty());
        for (const std::int64_t capacity : kCapacities) {
            SCOPED_TRACE("capacity " + std::to_string(capacity));
            const std::int64_t rows = std::min<std::int64_t>(capacity, 16);
            const Result result = compute(make, capacity, capacity, rows, precision);
            EXPECT_EQ(result.choice, single.choice);
            EXPECT_TRUE(std::ranges::equal(single.rows, std::span(result.rows).first(single.rows.size())));
            EXPECT_TRUE(std::ranges::equal(result.rows, std::span(several.rows).first(result.rows.size())));
        }
    }

    void expect_same_rows_by_extent(const MakeProduct& make) {
        const Result all = compute(make, 256, 256, 256);
        for (const std::int64_t extent : {1, 2, 5, 16, 63, 64, 100, 255}) {
            SCOPED_TRACE("extent " + std::to_string(extent));
            const Result result = compute(make, 256, extent, extent);
            EXPECT_TRUE(std::ranges::equal(result.rows, std::span(all.rows).first(result.rows.size())));
        }
    }
};

MakeProduct matmul_of(std::int64_t inner, std::int64_t columns, bool transpose_b = false) {
    return [=](std::int64_t rows) {
        ProgramBuilder builder("product");
        const ValueId x = builder.input("x", {DType::kF32, Shape::bounded(rows, builder.extent("batch"), {inner})});
        const Shape stored = transpose_b ? Shape{columns, inner} : Shape{inner, columns};
        const ValueId w = builder.input("w", {DType::kF32, stored});
        builder.output("y", ops::matmul(builder, x, w, false, transpose_b));
        return builder.finish();
    };
}

// Each row of the batch is a group.
MakeProduct batched_matmul_of(std::int64_t rows_each, std::int64_t inner, std::int64_t columns) {
    return [=](std::int64_t groups) {
        ProgramBuilder builder("product");
        const ValueId x = builder.input("x", {DType::kF32, {groups * rows_each, inner}});
        const ValueId w = builder.input("w", {DType::kF32, {groups * inner, columns}});
        builder.output("y", ops::batched_matmul(builder, x, w, groups));
        return builder.finish();
    };
}

MakeProduct mode_product_of(const ops::ModeAxis& axis, std::int64_t to, std::int64_t from) {
    return [=](std::int64_t rows) {
        ProgramBuilder builder("product");
        const Shape shape = Shape::bounded(rows, builder.extent("batch"), {axis.width(from)});
        const ValueId x = builder.input("x", {DType::kF32, shape});
        const ValueId w = builder.input("w", {DType::kF32, {axis.groups * to, from}});
        builder.output("y", ops::mode_product(builder, x, w, axis));
        return builder.finish();
    };
}

TEST_F(CudaRowInvariantProduct, MatmulAtEveryCapacity) {
    for (const auto& [inner, columns] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 8}, {33, 5}, {40, 7}, {64, 1}})
        for (const bool transpose_b : {false, true}) {
            SCOPED_TRACE(std::to_string(inner) + " x " + std::to_string(columns));
            expect_same_rows(matmul_of(inner, columns, transpose_b));
        }
    expect_same_rows(matmul_of(40, 7), TENSILE_BFLOAT16);
}

TEST_F(CudaRowInvariantProduct, MatmulAtEveryExtent) {
    expect_same_rows_by_extent(matmul_of(33, 6));
}

TEST_F(CudaRowInvariantProduct, BatchedMatmulAtEveryNumberOfGroups) {
    expect_same_rows(batched_matmul_of(3, 17, 2));
    expect_same_rows(batched_matmul_of(5, 8, 4), TENSILE_BFLOAT16);
}

TEST_F(CudaRowInvariantProduct, ModeProductAtEveryCapacity) {
    // Of rows; of rows of groups; of blocks; none of the library's.
    expect_same_rows(mode_product_of({1, 1, 1}, 5, 24));
    expect_same_rows(mode_product_of({3, 1, 1}, 4, 9));
    expect_same_rows_by_extent(mode_product_of({3, 1, 1}, 4, 9));
    const MakeProduct blocks = mode_product_of({1, 1, 64}, 16, 16);
    const Result single = compute(blocks, 1, 1, 1);
    const Result several = compute(blocks, 16, 16, 1);
    EXPECT_EQ(single.choice, several.choice);
    EXPECT_EQ(single.rows, several.rows);
}

// Otherwise the tests above could not fail.
TEST_F(CudaRowInvariantProduct, RowsDependOnTheirNumberWhereNobodyAsks) {
    const MakeProduct make = matmul_of(33, 5);
    const auto row_at = [&](std::int64_t capacity) {
        return compute(make, capacity, capacity, 1, TENSILE_FLOAT32, false).rows;
    };
    EXPECT_NE(row_at(1), row_at(16));
    EXPECT_NE(row_at(16), row_at(256));
}

TEST_F(CudaRowInvariantProduct, TakesNoChoiceThatWasMadeForOneCapacity) {
    const MakeProduct make = matmul_of(33, 5);
    const Program program = make(16);
    PluginRun other(device_.get(), program);
    NodeProblem problem(program, program.nodes()[0]);
    problem.set_row_invariant(true);
    problem.set_choice(choice_of(other));
    Status status;
    TensileKernel* kernel = nullptr;
    TensileKernelInfo info{};
    info.size = sizeof info;
    require(plugin_table().prepare(device_.get(), &problem.get(), &kernel, &info, &status), status);
    const KernelPointer owned(kernel);
    EXPECT_EQ(Choice(info.choice, info.choice + info.choice_bytes), compute(make, 256, 256, 1).choice);
}

TEST_F(CudaRowInvariantProduct, RefusesOperandsOfAnotherAlignment) {
    const Program program = matmul_of(4, 4)(4);
    PluginRun run(device_.get(), program, TENSILE_FLOAT32, true);
    run.set_extent(0, 4);
    const DeviceBuffer moved(device_.get(), 17 * sizeof(float));
    run.set_address("x", moved.data() + sizeof(float));
    EXPECT_THROW(run.run(stream_.get()), InternalError);
}

TEST_F(CudaRowInvariantProduct, AnEarlierCallersStructDoesNotAsk) {
    const MakeProduct make = matmul_of(33, 5);
    const Program program = make(16);
    NodeProblem problem(program, program.nodes()[0]);
    problem.set_row_invariant(true);
    problem.set_size(offsetof(TensileOpProblem, row_invariant));
    Status status;
    TensileKernel* kernel = nullptr;
    TensileKernelInfo info{};
    info.size = sizeof info;
    require(plugin_table().prepare(device_.get(), &problem.get(), &kernel, &info, &status), status);
    const KernelPointer owned(kernel);
    EXPECT_EQ(Choice(info.choice, info.choice + info.choice_bytes),
              compute(make, 16, 16, 1, TENSILE_FLOAT32, false).choice);
}

// A row is an image of 5 by 7 pixels; what cuDNN takes may depend on their number.
TEST_F(CudaRowInvariantProduct, ConvolutionAtEveryNumberOfImages) {
    const auto make = [](std::int64_t images) {
        ProgramBuilder builder("convolution");
        const ValueId x = builder.input("x", {DType::kF32, {images * 35, 4}});
        const ValueId w = builder.input("w", {DType::kF32, {36, 4}});
        builder.output("y", ops::convolution_2d(builder, x, w, {5, 7, 3, 3, 1, 1, 1}));
        return builder.finish();
    };
    const Result single = compute(make, 1, 1, 1);
    for (const std::int64_t images : {2, 16, 100}) {
        SCOPED_TRACE(images);
        const Result several = compute(make, images, images, 1);
        EXPECT_EQ(several.choice, single.choice);
        EXPECT_EQ(several.rows, single.rows);
    }
}

// The case with `rows` rows in whatever its op reads row by row.
OpCase with_rows(const OpCase& op_case, const Node& node, std::int64_t rows) {
    OpCase result = op_case;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (!node.op->reads_by_row(static_cast<int>(i), node.attributes)) continue;
        TensorType& type = result.inputs[static_cast<std::size_t>(node.inputs[i].index)].type;
        type.shape.set(0, rows);
    }
    result.extent = rows;
    return result;
}

bool takes_rows(const OpCase& op_case, const Node& node, std::int64_t rows) {
    try {
        case_program(with_rows(op_case, node, rows));
        return true;
    } catch (const InternalError&) {
        return false;
    }
}

// How many rows belong together, such as the steps of a causal softmax; 0 where a case knows only its own number.
std::int64_t rows_of_a_sample(const OpCase& op_case, const Node& node) {
    for (std::int64_t rows = 1; rows <= 64; ++rows)
        if (takes_rows(op_case, node, rows) && takes_rows(op_case, node, 16 * rows)) return rows;
    return 0;
}

std::int64_t widest_row(const Program& program) {
    std::int64_t widest = 1;
    for (const Value& value : program.values())
        widest = std::max(widest, value.type.shape.row_width());
    return widest;
}

class CudaRowInvariantOps : public CudaRowInvariance {
  protected:
    // The bits of the first rows of all outputs, at a capacity, with `extent` rows present where there is an extent.
    std::vector<Bytes> compute(const OpCase& op_case, const Node& node, std::int64_t capacity, std::int64_t extent,
                               std::int64_t wanted) {
        OpCase sized = with_rows(op_case, node, capacity);
        sized.extent = extent;
        const Program program = case_program(sized);
        PluginRun run(device_.get(), program, TENSILE_FLOAT32, true);
        run.set_extent(0, extent);
        for (const CaseInput& input : sized.inputs)
            fill_case_input(sized, input, run.tensor(input.name));
        run.run(stream_.get());
        EXPECT_EQ(cuda_emulation::take_complaints(), "");
        EXPECT_EQ(cuda_emulation::damaged_guard(), "");
        std::vector<Bytes> outputs;
        for (const NamedValue& output : program.outputs())
            outputs.push_back(first_rows(run.output(output.name), wanted));
        return outputs;
    }

    // Says whether the op is row-wise, so that there was something to compare.
    bool compare(const OpCase& op_case) {
        const Program program = case_program(op_case);
        const Node& node = program.nodes().front();
        const auto& op = *node.op;
        const bool by_row = program.nodes().size() == 1 && op.row_pattern(node.attributes) == RowPattern::kRowWise;
        bool any = false;
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            any = any || op.reads_by_row(static_cast<int>(i), node.attributes);
        if (!by_row || !any) return false;
        // Its values are of a mean over the rows.
        if (op.name() == "batch_moments_gradient") return false;
        const std::int64_t each = rows_of_a_sample(op_case, node);
        if (each == 0) return false;
        const std::int64_t width = widest_row(program);
        const std::int64_t few = 16 * each;
        const std::vector<Bytes> single = compute(op_case, node, each, each, each);
        const std::vector<Bytes> several = compute(op_case, node, few, few, few);
        constexpr std::int64_t kMostElements = 1 << 14;  // emulated threads are slow
        for (const std::int64_t samples : kCapacities) {
            const std::int64_t capacity = samples * each;
            if (capacity > few && capacity * width > kMostElements) continue;
            const std::int64_t wanted = std::min(capacity, few);
            for (const std::int64_t extent : {capacity, wanted}) {
                SCOPED_TRACE(op_case.name + ", capacity " + std::to_string(capacity) + ", extent " +
                             std::to_string(extent));
                const std::vector<Bytes> rows = compute(op_case, node, capacity, extent, wanted);
                for (std::size_t i = 0; i < rows.size(); ++i) {
                    EXPECT_TRUE(std::ranges::equal(single[i], std::span(rows[i]).first(single[i].size())));
                    EXPECT_TRUE(std::ranges::equal(rows[i], std::span(several[i]).first(rows[i].size())));
                }
            }
        }
        return true;
    }
};

TEST_F(CudaRowInvariantOps, RowsOfEveryRowWiseOp) {
    std::set<std::string> compared;
    for (const auto& cases : {op_cases(), kernel_size_cases()})
        for (const OpCase& op_case : cases)
            if (compare(op_case)) compared.insert(op_case.op);
    for (const char* op :
         {"matmul",      "bias_add",        "mode_product",   "softmax",       "layer_norm",    "batch_normalize",
          "gather_rows", "lstm_cell",       "gelu",           "silu",          "sigmoid",       "tanh",
          "relu",        "affine_constant", "concat_columns", "split_columns", "slice_columns", "pad_columns",
          "add",         "multiply"})
        EXPECT_TRUE(compared.contains(op)) << op;
}

}  // namespace

}  // namespace tensile::test
