// See gpu_under_test.h.
#include "gpu/gpu_under_test.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "tensor/error.h"

namespace tensile::test {

namespace {

constexpr std::int64_t kSteps = 100;
constexpr std::int64_t kStepsOnFake = 3;

// Empty: the fake.
std::string plugin_file() {
    const char* const file = std::getenv("TENSILE_GPU_PLUGIN");
    return file == nullptr || std::string_view(file) == "fake" ? std::string() : std::string(file);
}

}  // namespace

bool is_real_gpu() {
    return !plugin_file().empty();
}

GpuUnderTest::GpuUnderTest() {
    if (!is_real_gpu()) fake_ = std::make_unique<testing::FakePlugin>();
    try {
        const auto library = fake_ != nullptr
                                 ? fake_->as_library()
                                 : std::make_shared<const PluginLibrary>(std::filesystem::path(plugin_file()));
        device_ = std::make_unique<CudaDevice>(library, CudaDeviceOptions{});
    } catch (const Error& error) {
        // GoogleTest shows one text, and which library is missing stands in the detail.
        if (error.detail().empty()) throw;
        throw Error(error.sqlstate(), error.message() + ": " + error.detail());
    }
}

GpuUnderTest::~GpuUnderTest() {
    device_.reset();
    if (fake_ == nullptr) return;
    for (const std::string& complaint : fake_->complaints())
        ADD_FAILURE() << complaint;
}

NetworkScale test_scale() {
    return is_real_gpu() ? NetworkScale::kSmall : NetworkScale::kTiny;
}

std::int64_t test_steps() {
    return is_real_gpu() ? kSteps : kStepsOnFake;
}

void print_figure(std::string_view name, const std::string& value) {
    std::printf("figure %.*s %s\n", static_cast<int>(name.size()), name.data(), value.c_str());
    std::fflush(stdout);
}

}  // namespace tensile::test
