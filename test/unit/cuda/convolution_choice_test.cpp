// Which of cuDNN's algorithms convolutions take: one that gives the same bits every time, whatever the library would
// rather have or an earlier choice names. The emulated library ranks first what must not be taken.
#include <gtest/gtest.h>

#include <vector>

#include "graph/ops/convolution_2d.h"
#include "unit/cuda/emulation/cudnn.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

constexpr ops::Window kWindow{5, 7, 3, 3, 1, 1, 1};
const TensorType kMaps{DType::kF32, {35, 4}};
const TensorType kWeights{DType::kF32, {36, 4}};

// What is chosen for the one op that `apply` adds, of which `earlier` was the choice before.
template <typename Apply>
std::vector<std::uint8_t> choice_of(const TensorType& first, const TensorType& second, const Apply& apply,
                                    const std::vector<std::uint8_t>& earlier = {}) {
    ProgramBuilder builder("convolution");
    const ValueId a = builder.input("a", first);
    const ValueId b = builder.input("b", second);
    builder.output("y", apply(builder, a, b));
    const Program program = builder.finish();
    NodeProblem problem(program, program.nodes().front());
    if (!earlier.empty()) problem.set_choice(earlier);
    const DevicePointer device = open_device();
    TensileKernel* kernel = nullptr;
    TensileKernelInfo info{};
    info.size = sizeof info;
    Status status;
    require(plugin_table().prepare(device.get(), &problem.get(), &kernel, &info, &status), status);
    const KernelPointer owned(kernel);
    return {info.choice, info.choice + info.choice_bytes};
}

std::vector<std::uint8_t> bytes(int algorithm) {
    return {static_cast<std::uint8_t>(algorithm)};
}

TEST(ConvolutionChoice, Forward) {
    const auto choose = [](const std::vector<std::uint8_t>& earlier) {
        return choice_of(
            kMaps, kWeights,
            [](ProgramBuilder& builder, ValueId x, ValueId w) { return ops::convolution_2d(builder, x, w, kWindow); },
            earlier);
    };
    EXPECT_EQ(choose({}), bytes(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM));
    EXPECT_EQ(choose(bytes(CUDNN_CONVOLUTION_FWD_ALGO_FFT)), bytes(CUDNN_CONVOLUTION_FWD_ALGO_FFT));
    // Not implemented, no algorithm at all, and no choice of this kernel's.
    EXPECT_EQ(choose(bytes(CUDNN_CONVOLUTION_FWD_ALGO_DIRECT)),
              bytes(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM));
    EXPECT_EQ(choose(bytes(200)), bytes(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM));
    EXPECT_EQ(choose({4, 4}), bytes(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM));
}

TEST(ConvolutionChoice, GradientInput) {
    const auto choose = [](const std::vector<std::uint8_t>& earlier) {
        return choice_of(
            kMaps, kWeights,
            [](ProgramBuilder& builder, ValueId dy, ValueId w) {
                return ops::convolution_2d_gradient_input(builder, dy, w, kWindow);
            },
            earlier);
    };
    EXPECT_EQ(choose({}), bytes(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD));
    EXPECT_EQ(choose(bytes(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1)), bytes(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1));
    EXPECT_EQ(choose(bytes(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0)), bytes(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD));
}

TEST(ConvolutionChoice, GradientWeights) {
    const auto choose = [](const std::vector<std::uint8_t>& earlier) {
        return choice_of(
            kMaps, kMaps,
            [](ProgramBuilder& builder, ValueId x, ValueId dy) {
                return ops::convolution_2d_gradient_weights(builder, x, dy, kWindow);
            },
            earlier);
    };
    EXPECT_EQ(choose({}), bytes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1));
    EXPECT_EQ(choose(bytes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT)), bytes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT));
    EXPECT_EQ(choose(bytes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3)), bytes(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1));
}

}  // namespace

}  // namespace tensile::test
