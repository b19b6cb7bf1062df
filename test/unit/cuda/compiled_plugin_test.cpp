// tensile-cuda.so as nvcc made it, where it was built: what it shows, and what it says on a machine without a driver.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "device/cuda/plugin_abi.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct LibraryCloser {
    void operator()(void* library) const { dlclose(library); }
};
using Library = std::unique_ptr<void, LibraryCloser>;

std::string output_of(const std::string& command) {
    const auto close = [](FILE* pipe) { pclose(pipe); };
    const std::unique_ptr<FILE, decltype(close)> pipe(popen(command.c_str(), "r"), close);
    std::string text;
    std::array<char, 256> line{};
    while (pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr)
        text += line.data();
    return text;
}

class CompiledPlugin : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(TENSILE_CUDA_PLUGIN)) GTEST_SKIP() << "tensile-cuda.so was not built";
    }
};

TEST_F(CompiledPlugin, ShowsItsTableAndNothingElse) {
    const std::string symbols = output_of("nm -D --defined-only -P '" TENSILE_CUDA_PLUGIN "' | cut -d' ' -f1");
    EXPECT_EQ(symbols, TENSILE_DEVICE_TABLE_SYMBOL "\n");
}

TEST_F(CompiledPlugin, FindsItsLibrariesByNameAlone) {
    const std::string dynamic = output_of("readelf -d '" TENSILE_CUDA_PLUGIN "'");
    EXPECT_THAT(dynamic, HasSubstr("[libcublasLt.so."));
    EXPECT_THAT(dynamic, HasSubstr("[libcudnn.so."));
    // The driver's library is looked for at run time, so that the plug-in can say that it is not there.
    EXPECT_THAT(dynamic, Not(HasSubstr("[libcuda.so")));
    EXPECT_THAT(dynamic, Not(HasSubstr("RPATH")));
    EXPECT_THAT(dynamic, Not(HasSubstr("RUNPATH")));
}

TEST_F(CompiledPlugin, SaysThatThereIsNoDriver) {
    if (const Library driver(dlopen("libcuda.so.1", RTLD_NOW)); driver) GTEST_SKIP() << "there is a driver";
    const Library plugin(dlopen(TENSILE_CUDA_PLUGIN, RTLD_NOW | RTLD_LOCAL));
    if (!plugin) GTEST_SKIP() << dlerror();
    const auto table_of =
        reinterpret_cast<TensileDeviceTableFunction>(dlsym(plugin.get(), TENSILE_DEVICE_TABLE_SYMBOL));
    ASSERT_NE(table_of, nullptr);
    EXPECT_EQ(table_of(TENSILE_DEVICE_ABI_VERSION + 1), nullptr);
    const TensileDeviceTable* table = table_of(TENSILE_DEVICE_ABI_VERSION);
    ASSERT_NE(table, nullptr);
    ASSERT_NE(table, &plugin_table());

    Status status;
    std::int32_t count = -1;
    EXPECT_EQ(table->device_count(&count, &status), TENSILE_NO_DRIVER);
    EXPECT_EQ(count, 0);
    EXPECT_STREQ(status.message, "no NVIDIA driver is installed (libcuda.so.1 was not found)");
    TensileDevice* device = nullptr;
    EXPECT_EQ(table->open(0, &device, &status), TENSILE_NO_DRIVER);
    EXPECT_EQ(device, nullptr);
    EXPECT_EQ(status.sticky, 0);
}

}  // namespace

}  // namespace tensile::test
