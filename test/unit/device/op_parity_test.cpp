// Every op of the engine on the CPU against its reference kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "device/cpu/cpu_device.h"
#include "graph/interpreter.h"
#include "support/op_cases.h"
#include "support/tensor_values.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

// Sums of a few hundred terms round differently in another order, and vector polynomials are a few units in the last
// place off: relative to the largest magnitude in the tensor, all results agree within this.
constexpr double kRelativeError = 2e-5;

class OpParity : public ::testing::TestWithParam<OpCase> {
  protected:
    static CpuDevice& device() {
        static CpuDevice device(2);
        return device;
    }

    static void compare(const OpCase& op_case, const Program& program, const Interpreter<float>& interpreter,
                        double beyond) {
        DeviceRun run(device(), program);
        run.set_extent("batch", op_case.extent);
        for (const CaseInput& input : op_case.inputs)
            fill_case_input(op_case, input, run.tensor(input.name), beyond);
        ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
        EXPECT_THAT(run.damaged_guards(), ::testing::IsEmpty());

        for (const NamedValue& output : program.outputs()) {
            const TensorView actual = run.output(output.name);
            const HostTensor& reference = interpreter.output(output.name);
            const TensorView expected{const_cast<std::byte*>(reference.bytes.data()), reference.type, actual.extent};
            const Difference difference = greatest_difference(present_values(actual), present_values(expected));
            EXPECT_LE(difference.relative, kRelativeError) << output.name << ", " << difference;
        }
    }
};

TEST_P(OpParity, AgreesWithReference) {
    const OpCase& op_case = GetParam();
    const Program program = case_program(op_case);
    Interpreter<float> interpreter(program);
    load_case(op_case, interpreter);
    interpreter.run();

    // What no row holds must not matter, except to a product over rows: its right operand has zeros there.
    std::vector<double> beyond{0};
    if (op_case.op != "matmul") beyond.push_back(std::numeric_limits<double>::quiet_NaN());
    for (double value : beyond)
        compare(op_case, program, interpreter, value);
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
