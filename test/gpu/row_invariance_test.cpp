// Whether a row really has the same bits at every capacity of a prediction: what a library's algorithm does at other
// numbers of rows, only the GPU can show.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gpu/gpu_under_test.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/matmul.h"
#include "graph/ops/mode_product.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

constexpr std::size_t kSlabBytes = std::size_t{256} << 20;
constexpr std::int64_t kCapacities[] = {1, 16, 256, 4096};

// y of a product whose operand "x" has a number of rows.
using MakeProduct = std::function<Program(std::int64_t rows)>;

class GpuRowInvariance : public ::testing::Test {
  protected:
    GpuRowInvariance() : slab_(gpu_.device().reserve_slab(kSlabBytes), kSlabBytes) {}

    static void fill(const TensorView& view, int salt) {
        for (std::int64_t i = 0; i < view.type.shape.elements(); ++i)
            view.as<float>()[i] = std::sin(static_cast<float>(i * 37 + salt));
    }

    // Of the first row of the batch.
    std::vector<std::byte> first_row(const MakeProduct& make, std::int64_t capacity, Precision precision) {
        const Program program = make(capacity);
        DeviceRun run(gpu_.device(), program, {.batch_invariant = true, .precision = precision},
                      StreamPriority::kPrediction, slab_);
        if (!program.extents().empty()) run.set_extent("batch", capacity);
        fill(run.tensor("x"), 1);
        fill(run.tensor("w"), 2);
        EXPECT_EQ(run.run(), LaunchStatus::kCompleted);
        const TensorView y = run.output("y");
        const auto* begin = y.as<std::byte>();
        return {begin, begin + y.type.bytes() / static_cast<std::size_t>(capacity)};
    }

    void expect_same_row(const MakeProduct& make) {
        for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
            const std::vector<std::byte> single = first_row(make, 1, precision);
            for (const std::int64_t capacity : kCapacities)
                EXPECT_EQ(first_row(make, capacity, precision), single) << "capacity " << capacity;
        }
    }

  private:
    GpuUnderTest gpu_;
    std::span<std::byte> slab_;
};

TEST_F(GpuRowInvariance, Matmul) {
    for (const std::int64_t inner : {1, 7, 33, 128, 1000})
        for (const std::int64_t columns : {1, 10, 64, 257}) {
            SCOPED_TRACE(std::to_string(inner) + " x " + std::to_string(columns));
            expect_same_row([=](std::int64_t rows) {
                ProgramBuilder builder("product");
                const Shape shape = Shape::bounded(rows, builder.extent("batch"), {inner});
                const ValueId x = builder.input("x", {DType::kF32, shape});
                const ValueId w = builder.input("w", {DType::kF32, {inner, columns}});
                builder.output("y", ops::matmul(builder, x, w));
                return builder.finish();
            });
        }
}

TEST_F(GpuRowInvariance, BatchedMatmul) {
    for (const std::int64_t steps : {5, 64})
        expect_same_row([=](std::int64_t groups) {
            ProgramBuilder builder("product");
            const ValueId x = builder.input("x", {DType::kF32, {groups * steps, 32}});
            const ValueId w = builder.input("w", {DType::kF32, {groups * steps, 32}});
            builder.output("y", ops::batched_matmul(builder, x, w, groups, false, true));
            return builder.finish();
        });
}

TEST_F(GpuRowInvariance, ModeProduct) {
    for (const ops::ModeAxis& axis : {ops::ModeAxis{1, 3, 1}, ops::ModeAxis{4, 1, 1}, ops::ModeAxis{1, 1, 64}})
        expect_same_row([=](std::int64_t rows) {
            ProgramBuilder builder("product");
            const Shape shape = Shape::bounded(rows, builder.extent("batch"), {axis.width(24)});
            const ValueId x = builder.input("x", {DType::kF32, shape});
            const ValueId w = builder.input("w", {DType::kF32, {axis.groups * 16, 24}});
            builder.output("y", ops::mode_product(builder, x, w, axis));
            return builder.finish();
        });
}

// Images of 5 by 7 pixels.
TEST_F(GpuRowInvariance, Convolution) {
    expect_same_row([](std::int64_t images) {
        ProgramBuilder builder("convolution");
        const ValueId x = builder.input("x", {DType::kF32, {images * 35, 4}});
        const ValueId w = builder.input("w", {DType::kF32, {36, 8}});
        builder.output("y", ops::convolution_2d(builder, x, w, {5, 7, 3, 3, 1, 1, 1}));
        return builder.finish();
    });
}

}  // namespace

}  // namespace tensile::test
