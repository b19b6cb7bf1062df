// Opening the CUDA plug-in and a device of it: what can be wrong, and what is said then.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "device/cuda/cuda_device.h"
#include "graph/ops/relu.h"
#include "support/fake_plugin.h"
#include "tensor/error.h"

namespace tensile::test {

namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Error error_of(const std::function<void()>& attempt) {
    try {
        attempt();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error";
    return InternalError("none");
}

Error error_of_opening(const testing::FakePluginOptions& options, int ordinal = 0) {
    testing::FakePlugin plugin(options);
    return error_of([&] { CudaDevice(plugin.as_library(), {.ordinal = ordinal}); });
}

class TextFile {
  public:
    explicit TextFile(const std::string& name) : path_(std::filesystem::path(::testing::TempDir()) / name) {
        std::ofstream(path_) << "not a library\n";
    }
    ~TextFile() { std::filesystem::remove(path_); }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

TEST(CudaPlugin, AFileThatIsNotThereIsAnError) {
    const Error error = error_of([] { PluginLibrary("/nowhere/tensile-cuda.so"); });
    EXPECT_EQ(error.sqlstate(), "58000");
    EXPECT_EQ(error.message(), "could not load the CUDA plug-in");
    EXPECT_THAT(error.detail(), HasSubstr("/nowhere/tensile-cuda.so: cannot open shared object file"));
    EXPECT_EQ(error.hint(), "Install the plug-in that belongs to this engine, or set tensile.device to 'cpu'.");
}

TEST(CudaPlugin, AFileThatIsNoLibraryIsAnError) {
    const TextFile file("tensile_not_a_library.so");
    const Error error = error_of([&] { PluginLibrary library(file.path()); });
    EXPECT_EQ(error.message(), "could not load the CUDA plug-in");
    EXPECT_THAT(error.detail(), HasSubstr(file.path().string()));
}

TEST(CudaPlugin, AnotherLibraryIsAnError) {
    const Error error = error_of([] { PluginLibrary("libm.so.6"); });
    EXPECT_EQ(error.sqlstate(), "58000");
    EXPECT_EQ(error.detail(), "File \"libm.so.6\" has no function \"tensile_device_table\".");
}

TEST(CudaPlugin, AnotherVersionIsAnError) {
    const Error error = error_of_opening({.version = 7});
    EXPECT_EQ(error.sqlstate(), "58000");
    EXPECT_EQ(error.message(), "could not load the CUDA plug-in");
    EXPECT_EQ(error.detail(), "The plug-in has version 7 of its interface, the engine needs version 1.");
    const Error none = error_of([] { PluginLibrary library(static_cast<const TensileDeviceTable*>(nullptr)); });
    EXPECT_EQ(none.detail(), "The plug-in does not know version 1 of its interface.");
}

TEST(CudaPlugin, AShortTableIsAnError) {
    const Error error = error_of_opening({.table_bytes = 64});
    EXPECT_EQ(error.detail(), "The plug-in has an older interface: its table has 64 bytes, the engine needs " +
                                  std::to_string(sizeof(TensileDeviceTable)) + ".");
}

TEST(CudaPlugin, NoDriverIsAnError) {
    const Error error = error_of_opening({.driver = TENSILE_NO_DRIVER});
    EXPECT_EQ(error.sqlstate(), "58000");
    EXPECT_EQ(error.message(), "could not open CUDA device 0: no NVIDIA driver");
    EXPECT_EQ(error.detail(), "The CUDA plug-in reports: libcuda.so.1 is not installed.");
    EXPECT_EQ(error.hint(), "Install the driver and check it with nvidia-smi, or set tensile.device to 'cpu'.");
}

TEST(CudaPlugin, AnOldDriverIsAnError) {
    const Error error = error_of_opening({.driver = TENSILE_OLD_DRIVER});
    EXPECT_EQ(error.sqlstate(), "58000");
    EXPECT_EQ(error.message(), "could not open CUDA device 0: the NVIDIA driver is too old");
    EXPECT_EQ(error.detail(), "The CUDA plug-in reports: the driver knows CUDA 11.4, CUDA 13.0 is needed.");
    EXPECT_EQ(error.hint(), "Update the driver, or set tensile.device to 'cpu'.");
}

TEST(CudaPlugin, ADeviceThatIsNotThereIsAnError) {
    const Error error = error_of_opening({.devices = 2}, 2);
    EXPECT_EQ(error.sqlstate(), "22023");
    EXPECT_EQ(error.message(), "CUDA device 2 does not exist");
    EXPECT_EQ(error.detail(), "The CUDA devices of this machine are numbered from 0 to 1.");
    const Error none = error_of_opening({.devices = 0});
    EXPECT_EQ(none.detail(), "This machine has no CUDA device.");
}

TEST(CudaPlugin, NoMemoryForTheSlabIsAnError) {
    testing::FakePlugin plugin({.memory_bytes = 1 << 20});
    {
        CudaDevice device(plugin.as_library(), {});
        const Error error = error_of([&] { device.reserve_slab(2 << 20); });
        EXPECT_EQ(error.sqlstate(), "53200");
        EXPECT_EQ(error.message(), "could not reserve 2097152 bytes of memory of the GPU: out of memory");
        EXPECT_EQ(error.detail(), "The CUDA plug-in reports: the device has 1048576 bytes left.");
        // A smaller one may be tried.
        EXPECT_NE(device.reserve_slab(1 << 20), nullptr);
        EXPECT_EQ(device.hardware()->free_bytes, 0U);
        EXPECT_THROW(device.reserve_slab(1), InternalError);
    }
    EXPECT_EQ(plugin.counters().open_objects, 0);
}

TEST(CudaPlugin, TheHostArenaHasALimit) {
    testing::FakePlugin plugin({.pinned_bytes = 1 << 20});
    {
        CudaDevice device(plugin.as_library(), {});
        const Error error = error_of([&] { device.reserve_host_arena((1 << 20) + 1); });
        EXPECT_EQ(error.sqlstate(), "53200");
        EXPECT_EQ(error.message(), "could not reserve 1048577 bytes of page-locked memory: out of memory");
        std::byte* const arena = device.reserve_host_arena(1 << 20);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena) % 4096, 0U);
        std::memset(arena, 1, 1 << 20);  // the host's own
        EXPECT_THROW(device.reserve_host_arena(1), InternalError);
    }
    EXPECT_THAT(plugin.complaints(), IsEmpty());
}

TEST(CudaPlugin, ADeviceSaysWhatItIs) {
    testing::FakePlugin plugin;
    CudaDevice device(plugin.as_library(), {.threads = 3});
    EXPECT_EQ(device.properties().kind, "cuda");
    EXPECT_EQ(device.properties().instruction_set, "fake_1");
    EXPECT_EQ(device.properties().kernel_library, "reference kernels");
    EXPECT_EQ(device.hardware()->name, "Fake GPU");
    EXPECT_EQ(device.hardware()->driver, "driver 1.0, CUDA 13.0");
    EXPECT_EQ(device.hardware()->memory_bytes, std::uint64_t{256} << 20);
    EXPECT_FALSE(device.is_synchronous());
    EXPECT_EQ(device.threads(), 3);
    device.set_threads(2);
    EXPECT_EQ(device.threads(), 2);
    EXPECT_TRUE(device.supports(ops::relu_op(), DType::kF32));
    EXPECT_FALSE(device.supports(ops::relu_op(), DType::kF64));
}

TEST(CudaPlugin, WhatTheHostMayNotTouchItCannotTouch) {
    testing::FakePlugin plugin;
    CudaDevice device(plugin.as_library(), {});
    std::byte* const slab = device.reserve_slab(4096);
    EXPECT_DEATH(*static_cast<volatile std::byte*>(slab) = std::byte{1}, "");
}

}  // namespace

}  // namespace tensile::test
