// Launches do not touch the heap: everything they need is made when a program is lowered or bound. What oneDNN
// allocates inside itself for each product (about 400 bytes) is counted apart and bounded. Of the CUDA device the
// engine's side is looked at, over a table whose functions do nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "device/cuda/cuda_device.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/max_pool_2d.h"
#include "unit/device/device_run.h"
#include "unit/device/layered_network.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> allocated_bytes{0};

void* allocate(std::size_t bytes) {
    if (counting.load(std::memory_order_relaxed)) {
        ++allocations;
        allocated_bytes += bytes;
    }
    void* memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

// Not inlined: the compiler would take the pair of new and free for a mistake.
[[gnu::noinline]] void release(void* memory) {
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) {
    return allocate(bytes);
}
void* operator new[](std::size_t bytes) {
    return allocate(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate(bytes);
}
void operator delete(void* memory) noexcept {
    release(memory);
}
void operator delete[](void* memory) noexcept {
    release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    release(memory);
}

namespace tensile::test {

namespace {

void prepare(DeviceRun& run, const Program& program, std::int64_t rows) {
    for (const auto ids : {program.inputs(), program.variables()})
        for (ValueId id : ids)
            fill_network_tensor(program.value(id).name, run.tensor(program.value(id).name), rows);
    // Threads come into being and oneDNN sets itself up with the first launches.
    for (int warm_up = 0; warm_up < 3; ++warm_up)
        ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
}

TEST(LaunchHeap, LaunchesWithoutProductsAllocateNothing) {
    const Program program = training_program({.batch = 512, .features = 32, .hidden = 64});
    CpuDevice device(2);
    DeviceRun run(device, program);
    prepare(run, program, 512);
    const auto has_product = [](const LoweredOp& op) { return op.name.find("matmul") != std::string::npos; };
    std::size_t counted = 0;
    for (std::size_t op = 0; op < run.lowered().ops.size(); ++op) {
        if (has_product(run.lowered().ops[op])) continue;
        allocations = 0;
        counting = true;
        run.launch(static_cast<int>(op));
        counting = false;
        EXPECT_EQ(allocations.load(), 0U) << run.lowered().ops[op].name;
        ++counted;
    }
    EXPECT_GE(counted, 4U);
}

TEST(LaunchHeap, ProductsAllocateOnlyAFewHundredBytesInsideOnednn) {
    const NetworkShape shape{.batch = 512, .features = 32, .hidden = 64};
    const Program program = training_program(shape);
    CpuDevice device(2);
    DeviceRun run(device, program);
    prepare(run, program, 512);
    allocations = 0;
    allocated_bytes = 0;
    counting = true;
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    counting = false;
    // Eight products at most of 16 row tiles each.
    constexpr std::size_t kCalls = 8 * 16;
    EXPECT_LE(allocated_bytes.load(), kCalls * 1024);
}

// Gathering patches, adding up spans of a gradient and pooling allocate nothing of ours either.
TEST(LaunchHeap, ConvolutionsAllocateOnlyInsideOnednn) {
    const ops::Window window = ops::square_window({40, 40}, 3, 1, 1);
    const ops::Window halving = ops::square_window({40, 40}, 2, 2);
    ProgramBuilder builder("maps");
    const ValueId x = builder.input("x", {DType::kF32, {2 * 1600, 8}});
    const ValueId weights = builder.input("weights", {DType::kF32, {72, 16}});
    const ValueId y = ops::convolution_2d(builder, x, weights, window);
    const ValueId pooled = ops::max_pool_2d(builder, y, halving);
    const ValueId dy = ops::max_pool_2d_gradient(builder, y, pooled, halving);
    builder.output("dx", ops::convolution_2d_gradient_input(builder, dy, weights, window));
    builder.output("dweights", ops::convolution_2d_gradient_weights(builder, x, dy, window));
    const Program program = builder.finish();
    CpuDevice device(2);
    DeviceRun run(device, program);
    prepare(run, program, 2 * 1600);
    for (std::size_t op = 0; op < run.lowered().ops.size(); ++op) {
        const std::string& name = run.lowered().ops[op].name;
        allocations = 0;
        allocated_bytes = 0;
        counting = true;
        run.launch(static_cast<int>(op));
        counting = false;
        // 25 tiles of one product or of nine, 13 of one.
        constexpr std::size_t kCalls = 25 * 9 + 13;
        const bool has_product = name.find("convolution") != std::string::npos;
        EXPECT_LE(allocated_bytes.load(), has_product ? kCalls * 1024 : 0) << name;
    }
}

template <typename Handle>
std::int32_t make_nothing(Handle** handle) {
    static char nothing = 0;
    *handle = reinterpret_cast<Handle*>(&nothing);
    return TENSILE_OK;
}

// Succeeds in everything and does nothing.
TensileDeviceTable table_of_nothing() {
    TensileDeviceTable table{};
    table.size = sizeof table;
    table.version = TENSILE_DEVICE_ABI_VERSION;
    table.device_count = [](std::int32_t* count, TensileStatus*) {
        *count = 1;
        return std::int32_t{TENSILE_OK};
    };
    table.open = [](std::int32_t, TensileDevice** device, TensileStatus*) { return make_nothing(device); };
    table.close = [](TensileDevice*) {};
    table.properties = [](TensileDevice*, TensileDeviceProperties*, TensileStatus*) {
        return std::int32_t{TENSILE_OK};
    };
    table.stream_create = [](TensileDevice*, std::int32_t, std::int32_t, TensileStream** stream, TensileStatus*) {
        return make_nothing(stream);
    };
    table.stream_destroy = [](TensileStream*) {};
    table.stream_synchronize = [](TensileStream*, TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.stream_wait_event = [](TensileStream*, TensileEvent*, TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.event_create = [](TensileDevice*, TensileEvent** event, TensileStatus*) { return make_nothing(event); };
    table.event_destroy = [](TensileEvent*) {};
    table.event_record = [](TensileEvent*, TensileStream*, TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.event_synchronize = [](TensileEvent*, TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.copy = [](TensileStream*, void*, const void*, std::uint64_t, TensileStatus*) {
        return std::int32_t{TENSILE_OK};
    };
    table.prepare = [](TensileDevice*, const TensileOpProblem*, TensileKernel** kernel, TensileKernelInfo*,
                       TensileStatus*) { return make_nothing(kernel); };
    table.kernel_release = [](TensileKernel*) {};
    table.launch = [](TensileStream*, TensileKernel*, const void* const*, void* const*, void*, const std::int64_t*,
                      TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.graph_begin = [](TensileStream*, TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.graph_end = [](TensileStream*, TensileGraph** graph, TensileStatus*) { return make_nothing(graph); };
    table.graph_launch = [](TensileGraph*, TensileStream*, TensileStatus*) { return std::int32_t{TENSILE_OK}; };
    table.graph_destroy = [](TensileGraph*) {};
    return table;
}

TEST(LaunchHeap, ACudaDeviceAllocatesNothing) {
    const TensileDeviceTable table = table_of_nothing();
    CudaDevice device(std::make_shared<const PluginLibrary>(&table), {.threads = 1});
    const Program program = training_program({.batch = 512, .features = 32, .hidden = 64});
    const auto executable = device.lower(program, {});
    const LoweredProgram& lowered = executable->lowered();
    alignas(256) static std::byte place[256];
    const std::vector<std::byte*> addresses(lowered.tensors.size(), place);
    const auto binding = executable->bind(addresses);
    const auto compute = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    const auto event = device.create_event();
    std::vector<std::int32_t> sequence;
    for (std::size_t op = 0; op < lowered.ops.size(); ++op)
        sequence.push_back(static_cast<std::int32_t>(op));
    const std::int64_t extents[] = {300};
    const StopFlag stop{false};
    const auto step = [&] {
        for (const std::int32_t op : sequence)
            compute->launch(*binding, op, {extents, &stop});
        compute->launch_sequence(*binding, sequence, {extents, &stop});
        compute->copy(place, place, 64);
        compute->record(*event);
        compute->wait_for(*event);
        compute->synchronize();
        binding->set_address(0, place);
    };
    for (int warm_up = 0; warm_up < 4; ++warm_up)
        step();
    allocations = 0;
    counting = true;
    for (int i = 0; i < 100; ++i)
        step();
    counting = false;
    EXPECT_EQ(allocations.load(), 0U);
}

}  // namespace

}  // namespace tensile::test
