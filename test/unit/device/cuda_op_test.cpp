// Every op lowered for a CUDA device and run through the plug-in's table: on the fake, which computes with the
// reference kernels, so that what is wrong here is the engine's side.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

#include "device/cuda/cuda_device.h"
#include "support/fake_plugin.h"
#include "unit/device/op_comparison.h"

namespace tensile::test {

namespace {

constexpr std::size_t kSlabBytes = std::size_t{4} << 20;

class CudaOp : public ::testing::TestWithParam<OpCase> {};

TEST_P(CudaOp, AgreesWithReference) {
    testing::FakePlugin plugin;
    {
        CudaDevice device(plugin.as_library(), {});
        const std::span<std::byte> slab(device.reserve_slab(kSlabBytes), kSlabBytes);
        compare_with_reference(device, GetParam(), slab, {}, 0);
    }
    EXPECT_THAT(plugin.complaints(), ::testing::IsEmpty());
    EXPECT_GT(plugin.counters().launches, 0U);
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaOp, ::testing::ValuesIn(op_cases()), [](const auto& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
});

}  // namespace

}  // namespace tensile::test
