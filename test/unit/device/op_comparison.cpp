#include "unit/device/op_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "graph/interpreter.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

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

void compare(Device& device, std::span<std::byte> slab, const LoweringOptions& options, const OpCase& op_case,
             const Program& program, const Interpreter<float>& interpreter, double beyond, double relative_error) {
    DeviceRun run(device, program, options, StreamPriority::kTraining, slab);
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
                ASSERT_NEAR(found[i], wanted[i], relative_error * scale) << output.name << " element " << i;
            } else {
                ASSERT_TRUE(std::isnan(wanted[i]) ? std::isnan(found[i]) : found[i] == wanted[i])
                    << output.name << " element " << i << ": " << found[i] << " instead of " << wanted[i];
            }
        }
    }
}

}  // namespace

void compare_with_reference(Device& device, const OpCase& op_case, std::span<std::byte> slab,
                            const LoweringOptions& options, double relative_error) {
    const Program program = case_program(op_case);
    Interpreter<float> interpreter(program);
    load_case(op_case, interpreter);
    interpreter.run();

    // What no row holds must not matter, except to a product over rows: its right operand has zeros there.
    std::vector<double> beyond{0};
    if (op_case.op != "matmul") beyond.push_back(std::numeric_limits<double>::quiet_NaN());
    for (double value : beyond)
        compare(device, slab, options, op_case, program, interpreter, value, relative_error);
}

}  // namespace tensile::test
