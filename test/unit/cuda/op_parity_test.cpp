// Every op's CUDA kernel against its reference kernel, on the emulated device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "graph/interpreter.h"
#include "support/op_cases.h"
#include "support/tensor_values.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/kernel_size_cases.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

// Relative to the largest magnitude in the tensor: sums are added up in another order than the reference's.
constexpr double kRelativeError = 1e-5;

// Ascending, descending, shuffled: what lacks a barrier gives other results in one of them.
// Addresses are the same in all of them, so one is enough for AddressSanitizer, with which they take long.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kThreadOrders[] = {20};
#else
constexpr std::uint64_t kThreadOrders[] = {0, 1, 20, 21};
#endif

class CudaOpParity : public ::testing::TestWithParam<OpCase> {
  protected:
    static TensileDevice* device() {
        static const DevicePointer device = open_device();
        return device.get();
    }

    static void fill(const OpCase& op_case, PluginRun& run, double beyond) {
        if (!op_case.inputs.empty()) run.set_extent(0, op_case.extent);
        for (const CaseInput& input : op_case.inputs)
            fill_case_input(op_case, input, run.tensor(input.name), beyond);
    }

    static void compare(const Program& program, const Interpreter<float>& interpreter, PluginRun& run) {
        const StreamPointer stream = create_stream(device());
        run.run(stream.get());
        EXPECT_EQ(cuda_emulation::take_complaints(), "");
        EXPECT_EQ(cuda_emulation::damaged_guard(), "");
        for (const NamedValue& output : program.outputs()) {
            const TensorView actual = run.output(output.name);
            const HostTensor& reference = interpreter.output(output.name);
            const TensorView expected{const_cast<std::byte*>(reference.bytes.data()), reference.type, actual.extent};
            const std::vector<double> wanted = present_values(expected);
            const std::vector<double> found = present_values(actual);
            const Difference difference = greatest_difference(found, wanted);
            ASSERT_LE(difference.relative, kRelativeError) << output.name << ' ' << difference;
        }
    }
};

TEST_P(CudaOpParity, AgreesWithReference) {
    const OpCase& op_case = GetParam();
    const Program program = case_program(op_case);
    Interpreter<float> interpreter(program);
    load_case(op_case, interpreter);
    interpreter.run();

    // What no row holds must not matter, except to a product over rows: its right operand has zeros there.
    std::vector<double> beyond{0};
    const bool is_bounded =
        std::ranges::any_of(op_case.inputs, [](const CaseInput& input) { return input.type.shape.is_bounded(); });
    if (is_bounded && op_case.op != "matmul") beyond.push_back(std::numeric_limits<double>::quiet_NaN());
    for (const std::uint64_t order : kThreadOrders) {
        cuda_emulation::set_thread_order(order);
        for (const double value : beyond) {
            SCOPED_TRACE("thread order " + std::to_string(order) + ", beyond the extent " + std::to_string(value));
            PluginRun run(device(), program);
            fill(op_case, run, value);
            compare(program, interpreter, run);
            if (HasFatalFailure()) return;
        }
    }
    cuda_emulation::set_thread_order(0);

    for (std::size_t input = 0; input < op_case.inputs.size(); ++input) {
        SCOPED_TRACE("in the buffer of input " + std::to_string(input));
        PluginRun run(device(), program);
        if (!run.overwrite_input(static_cast<int>(input))) continue;
        fill(op_case, run, 0);
        compare(program, interpreter, run);
    }
}

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaOpParity, ::testing::ValuesIn(op_cases()), &case_name);
INSTANTIATE_TEST_SUITE_P(KernelSizes, CudaOpParity, ::testing::ValuesIn(kernel_size_cases()), &case_name);

TEST(CudaOpCoverage, EveryOpHasAKernelAndACase) {
    const DevicePointer device = open_device();
    std::set<std::string> with_case;
    for (const OpCase& op_case : op_cases())
        with_case.insert(op_case.op);
    for (const Op* op : all_ops()) {
        const std::string name(op->name());
        EXPECT_EQ(plugin_table().supports(device.get(), name.c_str(), static_cast<TensileDType>(DType::kF32)), 1)
            << name << " has no CUDA kernel";
        EXPECT_TRUE(with_case.contains(name)) << name << " has no case";
    }
}

}  // namespace

}  // namespace tensile::test
