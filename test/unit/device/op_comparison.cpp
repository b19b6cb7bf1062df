#include "unit/device/op_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "graph/interpreter.h"
#include "support/tensor_values.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

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
        const Difference difference = greatest_difference(found, wanted);
        ASSERT_LE(difference.relative, relative_error) << output.name << ' ' << difference;
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
