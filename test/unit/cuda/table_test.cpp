// The plug-in's table on the emulated device: opening, faults, memory, streams, events and graphs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "cuda/op_problem.h"
#include "graph/ops/scale.h"
#include "tensor/dtype.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

using ::testing::HasSubstr;

class PluginTable : public ::testing::Test {
  protected:
    ~PluginTable() override {
        cuda_emulation::reset_errors();
        cuda_emulation::set_machine({});
    }

    // Code and message of an attempt to open.
    static Status open(const cuda_emulation::Machine& machine, int ordinal = 0) {
        cuda_emulation::set_machine(machine);
        Status status;
        TensileDevice* device = nullptr;
        plugin_table().open(ordinal, &device, &status);
        EXPECT_EQ(device == nullptr, status.code != TENSILE_OK);
        plugin_table().close(device);
        return status;
    }
};

// y = 2 x of three elements.
Program scale_program() {
    ProgramBuilder builder("scale");
    const ValueId x = builder.input("x", {DType::kF32, {3}});
    builder.output("y", ops::scale(builder, x, builder.constant_scalar(2)));
    return builder.finish();
}

std::vector<float> floats(const TensorView& view) {
    return {view.as<float>(), view.as<float>() + view.type.shape.elements()};
}

TEST_F(PluginTable, SpeaksOneVersion) {
    EXPECT_EQ(tensile_device_table(TENSILE_DEVICE_ABI_VERSION + 1), nullptr);
    EXPECT_EQ(plugin_table().size, sizeof(TensileDeviceTable));
    EXPECT_EQ(plugin_table().version, TENSILE_DEVICE_ABI_VERSION);
}

TEST_F(PluginTable, NumbersTypesAsTheEngineDoes) {
    for (const auto& [ours, theirs] : {std::pair{cuda::DType::kF32, DType::kF32},
                                       {cuda::DType::kBF16, DType::kBF16},
                                       {cuda::DType::kF64, DType::kF64},
                                       {cuda::DType::kI32, DType::kI32},
                                       {cuda::DType::kI64, DType::kI64},
                                       {cuda::DType::kU8, DType::kU8}}) {
        EXPECT_EQ(static_cast<int>(ours), static_cast<int>(theirs));
        EXPECT_EQ(cuda::size_of(ours), size_of(theirs));
    }
    EXPECT_EQ(kDTypeCount, 6);
}

TEST_F(PluginTable, SaysWhyNoDeviceOpens) {
    const Status none = open({.driver_version = 0});
    EXPECT_EQ(none.code, TENSILE_NO_DRIVER);
    EXPECT_THAT(none.message, HasSubstr("no NVIDIA driver"));

    const Status old = open({.driver_version = 12040});
    EXPECT_EQ(old.code, TENSILE_OLD_DRIVER);
    EXPECT_THAT(old.message, HasSubstr("CUDA 12.4"));
    EXPECT_THAT(old.message, HasSubstr("needs a driver for CUDA 13.0"));

    const Status empty = open({.devices = 0});
    EXPECT_EQ(empty.code, TENSILE_NO_DRIVER);
    EXPECT_THAT(empty.message, HasSubstr("reports no device"));

    const Status missing = open({.devices = 2}, 2);
    EXPECT_EQ(missing.code, TENSILE_NO_DEVICE);
    EXPECT_THAT(missing.message, HasSubstr("no device cuda:2; the driver reports 2"));

    const Status ancient = open({.compute_capability = 61});
    EXPECT_EQ(ancient.code, TENSILE_UNSUPPORTED);
    EXPECT_THAT(ancient.message, HasSubstr("(sm_61) is too old: this plug-in was built for sm_75"));

    const Status full = open({.memory_bytes = 100});
    EXPECT_EQ(full.code, TENSILE_OUT_OF_MEMORY);
    EXPECT_EQ(full.sticky, 0);
    EXPECT_EQ(open({}).code, TENSILE_OK);
}

TEST_F(PluginTable, CountsDevices) {
    unsetenv("CUDA_MODULE_LOADING");
    Status status;
    std::int32_t count = -1;
    cuda_emulation::set_machine({.devices = 3});
    EXPECT_EQ(plugin_table().device_count(&count, &status), TENSILE_OK);
    EXPECT_EQ(count, 3);
    EXPECT_STREQ(getenv("CUDA_MODULE_LOADING"), "EAGER");
    cuda_emulation::set_machine({.driver_version = 0});
    EXPECT_EQ(plugin_table().device_count(&count, &status), TENSILE_NO_DRIVER);
    EXPECT_EQ(count, 0);
}

TEST_F(PluginTable, DescribesTheDeviceWithinTheCallersStruct) {
    const DevicePointer device = open_device();
    Status status;
    TensileDeviceProperties properties{};
    properties.size = sizeof properties;
    require(plugin_table().properties(device.get(), &properties, &status), status);
    EXPECT_STREQ(properties.name, "Emulated device");
    EXPECT_STREQ(properties.architecture, "sm_90");
    EXPECT_STREQ(properties.kernel_library, "cuBLASLt 13.0.2, cuDNN 9.13.0");
    EXPECT_THAT(properties.driver, HasSubstr("CUDA 13.0"));
    EXPECT_EQ(properties.memory_bytes, std::uint64_t{8} << 30);
    EXPECT_LE(properties.free_bytes, properties.memory_bytes);

    // A caller of an earlier day knows less of the struct.
    TensileDeviceProperties shorter{};
    shorter.size = offsetof(TensileDeviceProperties, architecture);
    require(plugin_table().properties(device.get(), &shorter, &status), status);
    EXPECT_STREQ(shorter.name, "Emulated device");
    EXPECT_STREQ(shorter.architecture, "");
    EXPECT_EQ(shorter.size, offsetof(TensileDeviceProperties, architecture));
}

TEST_F(PluginTable, LeavesNoAllocationBehind) {
    const std::size_t before = cuda_emulation::allocation_count();
    {
        const DevicePointer device = open_device();
        EXPECT_EQ(cuda_emulation::allocation_count(), before);
        const DeviceBuffer buffer(device.get(), 64);
        EXPECT_EQ(cuda_emulation::allocation_count(), before + 1);
    }
    EXPECT_EQ(cuda_emulation::allocation_count(), before);
}

TEST_F(PluginTable, HandsOutAlignedMemoryUntilThereIsNone) {
    const DevicePointer device = open_device();
    Status status;
    void* slab = nullptr;
    require(plugin_table().slab_allocate(device.get(), 12345, &slab, &status), status);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slab) % (2U << 20), 0U);
    plugin_table().slab_free(device.get(), slab);
    EXPECT_EQ(plugin_table().slab_allocate(device.get(), std::uint64_t{9} << 30, &slab, &status),
              TENSILE_OUT_OF_MEMORY);
    EXPECT_EQ(slab, nullptr);
    EXPECT_EQ(status.sticky, 0);
    EXPECT_THAT(status.message, HasSubstr("allocating device memory: out of memory"));

    void* host = nullptr;
    require(plugin_table().host_allocate(device.get(), 5000, &host, &status), status);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(host) % 4096, 0U);
    plugin_table().host_free(device.get(), host);
    std::vector<std::byte> own(8192);
    require(plugin_table().host_register(device.get(), own.data(), own.size(), &status), status);
    EXPECT_NE(plugin_table().host_register(device.get(), own.data(), own.size(), &status), TENSILE_OK);
    plugin_table().host_unregister(device.get(), own.data());
    require(plugin_table().host_register(device.get(), own.data(), own.size(), &status), status);
    plugin_table().host_unregister(device.get(), own.data());
}

TEST_F(PluginTable, FlagsErrorsThatEndTheContext) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const DeviceBuffer buffer(device.get(), 64);
    Status status;
    cuda_emulation::fail_next(cudaErrorMemoryAllocation);
    EXPECT_EQ(plugin_table().fill(stream.get(), buffer.data(), 0, 64, &status), TENSILE_OUT_OF_MEMORY);
    EXPECT_EQ(status.sticky, 0);
    EXPECT_EQ(plugin_table().fill(stream.get(), buffer.data(), 0, 64, &status), TENSILE_OK);

    cuda_emulation::fail_next(cudaErrorIllegalAddress);
    EXPECT_EQ(plugin_table().fill(stream.get(), buffer.data(), 0, 64, &status), TENSILE_FAULT);
    EXPECT_EQ(status.sticky, 1);
    EXPECT_THAT(status.message, HasSubstr("an illegal memory access was encountered (cudaErrorIllegalAddress)"));
    EXPECT_EQ(plugin_table().stream_synchronize(stream.get(), &status), TENSILE_FAULT);
    EXPECT_EQ(status.sticky, 1);
}

TEST_F(PluginTable, ReportsASickLaunch) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const Program program = scale_program();
    PluginRun run(device.get(), program);
    cuda_emulation::fail_next(cudaErrorECCUncorrectable);
    EXPECT_THROW(run.run(stream.get()), InternalError);
    Status status;
    EXPECT_EQ(plugin_table().stream_synchronize(stream.get(), &status), TENSILE_FAULT);
    EXPECT_EQ(status.sticky, 1);
}

TEST_F(PluginTable, RefusesOpsItDoesNotKnow) {
    const DevicePointer device = open_device();
    EXPECT_EQ(plugin_table().supports(device.get(), "matmul", static_cast<TensileDType>(DType::kF32)), 1);
    EXPECT_EQ(plugin_table().supports(device.get(), "matmul", static_cast<TensileDType>(DType::kF64)), 0);
    EXPECT_EQ(plugin_table().supports(device.get(), "unheard_of", static_cast<TensileDType>(DType::kF32)), 0);

    TensileTensorType type{static_cast<TensileDType>(DType::kF32), 2, {2, 2}, -1};
    const TensileTensorType inputs[] = {type, type};
    TensileOpProblem problem{};
    problem.size = sizeof problem;
    problem.name = "unheard_of";
    problem.inputs = inputs;
    problem.input_count = 2;
    problem.outputs = &type;
    problem.output_count = 1;
    Status status;
    TensileKernel* kernel = nullptr;
    TensileKernelInfo info{};
    info.size = sizeof info;
    EXPECT_EQ(plugin_table().prepare(device.get(), &problem, &kernel, &info, &status), TENSILE_UNSUPPORTED);
    EXPECT_THAT(status.message, HasSubstr("\"unheard_of\""));
    problem.name = "matmul";
    EXPECT_EQ(plugin_table().prepare(device.get(), &problem, &kernel, &info, &status), TENSILE_INVALID);
    EXPECT_THAT(status.message, HasSubstr("matmul has no attribute \"transpose_a\""));
    type.rank = 7;
    EXPECT_EQ(plugin_table().prepare(device.get(), &problem, &kernel, &info, &status), TENSILE_INVALID);
    EXPECT_EQ(kernel, nullptr);
}

TEST_F(PluginTable, EventsTellWhenAndHowLong) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get(), TENSILE_COPY_IN);
    const StreamPointer other = create_stream(device.get(), TENSILE_COPY_OUT);
    Status status;
    TensileEvent* begin = nullptr;
    TensileEvent* end = nullptr;
    require(plugin_table().event_create(device.get(), &begin, &status), status);
    require(plugin_table().event_create(device.get(), &end, &status), status);
    std::int32_t complete = 0;
    require(plugin_table().event_query(begin, &complete, &status), status);
    EXPECT_EQ(complete, 1);
    require(plugin_table().event_record(begin, stream.get(), &status), status);
    require(plugin_table().stream_wait_event(other.get(), begin, &status), status);
    require(plugin_table().event_record(end, other.get(), &status), status);
    require(plugin_table().event_synchronize(end, &status), status);
    double seconds = -1;
    require(plugin_table().event_elapsed(begin, end, &seconds, &status), status);
    EXPECT_GE(seconds, 0);
    plugin_table().event_destroy(begin);
    plugin_table().event_destroy(end);
}

TEST_F(PluginTable, AnEventThatIsNotCompleteFailsNoLaunch) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const Program program = scale_program();
    PluginRun run(device.get(), program);
    Status status;
    TensileEvent* event = nullptr;
    require(plugin_table().event_create(device.get(), &event, &status), status);
    require(plugin_table().event_record(event, stream.get(), &status), status);
    cuda_emulation::fail_next(cudaErrorNotReady);
    std::int32_t complete = 1;
    require(plugin_table().event_query(event, &complete, &status), status);
    EXPECT_EQ(complete, 0);
    EXPECT_NO_THROW(run.run(stream.get()));
    plugin_table().event_destroy(event);
}

TEST_F(PluginTable, GraphsRunWhatWasCaptured) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const Program program = scale_program();
    PluginRun run(device.get(), program);
    const DeviceBuffer source(device.get(), 12);
    Status status;
    require(plugin_table().graph_begin(stream.get(), &status), status);
    require(plugin_table().copy(stream.get(), run.tensor("x").data, source.data(), 12, &status), status);
    run.run(stream.get());
    TensileGraph* graph = nullptr;
    require(plugin_table().graph_end(stream.get(), &graph, &status), status);
    ASSERT_NE(graph, nullptr);

    for (const float factor : {1.0F, 5.0F}) {
        const float values[] = {factor, 2 * factor, 3 * factor};
        std::memcpy(source.data(), values, sizeof values);
        require(plugin_table().graph_launch(graph, stream.get(), &status), status);
        require(plugin_table().stream_synchronize(stream.get(), &status), status);
        EXPECT_EQ(floats(run.output("y")), (std::vector<float>{2 * factor, 4 * factor, 6 * factor}));
    }
    plugin_table().graph_destroy(graph);
}

TEST_F(PluginTable, CapturingRunsNothing) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const DeviceBuffer buffer(device.get(), 4);
    Status status;
    std::memset(buffer.data(), 1, 4);
    require(plugin_table().graph_begin(stream.get(), &status), status);
    EXPECT_EQ(plugin_table().graph_begin(stream.get(), &status), TENSILE_INVALID);
    require(plugin_table().fill(stream.get(), buffer.data(), 2, 4, &status), status);
    EXPECT_EQ(buffer.data()[0], std::byte{1});
    TensileGraph* graph = nullptr;
    require(plugin_table().graph_end(stream.get(), &graph, &status), status);
    EXPECT_EQ(buffer.data()[0], std::byte{1});
    plugin_table().graph_destroy(graph);
    EXPECT_EQ(plugin_table().graph_end(stream.get(), &graph, &status), TENSILE_INVALID);
    EXPECT_EQ(graph, nullptr);
}

TEST_F(PluginTable, AFailureWhileCapturingComesBackAtTheEnd) {
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const DeviceBuffer buffer(device.get(), 4);
    Status status;
    require(plugin_table().graph_begin(stream.get(), &status), status);
    cuda_emulation::fail_next(cudaErrorInvalidValue);
    EXPECT_EQ(plugin_table().fill(stream.get(), buffer.data(), 2, 4, &status), TENSILE_INVALID);
    EXPECT_EQ(plugin_table().fill(stream.get(), buffer.data(), 2, 4, &status), TENSILE_OK);
    TensileGraph* graph = nullptr;
    EXPECT_EQ(plugin_table().graph_end(stream.get(), &graph, &status), TENSILE_INVALID);
    EXPECT_THAT(status.message, HasSubstr("filling device memory"));
    EXPECT_EQ(graph, nullptr);
    // The stream works on.
    require(plugin_table().fill(stream.get(), buffer.data(), 3, 4, &status), status);
    EXPECT_EQ(buffer.data()[0], std::byte{3});
}

}  // namespace

}  // namespace tensile::test
