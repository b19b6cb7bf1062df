// Every op of the engine on the CPU against its reference kernel.
#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "device/cpu/cpu_device.h"
#include "unit/device/op_comparison.h"

namespace tensile::test {

namespace {

class OpParity : public ::testing::TestWithParam<OpCase> {
  protected:
    static CpuDevice& device() {
        static CpuDevice device(2);
        return device;
    }
};

TEST_P(OpParity, AgreesWithReference) {
    compare_with_reference(device(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Ops, OpParity, ::testing::ValuesIn(op_cases()), [](const auto& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
});

TEST(OpCoverage, EveryOpHasAKernelAndACase) {
    const CpuDevice device(1);
    std::set<std::string> with_case;
    for (const OpCase& op_case : op_cases())
        with_case.insert(op_case.op);
    for (const Op* op : all_ops()) {
        EXPECT_TRUE(device.supports(*op, DType::kF32)) << op->name();
        EXPECT_TRUE(with_case.contains(std::string(op->name()))) << op->name();
    }
}

}  // namespace

}  // namespace tensile::test
