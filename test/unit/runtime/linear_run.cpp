#include "unit/runtime/linear_run.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tensor/random.h"

namespace tensile {

Memory allocate(std::uint64_t bytes) {
    Memory memory(static_cast<std::byte*>(::operator new (bytes + kCopyAlignment, std::align_val_t{kCopyAlignment})));
    std::memset(memory.get(), 0xEE, bytes + kCopyAlignment);
    return memory;
}

float initial_value(std::size_t variable, std::int64_t element) {
    return static_cast<float>(random_uniform(1, variable, static_cast<std::uint64_t>(element)) - 0.5);
}

void feed(ProgramInstance& instance, int step) {
    const std::int64_t rows = step % 3 == 2 ? kRows / 2 + 1 : kRows;
    instance.extents()[0] = rows;
    for (std::size_t i = 0; i < instance.inputs().size(); ++i) {
        const TensorView& input = instance.inputs()[i];
        const auto stream = static_cast<std::uint64_t>(step) * 16 + i;
        for (std::int64_t k = 0; k < input.type.shape.elements(); ++k)
            input.as<float>()[k] = static_cast<float>(random_uniform(2, stream, static_cast<std::uint64_t>(k)));
    }
    instance.clear_unused_rows();
}

void append(Bits& bits, const TensorView& view) {
    bits.insert(bits.end(), view.as<float>(), view.as<float>() + view.type.shape.elements());
}

Bits bits_in_place(Device& device, int steps) {
    const auto planned = plan_program(device, linear_step_program(kRows, kFeatures), {});
    const Memory transient = allocate(planned->extent_bytes());
    std::vector<Memory> owners;
    std::vector<std::byte*> variables;
    for (std::size_t i = 0; i < planned->program.variables().size(); ++i) {
        const TensorType& type = planned->program.value(planned->program.variables()[i]).type;
        variables.push_back(owners.emplace_back(allocate(type.bytes())).get());
        for (std::int64_t k = 0; k < type.shape.elements(); ++k)
            reinterpret_cast<float*>(variables.back())[k] = initial_value(i, k);
    }
    ProgramInstance instance(planned, transient.get(), variables);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    Bits bits;
    for (int step = 0; step < steps; ++step) {
        feed(instance, step);
        EXPECT_EQ(instance.run(*stream, nullptr), LaunchStatus::kCompleted);
        append(bits, instance.outputs()[0]);
    }
    for (std::size_t i = 0; i < variables.size(); ++i)
        append(bits, view_of(planned->program.value(planned->program.variables()[i]).type, variables[i]));
    return bits;
}

}  // namespace tensile
