// What kernels promise about their operands beside the values: updates of slices that begin anywhere, and losses that
// are zero in rows beyond the extent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "support/op_cases.h"
#include "unit/cuda/emulation/emulation.h"
#include "unit/cuda/plugin_run.h"

namespace tensile::test {

namespace {

std::vector<OpCase> cases_of(const std::vector<std::string>& ops) {
    std::vector<OpCase> cases;
    for (const OpCase& op_case : op_cases())
        if (std::ranges::find(ops, op_case.op) != ops.end()) cases.push_back(op_case);
    return cases;
}

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
    std::string name = info.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
}

class CudaSliceUpdate : public ::testing::TestWithParam<OpCase> {};

// A slice of a state may begin at any element (graph/op.h: updates_by_element), where no vector can be loaded.
TEST_P(CudaSliceUpdate, TakesOperandsAtAnyElement) {
    const OpCase& op_case = GetParam();
    const Program program = case_program(op_case);
    Interpreter<float> interpreter(program);
    load_case(op_case, interpreter);
    interpreter.run();

    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    const Node& node = program.nodes().back();
    const NodeProblem problem(program, node);
    Status status;
    TensileKernel* prepared = nullptr;
    TensileKernelInfo info{};
    info.size = sizeof info;
    require(plugin_table().prepare(device.get(), &problem.get(), &prepared, &info, &status), status);
    const KernelPointer kernel(prepared);

    constexpr std::size_t kOffset = sizeof(float);
    std::vector<std::unique_ptr<DeviceBuffer>> buffers;
    std::vector<const void*> inputs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const TensorType& type = program.value(node.inputs[i]).type;
        buffers.push_back(std::make_unique<DeviceBuffer>(device.get(), type.bytes() + kOffset));
        inputs.push_back(buffers.back()->data() + kOffset);
        fill_case_input(op_case, op_case.inputs[i], {buffers.back()->data() + kOffset, type, type.shape.rows()});
    }
    std::vector<void*> outputs(node.outputs.size());
    for (const Alias& alias : node.op->aliases(node.attributes))
        outputs[static_cast<std::size_t>(alias.output)] =
            const_cast<void*>(inputs[static_cast<std::size_t>(alias.input)]);
    require(plugin_table().launch(stream.get(), kernel.get(), inputs.data(), outputs.data(), nullptr, nullptr, &status),
            status);
    EXPECT_EQ(cuda_emulation::damaged_guard(), "");

    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const HostTensor& expected = interpreter.output("y" + std::to_string(i));
        const auto* wanted = reinterpret_cast<const float*>(expected.bytes.data());
        const auto* found = static_cast<const float*>(outputs[i]);
        for (std::int64_t j = 0; j < expected.type.shape.elements(); ++j)
            ASSERT_NEAR(found[j], wanted[j], 1e-5) << "output " << i << " element " << j;
    }
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaSliceUpdate,
                         ::testing::ValuesIn(cases_of({"adam", "sgd_momentum", "moving_average_update", "copy"})),
                         &case_name);

class CudaLossBeyondExtent : public ::testing::TestWithParam<OpCase> {};

// graph/ops/row_loss.h: exactly 0, because a mean over rows and the gradients of shared weights read them.
TEST_P(CudaLossBeyondExtent, IsZero) {
    const OpCase& op_case = GetParam();
    const Program program = case_program(op_case);
    const DevicePointer device = open_device();
    const StreamPointer stream = create_stream(device.get());
    PluginRun run(device.get(), program);
    run.set_extent(0, op_case.extent);
    for (const CaseInput& input : op_case.inputs)
        fill_case_input(op_case, input, run.tensor(input.name), std::numeric_limits<double>::quiet_NaN());
    run.run(stream.get());
    const TensorView loss = run.output("y0");
    for (std::int64_t i = op_case.extent * loss.type.shape.row_width(); i < loss.type.shape.elements(); ++i)
        ASSERT_EQ(loss.as<float>()[i], 0) << "element " << i;
}

std::vector<OpCase> bounded_losses() {
    std::vector<OpCase> cases =
        cases_of({"squared_error_loss", "squared_error_loss_gradient", "huber_loss", "huber_loss_gradient",
                  "binary_cross_entropy_loss", "binary_cross_entropy_loss_gradient", "softmax_cross_entropy_loss",
                  "softmax_cross_entropy_loss_gradient"});
    std::erase_if(cases, [](const OpCase& op_case) { return !op_case.inputs[0].type.shape.is_bounded(); });
    return cases;
}

INSTANTIATE_TEST_SUITE_P(Ops, CudaLossBeyondExtent, ::testing::ValuesIn(bounded_losses()), &case_name);

}  // namespace

}  // namespace tensile::test
