// Calibration: positive rates on a real device, defaults where the pool has nothing to give, and no byte kept.
#include "runtime/device_calibration.h"

#include <gtest/gtest.h>

#include "device/cpu/cpu_device.h"

namespace tensile {
namespace {

TEST(DeviceCalibration, MeasuresARealDevice) {
    CpuDevice device(1);
    TensorPool pool(device, std::uint64_t{64} << 20);
    const DeviceRates rates = measure_rates(device, pool);
    const DeviceRates defaults;
    EXPECT_GT(rates.flops_per_second, 0);
    EXPECT_GT(rates.bytes_per_second, 0);
    EXPECT_GT(rates.launch_seconds, 0);
    EXPECT_NE(rates.flops_per_second, defaults.flops_per_second);
    EXPECT_NE(rates.bytes_per_second, defaults.bytes_per_second);
    // A launch takes less than a product of 33 million operations.
    EXPECT_LT(rates.launch_seconds, 2.0 * 256 * 256 * 256 / rates.flops_per_second);
    EXPECT_EQ(pool.summary().used, 0U);
    EXPECT_NO_THROW(CostModel{rates});
}

TEST(DeviceCalibration, WithoutMemoryTheDefaultsHold) {
    CpuDevice device(1);
    TensorPool pool(device, std::uint64_t{1} << 20);
    const Extent all = pool.try_acquire(std::uint64_t{1} << 20, {0, 0, "train", "all"});
    ASSERT_TRUE(all);
    const DeviceRates rates = measure_rates(device, pool);
    const DeviceRates defaults;
    EXPECT_EQ(rates.flops_per_second, defaults.flops_per_second);
    EXPECT_EQ(rates.bytes_per_second, defaults.bytes_per_second);
    EXPECT_EQ(rates.launch_seconds, defaults.launch_seconds);
}

}  // namespace
}  // namespace tensile
