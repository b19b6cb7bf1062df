// The device that unit_gpu tests: the one behind the plug-in that TENSILE_GPU_PLUGIN names (a file), or, when it is not
// set, the in-process fake of the plug-in, by which the tests themselves are tested on machines without a GPU. On the
// fake the networks are tiny and run for a few steps, because its kernels are the reference kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "device/cuda/cuda_device.h"
#include "support/fake_plugin.h"
#include "support/network_trainings.h"

namespace tensile::test {

bool is_real_gpu();

// An open device, which can give out one slab. One at a time. What the fake complains of is a failure of the test that
// closes the device.
class GpuUnderTest {
  public:
    GpuUnderTest();
    ~GpuUnderTest();
    GpuUnderTest(const GpuUnderTest&) = delete;
    GpuUnderTest& operator=(const GpuUnderTest&) = delete;

    CudaDevice& device() { return *device_; }

  private:
    std::unique_ptr<testing::FakePlugin> fake_;  // null: the real plug-in
    std::unique_ptr<CudaDevice> device_;
};

// How the networks of the tests are run.
NetworkScale test_scale();
std::int64_t test_steps();

// A line "figure NAME VALUE" for scripts/check-gpu, which puts it into its table.
void print_figure(std::string_view name, const std::string& value);

}  // namespace tensile::test
