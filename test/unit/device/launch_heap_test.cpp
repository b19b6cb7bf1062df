// Launches do not touch the heap: everything they need is made when a program is lowered or bound. What oneDNN
// allocates inside itself for each product (about 400 bytes) is counted apart and bounded.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "device/cpu/cpu_device.h"
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

}  // namespace

}  // namespace tensile::test
