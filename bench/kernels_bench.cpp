// Convolutions beside bare products of the same numbers of terms and columns (one oneDNN primitive on one thread whose
// patches lie ready), with the rate in flop/s; the products by head of attention beside one product with as many flops;
// the training step of a three-layer network on the CPU device with one and with two threads, beside its bare matrix
// products (the same oneDNN primitives over the whole batch, one after another, on one thread), and prediction.
//
// Floor of a step: three products of 2 B K N flops a layer (forward, both gradients; the first layer needs no gradient
// of its input), and 28 bytes of memory traffic a parameter for Adam.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "../test/unit/device/layered_network.h"
#include "device/cpu/cpu_device.h"
#include "device/cpu/onednn_matmul.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/convolution_2d.h"

namespace {

using tensile::CpuDevice;
using tensile::test::NetworkShape;

// A program with a buffer for each of its tensors.
class BoundProgram {
  public:
    BoundProgram(CpuDevice& device, tensile::Program program, const tensile::LoweringOptions& options)
        : program_(std::move(program)),
          executable_(device.lower(program_, options)),
          // Not the training priority: this measures kernels, not how they give way.
          stream_(device.create_stream(tensile::StreamClass::kCompute, tensile::StreamPriority::kPrediction)),
          extents_(program_.extents().size()) {
        constexpr std::size_t kAlignment = 64;
        std::size_t total = kAlignment;
        for (const tensile::LoweredTensor& tensor : executable_->lowered().tensors)
            total += (tensor.bytes + kAlignment - 1) / kAlignment * kAlignment;
        memory_.resize(total);
        auto address = (reinterpret_cast<std::uintptr_t>(memory_.data()) + kAlignment - 1) / kAlignment * kAlignment;
        std::vector<std::byte*> addresses;
        for (const tensile::LoweredTensor& tensor : executable_->lowered().tensors) {
            auto* begin = reinterpret_cast<std::byte*>(address);
            addresses.push_back(begin);
            address += (tensor.bytes + kAlignment - 1) / kAlignment * kAlignment;
            if (!tensor.value.valid()) continue;
            const tensile::Value& value = program_.value(tensor.value);
            if (tensor.kind == tensile::LoweredKind::kConstant) std::copy(value.data.begin(), value.data.end(), begin);
            if (tensor.kind == tensile::LoweredKind::kInput || tensor.kind == tensile::LoweredKind::kVariable)
                tensile::test::fill_network_tensor(value.name, tensile::TensorView{begin, value.type, 0},
                                                   value.type.shape.rows());
            if (value.type.shape.is_bounded())
                extents_[static_cast<std::size_t>(value.type.shape.extent_slot())] = value.type.shape.rows();
        }
        binding_ = executable_->bind(addresses);
    }

    void run() {
        for (std::size_t op = 0; op < executable_->lowered().ops.size(); ++op)
            stream_->launch(*binding_, static_cast<int>(op), {extents_, nullptr});
    }

  private:
    tensile::Program program_;
    std::unique_ptr<tensile::Executable> executable_;
    std::unique_ptr<tensile::Stream> stream_;
    std::vector<std::byte> memory_;
    std::vector<std::int64_t> extents_;
    std::unique_ptr<tensile::Binding> binding_;
};

// Arguments: batch, hidden, threads.
NetworkShape shape_of(const benchmark::State& state) {
    return {.batch = state.range(0), .features = state.range(1), .hidden = state.range(1)};
}

void training_step(benchmark::State& state) {
    CpuDevice device(static_cast<int>(state.range(2)));
    BoundProgram program(device, tensile::test::training_program(shape_of(state)), {});
    for (auto _ : state)
        program.run();
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void bare_products(benchmark::State& state) {
    const NetworkShape shape = shape_of(state);
    const tensile::OnednnLibrary onednn;
    std::vector<tensile::OnednnMatmul> products;
    const auto add = [&](std::int64_t rows, std::int64_t inner, std::int64_t columns, bool transpose_b) {
        products.emplace_back(onednn, tensile::MatmulShape{rows, inner, columns, transpose_b, false});
    };
    const std::int64_t widths[] = {shape.features, shape.hidden, shape.hidden, shape.outputs};
    for (int layer = 0; layer < 3; ++layer) {
        add(shape.batch, widths[layer], widths[layer + 1], false);
        if (layer > 0) add(shape.batch, widths[layer + 1], widths[layer], true);
        add(widths[layer], shape.batch, widths[layer + 1], false);
    }
    std::size_t scratch_bytes = 64;
    std::vector<tensile::OnednnMatmul::Call> calls;
    for (const tensile::OnednnMatmul& product : products) {
        scratch_bytes = std::max(scratch_bytes, product.scratch_bytes());
        calls.push_back(product.make_call());
    }
    const auto largest = static_cast<std::size_t>(std::max(shape.batch, shape.hidden) * shape.hidden);
    std::vector<float> a(largest, 0.5F);
    std::vector<float> b(largest, 0.25F);
    std::vector<float> y(largest);
    std::vector<std::byte> scratch(scratch_bytes);
    for (auto _ : state)
        for (std::size_t i = 0; i < products.size(); ++i)
            products[i].run(calls[i], a.data(), b.data(), y.data(), scratch.data());
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void prediction(benchmark::State& state) {
    CpuDevice device(static_cast<int>(state.range(2)));
    BoundProgram program(device, tensile::test::prediction_program(shape_of(state)), {.batch_invariant = true});
    for (auto _ : state)
        program.run();
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

// 64-wide heads. Arguments: steps, groups, threads; which of attention's three forms of a product.
constexpr std::int64_t kHeadWidth = 64;
enum class HeadProduct { kScores, kValues, kTransposed };

void set_flops(benchmark::State& state) {
    const double flops = 2.0 * static_cast<double>(state.range(0) * state.range(0) * kHeadWidth * state.range(1));
    state.counters["flops"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void head_products(benchmark::State& state, HeadProduct form) {
    const std::int64_t steps = state.range(0);
    const std::int64_t groups = state.range(1);
    const auto matrix = [&](std::int64_t width) {
        return tensile::TensorType{tensile::DType::kF32, {groups * steps, width}};
    };
    tensile::ProgramBuilder builder("heads");
    const bool scores = form == HeadProduct::kScores;
    const tensile::ValueId a = builder.input("a", matrix(scores ? kHeadWidth : steps));
    const tensile::ValueId b = builder.input("b", matrix(kHeadWidth));
    builder.output("y", tensile::ops::batched_matmul(builder, a, b, groups, form == HeadProduct::kTransposed, scores));
    CpuDevice device(static_cast<int>(state.range(2)));
    BoundProgram program(device, builder.finish(), {});
    for (auto _ : state)
        program.run();
    set_flops(state);
}

// All groups against the operand of one, on one thread.
void bare_head_product(benchmark::State& state, HeadProduct form) {
    const bool scores = form == HeadProduct::kScores;
    const std::int64_t steps = state.range(0);
    const std::int64_t inner = scores ? kHeadWidth : steps;
    const std::int64_t columns = scores ? steps : kHeadWidth;
    const tensile::OnednnLibrary onednn;
    const tensile::OnednnMatmul product(onednn, {steps * state.range(1), inner, columns, scores, false});
    tensile::OnednnMatmul::Call call = product.make_call();
    std::vector<float> a(static_cast<std::size_t>(steps * state.range(1) * inner), 0.5F);
    std::vector<float> b(static_cast<std::size_t>(inner * columns), 0.25F);
    std::vector<float> y(static_cast<std::size_t>(steps * state.range(1) * columns));
    std::vector<std::byte> scratch(product.scratch_bytes() + 64);
    for (auto _ : state)
        product.run(call, a.data(), b.data(), y.data(), scratch.data());
    set_flops(state);
}

void head_sizes(benchmark::internal::Benchmark* bench, const std::vector<std::int64_t>& threads) {
    bench->ArgNames({"steps", "groups", "threads"})->Unit(benchmark::kMicrosecond)->UseRealTime()->MinTime(0.1);
    for (std::int64_t steps : {64, 128, 256})
        for (std::int64_t count : threads)
            bench->Args({steps, 8192 / steps, count});
}

void sizes(benchmark::internal::Benchmark* bench, const std::vector<std::int64_t>& batches,
           const std::vector<std::int64_t>& threads) {
    bench->ArgNames({"batch", "hidden", "threads"})->Unit(benchmark::kMicrosecond)->UseRealTime()->MinTime(0.1);
    for (std::int64_t batch : batches)
        for (std::int64_t hidden : {256, 512})
            for (std::int64_t count : threads)
                bench->Args({batch, hidden, count});
}

struct ConvolutionShape {
    std::int64_t images;
    std::int64_t pixels;  // of a side
    std::int64_t channels;
    std::int64_t kernels;
    std::int64_t kernel;  // of a side
    std::int64_t stride;

    tensile::ops::Window window() const {
        return tensile::ops::square_window({pixels, pixels}, kernel, stride, kernel / 2);
    }
    std::int64_t outputs() const { return images * window().output().pixels(); }
    double flops() const { return 2.0 * static_cast<double>(outputs() * kernel * kernel * channels * kernels); }
};

// Layers of VGG-16 and ResNet-50, 8 images each.
constexpr ConvolutionShape kConvolutions[] = {
    {8, 224, 3, 64, 3, 1},   {8, 224, 64, 64, 3, 1},  {8, 112, 128, 128, 3, 1}, {8, 56, 256, 256, 3, 1},
    {8, 28, 512, 512, 3, 1}, {8, 14, 512, 512, 3, 1}, {8, 224, 3, 64, 7, 2},    {8, 56, 128, 128, 3, 2}};

const ConvolutionShape& convolution_of(const benchmark::State& state) {
    return kConvolutions[state.range(0)];
}

void report(benchmark::State& state, const ConvolutionShape& shape, double flops) {
    state.SetLabel(std::to_string(shape.pixels) + "^2 x " + std::to_string(shape.channels) + " -> " +
                   std::to_string(shape.kernels) + ", " + std::to_string(shape.kernel) + "^2 / " +
                   std::to_string(shape.stride));
    state.counters["flop/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

enum class Direction { kForward, kGradientInput, kGradientWeights };

// Arguments: index into kConvolutions, threads.
template <Direction direction>
void convolution(benchmark::State& state) {
    using tensile::TensorType;
    const ConvolutionShape& shape = convolution_of(state);
    const tensile::ops::Window window = shape.window();
    const auto matrix = [](std::int64_t rows, std::int64_t columns) {
        return TensorType{tensile::DType::kF32, {rows, columns}};
    };
    const TensorType x = matrix(shape.images * shape.pixels * shape.pixels, shape.channels);
    const TensorType weights = matrix(window.taps() * shape.channels, shape.kernels);
    const TensorType dy = matrix(shape.outputs(), shape.kernels);
    tensile::ProgramBuilder builder("convolution");
    if constexpr (direction == Direction::kForward)
        builder.output(
            "y", tensile::ops::convolution_2d(builder, builder.input("x", x), builder.input("w", weights), window));
    if constexpr (direction == Direction::kGradientInput)
        builder.output("dx", tensile::ops::convolution_2d_gradient_input(builder, builder.input("dy", dy),
                                                                         builder.input("w", weights), window));
    if constexpr (direction == Direction::kGradientWeights)
        builder.output("dw", tensile::ops::convolution_2d_gradient_weights(builder, builder.input("x", x),
                                                                           builder.input("dy", dy), window));
    CpuDevice device(static_cast<int>(state.range(1)));
    BoundProgram program(device, builder.finish(), {});
    for (auto _ : state)
        program.run();
    report(state, shape, shape.flops());
}

// 1024 patches at a time.
void bare_convolution_product(benchmark::State& state) {
    constexpr std::int64_t kPatches = 1024;
    const ConvolutionShape& shape = convolution_of(state);
    const std::int64_t terms = shape.window().taps() * shape.channels;
    const tensile::OnednnLibrary onednn;
    const tensile::OnednnMatmul product(onednn, {kPatches, terms, shape.kernels, false, false});
    tensile::OnednnMatmul::Call call = product.make_call();
    const std::vector<float> a(static_cast<std::size_t>(kPatches * terms), 0.5F);
    const std::vector<float> b(static_cast<std::size_t>(terms * shape.kernels), 0.25F);
    std::vector<float> y(static_cast<std::size_t>(kPatches * shape.kernels));
    std::vector<std::byte> scratch(product.scratch_bytes() + 64);
    for (auto _ : state)
        product.run(call, a.data(), b.data(), y.data(), scratch.data());
    report(state, shape, 2.0 * static_cast<double>(kPatches * terms * shape.kernels));
}

void layers(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"layer", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(0.2);
    for (std::size_t layer = 0; layer < std::size(kConvolutions); ++layer)
        bench->Args({static_cast<std::int64_t>(layer), 1});
}

BENCHMARK(bare_convolution_product)->Apply(layers);
BENCHMARK(convolution<Direction::kForward>)->Name("convolution")->Apply(layers);
BENCHMARK(convolution<Direction::kGradientInput>)->Name("convolution_gradient_input")->Apply(layers);
BENCHMARK(convolution<Direction::kGradientWeights>)->Name("convolution_gradient_weights")->Apply(layers);
BENCHMARK(bare_products)->Apply([](auto* bench) { sizes(bench, {256, 4096}, {1}); });
BENCHMARK(training_step)->Apply([](auto* bench) { sizes(bench, {256, 4096}, {1, 2}); });
BENCHMARK(prediction)->Apply([](auto* bench) { sizes(bench, {1, 4096}, {1, 2}); });

void one_thread(benchmark::internal::Benchmark* bench) {
    head_sizes(bench, {1});
}
void one_and_two_threads(benchmark::internal::Benchmark* bench) {
    head_sizes(bench, {1, 2});
}
BENCHMARK_CAPTURE(bare_head_product, scores, HeadProduct::kScores)->Apply(one_thread);
BENCHMARK_CAPTURE(bare_head_product, values, HeadProduct::kValues)->Apply(one_thread);
BENCHMARK_CAPTURE(head_products, scores, HeadProduct::kScores)->Apply(one_and_two_threads);
BENCHMARK_CAPTURE(head_products, values, HeadProduct::kValues)->Apply(one_and_two_threads);
BENCHMARK_CAPTURE(head_products, transposed, HeadProduct::kTransposed)->Apply(one_and_two_threads);

}  // namespace

BENCHMARK_MAIN();
