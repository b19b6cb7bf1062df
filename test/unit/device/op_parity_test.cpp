// Every op of the engine on the CPU against its reference kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "device/cpu/cpu_device.h"
#include "graph/interpreter.h"
#include "support/op_cases.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

// Sums of a few hundred terms round differently in another order, and vector polynomials are a few units in the last
// place off: relative to the largest magnitude in the tensor, all results agree within this.
constexpr double kRelativeError = 2e-5;

std::vector<double> present_values(const TensorView& view) {
    const std::int64_t rows = view.type.shape.is_bounded() ? view.extent : view.type.shape.rows();
    std::vector<double> values;
    for (std::int64_t i = 0; i < rows * view.type.shape.row_width(); ++i) {
        switch (view.type.dtype) {
        case DType::kF32:
            values.push_back(static_cast<double>(view.as<float>()[i]));
            break;
        case DType::kF64:
            values.push_back(view.as<double>()[i]);
            break;
        case DType::kI32:
            values.push_back(view.as<std::int32_t>()[i]);
            break;
        case DType::kI64:
            values.push_back(static_cast<double>(view.as<std::int64_t>()[i]));
            break;
        case DType::kU8:
            values.push_back(view.as<std::uint8_t>()[i]);
            break;
        case DType::kBF16: {
            const std::uint32_t bits = static_cast<std::uint32_t>(view.as<std::uint16_t>()[i]) << 16;
            float value;
            std::memcpy(&value, &bits, sizeof value);
            values.push_back(static_cast<double>(value));
            break;
        }
        }
    }
    return values;
}

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
            const std::vector<double> wanted = present_values(expected);
            const std::vector<double> found = present_values(actual);
            ASSERT_EQ(wanted.size(), found.size());
            double scale = 0;
            for (double value : wanted)
                if (std::isfinite(value)) scale = std::max(scale, std::abs(value));
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                if (std::isfinite(wanted[i])) {
                    ASSERT_NEAR(found[i], wanted[i], kRelativeError * scale) << output.name << " element " << i;
                } else {
                    ASSERT_TRUE(std::isnan(wanted[i]) ? std::isnan(found[i]) : found[i] == wanted[i])
                        << output.name << " element " << i << ": " << found[i] << " instead of " << wanted[i];
                }
            }
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
