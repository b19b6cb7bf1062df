// The GPU itself: what it says of itself, and what an access to memory that is not there becomes. The latter spoils the
// process's context, so it has to be run in a process of its own (--gtest_filter=GpuFault.*).
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "gpu/gpu_under_test.h"
#include "graph/ops/relu.h"
#include "tensor/error.h"

namespace tensile::test {

namespace {

TEST(GpuDevice, SaysWhatItIs) {
    GpuUnderTest gpu;
    const DeviceProperties& properties = gpu.device().properties();
    const std::optional<DeviceHardware> hardware = gpu.device().hardware();
    ASSERT_TRUE(hardware);
    EXPECT_FALSE(hardware->name.empty());
    EXPECT_FALSE(hardware->driver.empty());
    EXPECT_GT(hardware->memory_bytes, 0U);
    EXPECT_LE(hardware->free_bytes, hardware->memory_bytes);
    EXPECT_EQ(properties.kind, "cuda");
    EXPECT_FALSE(properties.instruction_set.empty());
    EXPECT_FALSE(properties.kernel_library.empty());
    print_figure("device.name", hardware->name);
    print_figure("device.driver", hardware->driver);
    print_figure("device.architecture", properties.instruction_set);
    print_figure("device.libraries", properties.kernel_library);
    print_figure("device.memory_mebibytes", std::to_string(hardware->memory_bytes >> 20));
    print_figure("device.free_mebibytes", std::to_string(hardware->free_bytes >> 20));
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
