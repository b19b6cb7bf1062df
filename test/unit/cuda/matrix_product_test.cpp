// Products through cuBLASLt beyond plain parity: choices that are used again, operands at odd addresses, extents that
// the fast algorithm refuses, bf16.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "graph/ops/matmul.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

constexpr std::int64_t kRows = 9;
constexpr std::int64_t kWidth = 8;

// y [8, 8] = a^T b over up to kRows rows.
Program gradient_program() {
    ProgramBuilder builder("gradient");
    const Shape shape = Shape::bounded(kRows, builder.extent("batch"), {kWidth});
    const ValueId a = builder.input("a", {DType::kF32, shape});
    const ValueId b = builder.input("b", {DType::kF32, shape});
    builder.output("y", ops::matmul(builder, a, b, true));
    return builder.finish();
}

float value(std::int64_t i, int salt) {
    return std::sin(static_cast<float>(i * 37 + salt));
}

class MatrixProduct : public ::testing::Test {
  protected:
    MatrixProduct() : device_(open_device()), stream_(create_stream(device_.get())), program_(gradient_program()) {}

    void fill(PluginRun& run, std::int64_t extent) {
        run.set_extent(0, extent);
        for (std::int64_t i = 0; i < kRows * kWidth; ++i) {
            run.tensor("a").as<float>()[i] = value(i, 1);
            run.tensor("b").as<float>()[i] = value(i, 2);
        }
    }

    static void expect_product(PluginRun& run, std::int64_t extent, float tolerance) {
        const auto* y = run.output("y").as<float>();
        for (std::int64_t i = 0; i < kWidth; ++i) {
            for (std::int64_t j = 0; j < kWidth; ++j) {
                float sum = 0;
                for (std::int64_t k = 0; k < extent; ++k)
                    sum += value(k * kWidth + i, 1) * value(k * kWidth + j, 2);
                EXPECT_NEAR(y[i * kWidth + j], sum, tolerance);
            }
        }
    }

    DevicePointer device_;
    StreamPointer stream_;
    Program program_;
};

TEST_F(MatrixProduct, EveryExtentWorksWhateverTheFastAlgorithmRefuses) {
    PluginRun run(device_.get(), program_);
    for (std::int64_t extent = 0; extent <= kRows; ++extent) {
        SCOPED_TRACE(extent);
        fill(run, extent);
        run.run(stream_.get());
        expect_product(run, extent, 1e-5F);
    }
    EXPECT_EQ(cuda_emulation::damaged_guard(), "");
}

TEST_F(MatrixProduct, AChoiceGivesTheSameBitsAgain) {
    PluginRun run(device_.get(), program_);
    fill(run, kRows);
    run.run(stream_.get());
    const std::vector<float> first(run.output("y").as<float>(), run.output("y").as<float>() + kWidth * kWidth);
    const TensileKernelInfo info = run.info(0);
    EXPECT_GT(info.scratch_bytes, 0U);
    EXPECT_EQ(info.choice_bytes, 128U);
    run.prepare_again();
    EXPECT_EQ(run.info(0).scratch_bytes, info.scratch_bytes);
    EXPECT_EQ(std::memcmp(run.info(0).choice, info.choice, info.choice_bytes), 0);
    run.run(stream_.get());
    EXPECT_EQ(std::memcmp(run.output("y").data, first.data(), first.size() * sizeof(float)), 0);
}

TEST_F(MatrixProduct, AChoiceOfAnotherLibraryIsNotUsed) {
    NodeProblem problem(program_, program_.nodes()[0]);
    const std::vector<std::uint8_t> nonsense(128, 0x77);
    problem.set_choice(nonsense);
    Status status;
    TensileKernel* kernel = nullptr;
    TensileKernelInfo info{};
    info.size = sizeof info;
    require(plugin_table().prepare(device_.get(), &problem.get(), &kernel, &info, &status), status);
    const KernelPointer owned(kernel);
    EXPECT_NE(std::memcmp(info.choice, nonsense.data(), nonsense.size()), 0);
}

TEST_F(MatrixProduct, OperandsMayLieAtAnyElement) {
    PluginRun run(device_.get(), program_);
    const DeviceBuffer moved(device_.get(), (kRows * kWidth + 1) * sizeof(float));
    run.set_address("a", moved.data() + sizeof(float));
    fill(run, kRows);
    run.run(stream_.get());
    expect_product(run, kRows, 1e-5F);
}

TEST_F(MatrixProduct, Bf16RoundsOperandsAndNotSums) {
    PluginRun run(device_.get(), program_, TENSILE_BFLOAT16);
    fill(run, kRows);
    run.run(stream_.get());
    expect_product(run, kRows, 9 * 0.02F);
    const auto rounded = [](float x) {
        auto bits = std::bit_cast<std::uint32_t>(x);
        bits = (bits + 0x7fffU + (bits >> 16 & 1U)) & 0xffff0000U;
        return std::bit_cast<float>(bits);
    };
    float sum = 0;
    for (std::int64_t k = 0; k < kRows; ++k)
        sum += rounded(value(k * kWidth, 1)) * rounded(value(k * kWidth, 2));
    EXPECT_NEAR(run.output("y").as<float>()[0], sum, 1e-5F);
}

}  // namespace

}  // namespace tensile::test
