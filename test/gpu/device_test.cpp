// The GPU itself: what it says of itself, and what an access to memory that is not there becomes. The latter spoils the
// process's context, so it has to be run in a process of its own (--gtest_filter=GpuFault.*).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gpu/gpu_under_test.h"
#include "graph/ops/relu.h"
#include "tensor/error.h"

namespace tensile::test {

namespace {

TEST(GpuDevice, SaysWhatItIs) {
    GpuUnderTest under_test;
    const CudaDevice* const gpu = &under_test.device();
    EXPECT_FALSE(gpu->name().empty());
    EXPECT_FALSE(gpu->driver().empty());
    EXPECT_GT(gpu->memory_bytes(), 0U);
    EXPECT_LE(gpu->free_bytes(), gpu->memory_bytes());
    EXPECT_EQ(gpu->properties().kind, "cuda");
    EXPECT_FALSE(gpu->properties().instruction_set.empty());
    EXPECT_FALSE(gpu->properties().kernel_library.empty());
    print_figure("device.name", gpu->name());
    print_figure("device.driver", gpu->driver());
    print_figure("device.architecture", gpu->properties().instruction_set);
    print_figure("device.libraries", gpu->properties().kernel_library);
    print_figure("device.memory_mebibytes", std::to_string(gpu->memory_bytes() >> 20));
    print_figure("device.free_mebibytes", std::to_string(gpu->free_bytes() >> 20));
}

TEST(GpuFault, IllegalAccessEndsTheDevice) {
    if (!is_real_gpu()) GTEST_SKIP() << "the fake injects its faults elsewhere";
    ProgramBuilder builder("wild");
    builder.output("y", ops::relu(builder, builder.input("x", {DType::kF32, {1024}})));
    const Program program = builder.finish();

    GpuUnderTest gpu;
    const auto executable = gpu.device().lower(program, {});
    // Addresses that nobody has allocated.
    std::vector<std::byte*> addresses;
    for (std::size_t i = 0; i < executable->lowered().tensors.size(); ++i)
        addresses.push_back(reinterpret_cast<std::byte*>((i + 1) << 20));
    const auto binding = executable->bind(addresses);
    const auto stream = gpu.device().create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    std::string sqlstate;
    try {
        for (std::size_t op = 0; op < executable->lowered().ops.size(); ++op)
            stream->launch(*binding, static_cast<int>(op), {});
        stream->synchronize();
    } catch (const Error& error) {
        sqlstate = error.sqlstate();
        print_figure("fault.message", error.message());
    }
    EXPECT_EQ(sqlstate, "58030");
    // And every call after it says so too, instead of pretending.
    EXPECT_THROW(stream->synchronize(), Error);
}

}  // namespace

}  // namespace tensile::test
