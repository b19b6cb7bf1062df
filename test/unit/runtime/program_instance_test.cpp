// A planned program at a place in memory gives what the interpreter gives.
#include "runtime/program_instance.h"

#include <gtest/gtest.h>

#include <cstring>
#include <list>
#include <memory>
#include <vector>

#include "graph/interpreter.h"
#include "planner/checker.h"
#include "support/fake_device.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/runtime/linear_job.h"

namespace tensile {
namespace {

using testing::FakeDevice;

// A program in memory of its own.
struct Placed {
    explicit Placed(std::shared_ptr<const PlannedProgram> program) : planned(std::move(program)) {
        transient = allocate(planned->extent_bytes());
        for (const ValueId id : planned->program.variables())
            variables.push_back(allocate(planned->program.value(id).type.bytes()));
        instance = std::make_unique<ProgramInstance>(planned, transient, variables);
    }

    std::byte* allocate(std::uint64_t bytes) {
        storage.emplace_back(bytes + 64, std::byte{0xEE});
        void* begin = storage.back().data();
        std::size_t room = bytes + 64;
        return static_cast<std::byte*>(std::align(64, bytes, begin, room));
    }

    std::shared_ptr<const PlannedProgram> planned;
    std::list<std::vector<std::byte>> storage;
    std::byte* transient = nullptr;
    std::vector<std::byte*> variables;
    std::unique_ptr<ProgramInstance> instance;
};

TEST(PlanProgram, PlansAreProvedAndComplete) {
    FakeDevice device;
    const auto planned = plan_program(device, linear_step_program(8, 3), {});
    EXPECT_EQ(find_violation(planned->executable->lowered(), planned->plan), std::nullopt);
    EXPECT_EQ(planned->input_tensors.size(), planned->program.inputs().size());
    EXPECT_EQ(planned->variable_tensors.size(), planned->program.variables().size());
    EXPECT_EQ(planned->extent_bytes() % kTensorAlignment, 0U);
}

TEST(ProgramInstance, EqualsTheInterpreterBitForBit) {
    FakeDevice device;
    const Program program = linear_step_program(8, 3);
    Placed placed(plan_program(device, program, {}));
    Interpreter<float> interpreter(program);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);

    for (std::size_t i = 0; i < placed.variables.size(); ++i) {
        HostTensor& tensor = interpreter.tensor(program.value(program.variables()[i]).name);
        for (std::int64_t k = 0; k < tensor.type.shape.elements(); ++k)
            tensor.data<float>()[k] = static_cast<float>(random_uniform(1, i, static_cast<std::uint64_t>(k)));
        std::memcpy(placed.variables[i], tensor.bytes.data(), tensor.bytes.size());
    }
    // Inputs share bytes with results, so every step writes them anew.
    for (const std::int64_t extent : {8, 5, 8}) {
        placed.instance->extents()[0] = extent;
        interpreter.set_extent("batch", extent);
        for (std::size_t i = 0; i < program.inputs().size(); ++i) {
            const TensorView input = placed.instance->inputs()[i];
            HostTensor& tensor = interpreter.tensor(program.value(program.inputs()[i]).name);
            for (std::int64_t k = 0; k < tensor.type.shape.elements(); ++k)
                tensor.data<float>()[k] = static_cast<float>(random_uniform(2, i, static_cast<std::uint64_t>(k)));
            std::memcpy(input.data, tensor.bytes.data(), tensor.bytes.size());
            if (tensor.type.shape.is_bounded()) clear_rows_from(view_of(tensor.type, tensor.bytes.data()), extent);
        }
        placed.instance->clear_unused_rows();
        ASSERT_EQ(placed.instance->run(*stream, nullptr), LaunchStatus::kCompleted);
        interpreter.run();
        for (std::size_t i = 0; i < program.outputs().size(); ++i) {
            const HostTensor& expected = interpreter.output(program.outputs()[i].name);
            EXPECT_EQ(std::memcmp(placed.instance->outputs()[i].data, expected.bytes.data(), expected.bytes.size()), 0)
                << program.outputs()[i].name;
        }
        for (std::size_t i = 0; i < placed.variables.size(); ++i) {
            const HostTensor& expected = interpreter.tensor(program.value(program.variables()[i]).name);
            EXPECT_EQ(std::memcmp(placed.variables[i], expected.bytes.data(), expected.bytes.size()), 0);
        }
    }
}

TEST(ProgramInstance, StopsBetweenOps) {
    std::atomic<bool> stop{false};
    testing::FakeDeviceOptions options;
    int launches = 0;
    options.before_launch = [&](const std::string&, int op) {
        ++launches;
        if (op == 1) stop = true;
    };
    FakeDevice device(options);
    Placed placed(plan_program(device, linear_step_program(4, 2), {}));
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    for (const TensorView& input : placed.instance->inputs())
        std::memset(input.data, 0, input.type.bytes());
    EXPECT_EQ(placed.instance->run(*stream, &stop), LaunchStatus::kStopped);
    EXPECT_EQ(launches, 2);
}

TEST(ProgramInstance, OutputsHaveTheExtentOfTheRun) {
    FakeDevice device;
    Placed placed(plan_program(device, linear_forward_program(8, 3), {}));
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kPrediction);
    for (std::byte* variable : placed.variables)
        std::memset(variable, 0, 4);
    EXPECT_EQ(placed.instance->outputs()[0].extent, 8);
    placed.instance->extents()[0] = 3;
    ASSERT_EQ(placed.instance->run(*stream, nullptr), LaunchStatus::kCompleted);
    EXPECT_EQ(placed.instance->outputs()[0].extent, 3);
}

TEST(ProgramInstance, AWrongNumberOfVariablesIsADefect) {
    FakeDevice device;
    const auto planned = plan_program(device, linear_forward_program(8, 3), {});
    std::vector<std::byte> transient(planned->extent_bytes());
    EXPECT_THROW(ProgramInstance(planned, transient.data(), {}), InternalError);
}

TEST(ClearRows, LeavesRowsBeforeTheExtent) {
    std::vector<float> values(12, 1.0F);
    const TensorType type{DType::kF32, Shape::bounded(4, 0, {3})};
    clear_rows_from(view_of(type, reinterpret_cast<std::byte*>(values.data())), 4);
    EXPECT_EQ(values, std::vector<float>(12, 1.0F));
    clear_rows_from(view_of(type, reinterpret_cast<std::byte*>(values.data())), 1);
    EXPECT_EQ(values, (std::vector<float>{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace tensile
