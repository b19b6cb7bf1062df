// Convolutions as products of patches: without any algorithm of cuDNN's, with operands rounded to bf16, and in blocks
// of positions and pixels of every size.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/convolution_patches.h"
#include "cuda/kernels/library_product.h"
#include "graph/interpreter.h"
#include "graph/ops/convolution_2d.h"
#include "support/op_case_list.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

constexpr double kRelativeError = 1e-5;
constexpr std::uint64_t kThreadOrders[] = {0, 1, 20, 21};

// While it lives, cuDNN has no algorithm for any convolution.
struct WithoutAlgorithms {
    WithoutAlgorithms() { set_convolutions_supported(false); }
    WithoutAlgorithms(const WithoutAlgorithms&) = delete;
    WithoutAlgorithms& operator=(const WithoutAlgorithms&) = delete;
    ~WithoutAlgorithms() { set_convolutions_supported(true); }
};

float rounded_to_bf16(float x) {
    auto bits = std::bit_cast<std::uint32_t>(x);
    bits = (bits + 0x7fffU + (bits >> 16 & 1U)) & 0xffff0000U;
    return std::bit_cast<float>(bits);
}

std::vector<float> reference(const OpCase& op_case) {
    const Program program = case_program(op_case);
    Interpreter<float> interpreter(program);
    load_case(op_case, interpreter);
    interpreter.run();
    const HostTensor& y = interpreter.output("y0");
    const auto* values = reinterpret_cast<const float*>(y.bytes.data());
    return {values, values + y.type.shape.elements()};
}

// Relative to the greatest magnitude.
void expect_near(const std::vector<float>& found, const std::vector<float>& wanted, double error) {
    ASSERT_EQ(found.size(), wanted.size());
    double scale = 0;
    for (const float value : wanted)
        scale = std::max(scale, std::abs(static_cast<double>(value)));
    for (std::size_t i = 0; i < wanted.size(); ++i)
        ASSERT_NEAR(found[i], wanted[i], error * scale) << "element " << i;
}

// Same bits.
void expect_equal(const std::vector<float>& found, const std::vector<float>& wanted) {
    ASSERT_EQ(found.size(), wanted.size());
    EXPECT_EQ(std::memcmp(found.data(), wanted.data(), found.size() * sizeof(float)), 0);
}

std::vector<float> values_of(const TensorView& view) {
    return {view.as<float>(), view.as<float>() + view.type.shape.elements()};
}

class CudaPatches : public ::testing::TestWithParam<OpCase> {
  protected:
    CudaPatches() : device_(open_device()), stream_(create_stream(device_.get())) {}
    ~CudaPatches() override { cuda_emulation::set_thread_order(0); }

    std::vector<float> run(PluginRun& run) {
        for (const CaseInput& input : GetParam().inputs)
            fill_case_input(GetParam(), input, run.tensor(input.name));
        run.run(stream_.get());
        EXPECT_EQ(cuda_emulation::take_complaints(), "");
        EXPECT_EQ(cuda_emulation::damaged_guard(), "");
        return values_of(run.output("y0"));
    }

    // The results of all thread orders, which must be the same, and of the kernel that is prepared again.
    std::vector<float> run_in_all_orders(TensilePrecision precision) {
        const Program program = case_program(GetParam());
        std::vector<float> first;
        for (const std::uint64_t order : kThreadOrders) {
            SCOPED_TRACE("thread order " + std::to_string(order));
            cuda_emulation::set_thread_order(order);
            PluginRun plugin(device_.get(), program, precision);
            EXPECT_TRUE(cuda::is_choice_of_patches({plugin.info(0).choice, plugin.info(0).choice_bytes}));
            const std::vector<float> found = run(plugin);
            if (first.empty()) first = found;
            expect_equal(found, first);
        }
        PluginRun again(device_.get(), program, precision);
        again.prepare_again();
        expect_equal(run(again), first);
        return first;
    }

    DevicePointer device_;
    StreamPointer stream_;
};

TEST_P(CudaPatches, AgreeWithReference) {
    const WithoutAlgorithms without;
    expect_near(run_in_all_orders(TENSILE_FLOAT32), reference(GetParam()), kRelativeError);
}

TEST_P(CudaPatches, RoundOperandsToBf16) {
    OpCase rounded = GetParam();
    for (CaseInput& input : rounded.inputs)
        input.content = [content = input.content](const Element& element) {
            return static_cast<double>(rounded_to_bf16(static_cast<float>(content(element))));
        };
    const std::vector<float> found = run_in_all_orders(TENSILE_BFLOAT16);
    expect_near(found, reference(rounded), kRelativeError);
    // A bf16 has 8 bits, so each product is off by at most 2^-8 of its magnitude.
    expect_near(found, reference(GetParam()), std::ldexp(1.0, -6));
}

TEST_P(CudaPatches, StayWhatAnEarlierChoiceNames) {
    const Program program = case_program(GetParam());
    std::unique_ptr<PluginRun> plugin;
    {
        const WithoutAlgorithms without;
        plugin = std::make_unique<PluginRun>(device_.get(), program);
    }
    const std::vector<float> wanted = run(*plugin);
    plugin->prepare_again();
    EXPECT_TRUE(cuda::is_choice_of_patches({plugin->info(0).choice, plugin->info(0).choice_bytes}));
    expect_equal(run(*plugin), wanted);
}

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
}

struct MapCase {
    std::string label;
    std::int64_t images, channels, kernels;
    ops::Window window;
};

void add_convolution(CaseList& list, const MapCase& map) {
    const ops::Window window = map.window;
    const CaseInput x{"x", table(map.images * window.input().pixels(), map.channels), both_signs};
    const CaseInput w{"weights", table(window.taps() * map.channels, map.kernels), both_signs};
    const CaseInput dy{"dy", table(map.images * window.output().pixels(), map.kernels), both_signs};
    list.add("convolution_2d", map.label, {x, w}, 0, [=](ProgramBuilder& builder, Inputs in) {
        return Values{ops::convolution_2d(builder, in[0], in[1], window)};
    });
    list.add("convolution_2d_gradient_input", map.label, {dy, w}, 0, [=](ProgramBuilder& builder, Inputs in) {
        return Values{ops::convolution_2d_gradient_input(builder, in[0], in[1], window)};
    });
    list.add("convolution_2d_gradient_weights", map.label, {x, dy}, 0, [=](ProgramBuilder& builder, Inputs in) {
        return Values{ops::convolution_2d_gradient_weights(builder, in[0], in[1], window)};
    });
}

std::vector<OpCase> convolution_cases() {
    CaseList list;
    add_convolution(list, {"1x1", 3, 5, 6, {5, 7, 1, 1, 1, 0, 0}});
    add_convolution(list, {"1x1/padded", 2, 3, 4, {5, 4, 1, 1, 1, 1, 1}});
    add_convolution(list, {"3x3/vectors", 2, 8, 12, {7, 6, 3, 3, 2, 1, 1}});
    add_convolution(list, {"2x2/beside_map", 2, 4, 3, {3, 4, 2, 2, 1, 3, 3}});
    // More elements of patches, and of pixels, than a grid has threads, so that threads go round.
    add_convolution(list, {"3x3/rounds", 2, 7, 1, {100, 90, 3, 3, 1, 1, 1}});
    add_convolution(list, {"1x1/rounds", 1, 31, 2, {132, 140, 1, 1, 2, 0, 0}});
    std::vector<OpCase> cases = list.take();
    for (const OpCase& op_case : op_cases())
        if (op_case.op.starts_with("convolution_2d")) cases.push_back(op_case);
    return cases;
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaPatches, ::testing::ValuesIn(convolution_cases()), &case_name);

using MakePatches = std::unique_ptr<cuda::Kernel> (*)(const cuda::DeviceContext&, const cuda::OpProblem&,
                                                      const cuda::ConvolutionSizes&, std::size_t);

// A kernel with a bound for patches of its own.
std::unique_ptr<cuda::Kernel> make_kernel(const cuda::DeviceContext& context, const cuda::OpProblem& problem,
                                          std::size_t patch_bytes) {
    MakePatches make = &cuda::make_patch_convolution;
    const cuda::TensorType* input = &problem.inputs[0];
    const cuda::TensorType* output = &problem.outputs[0];
    if (problem.name == "convolution_2d_gradient_input") {
        make = &cuda::make_patch_gradient_input;
        std::swap(input, output);
    } else if (problem.name == "convolution_2d_gradient_weights") {
        make = &cuda::make_patch_gradient_weights;
        output = &problem.inputs[1];
    }
    return make(context, problem, cuda::ConvolutionSizes(problem, *input, *output), patch_bytes);
}

// The libraries' handles of a device and a stream.
class Handles {
  public:
    Handles() {
        cublasLtCreate(&cublas_);
        cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, 0);
    }
    Handles(const Handles&) = delete;
    Handles& operator=(const Handles&) = delete;
    ~Handles() {
        cudaStreamDestroy(stream_);
        cublasLtDestroy(cublas_);
    }
    cuda::DeviceContext device() const { return {cublas_, nullptr, 1}; }
    cuda::StreamContext stream() const { return {stream_, cublas_, nullptr}; }

  private:
    cublasLtHandle_t cublas_ = nullptr;
    cudaStream_t stream_ = nullptr;
};

class CudaPatchBlocks : public ::testing::TestWithParam<OpCase> {
  protected:
    CudaPatchBlocks() : device_(open_device()) {}
    ~CudaPatchBlocks() override { cuda_emulation::set_thread_order(0); }

    // With operands that begin `offset` bytes behind where an allocation does.
    std::vector<float> run(const cuda::Kernel& kernel, const Program& program, std::size_t offset = 0) {
        const Node& node = program.nodes().front();
        std::vector<std::unique_ptr<DeviceBuffer>> buffers;
        std::vector<const void*> inputs;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const TensorType& type = program.value(node.inputs[i]).type;
            buffers.push_back(std::make_unique<DeviceBuffer>(device_.get(), type.bytes() + offset));
            std::byte* const data = buffers.back()->data() + offset;
            inputs.push_back(data);
            fill_case_input(GetParam(), GetParam().inputs[i], {data, type, type.shape.rows()});
        }
        const TensorType& type = program.value(node.outputs[0]).type;
        const DeviceBuffer y(device_.get(), type.bytes() + offset);
        void* const output = y.data() + offset;
        const DeviceBuffer scratch(device_.get(), std::max<std::size_t>(kernel.scratch_bytes(), 1));
        kernel.launch({inputs.data(), &output, scratch.data(), nullptr, handles_.stream()});
        EXPECT_EQ(cuda_emulation::take_complaints(), "");
        EXPECT_EQ(cuda_emulation::damaged_guard(), "");
        return values_of({y.data() + offset, type, type.shape.rows()});
    }

    DevicePointer device_;
    Handles handles_;
};

TEST_P(CudaPatchBlocks, OfEverySizeAgreeWithReference) {
    const Program program = case_program(GetParam());
    const std::vector<float> wanted = reference(GetParam());
    const NodeProblem node(program, program.nodes().front());
    const cuda::OpProblem problem(node.get());
    std::size_t most_scratch = 0;
    // From one position, or one row of pixels, to all at once.
    for (const std::size_t patch_bytes :
         {std::size_t{1}, std::size_t{2000}, std::size_t{5000}, std::size_t{9001}, std::size_t{20000},
          std::size_t{50000}, std::size_t{100000}, std::size_t{1} << 20}) {
        SCOPED_TRACE("patches of " + std::to_string(patch_bytes) + " bytes");
        const auto kernel = make_kernel(handles_.device(), problem, patch_bytes);
        std::vector<float> first;
        for (const std::uint64_t order : {0, 1, 21}) {
            cuda_emulation::set_thread_order(order);
            const std::vector<float> found = run(*kernel, program);
            if (first.empty()) first = found;
            expect_near(found, wanted, kRelativeError);
            expect_equal(found, first);
            if (HasFatalFailure()) return;
        }
        most_scratch = std::max(most_scratch, kernel->scratch_bytes());
    }
    // The bound decides.
    EXPECT_GT(most_scratch, make_kernel(handles_.device(), problem, 1)->scratch_bytes());
}

TEST_P(CudaPatchBlocks, TakeOperandsAtAnyElement) {
    const Program program = case_program(GetParam());
    const NodeProblem node(program, program.nodes().front());
    const auto kernel = make_kernel(handles_.device(), cuda::OpProblem(node.get()), 20000);
    expect_near(run(*kernel, program, sizeof(float)), reference(GetParam()), kRelativeError);
}

std::vector<OpCase> block_cases() {
    CaseList list;
    add_convolution(list, {"3x3", 3, 9, 7, {13, 11, 3, 3, 1, 1, 1}});
    add_convolution(list, {"3x3/vectors", 5, 8, 6, {9, 10, 3, 3, 1, 1, 1}});
    add_convolution(list, {"3x3/stride2", 3, 5, 3, {12, 11, 3, 3, 2, 1, 1}});
    add_convolution(list, {"2x2/stride3", 5, 4, 3, {14, 10, 2, 2, 3, 0, 0}});
    add_convolution(list, {"1x1/stride2", 4, 12, 5, {11, 9, 1, 1, 2, 0, 0}});
    add_convolution(list, {"7x3", 2, 3, 4, {15, 9, 7, 3, 1, 3, 0}});
    return list.take();
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaPatchBlocks, ::testing::ValuesIn(block_cases()), &case_name);

// Scratch of large batches and of large images, as the plug-in's own bound has it.
TEST(CudaPatchScratch, IsBoundedWhateverTheBatch) {
    constexpr std::size_t kMostOfProducts = std::size_t{32} << 20;
    CaseList list;
    add_convolution(list, {"batch", 256, 64, 64, {56, 56, 3, 3, 1, 1, 1}});
    add_convolution(list, {"image", 8, 64, 64, {224, 224, 3, 3, 1, 1, 1}});
    const Handles handles;
    for (const OpCase& op_case : list.take()) {
        SCOPED_TRACE(op_case.name);
        const Program program = case_program(op_case);
        const NodeProblem node(program, program.nodes().front());
        const auto kernel = make_kernel(handles.device(), cuda::OpProblem(node.get()), cuda::kPatchBytes);
        EXPECT_LE(kernel->scratch_bytes(), cuda::kPatchBytes + kMostOfProducts);
        EXPECT_GE(kernel->scratch_bytes(), cuda::kPatchBytes / 2);
    }
}

}  // namespace

}  // namespace tensile::test
