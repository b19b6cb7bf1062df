// Turns op cases into programs and fills their inputs; the list itself is in op_case_list.cpp.
#include "support/op_cases.h"

#include "tensor/random.h"

namespace tensile::test {

namespace {

// A seed that depends on the case and the input, so that no two inputs hold the same numbers.
std::uint64_t seed_of(const OpCase& op_case, const CaseInput& input) {
    std::uint64_t hash = 1469598103934665603U;
    for (const std::string* text : {&op_case.name, &input.name})
        for (char c : *text)
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash;
}

template <typename T>
void fill(const OpCase& op_case, const CaseInput& input, const TensorView& buffer, double beyond) {
    const Shape& shape = input.type.shape;
    const std::int64_t rows = shape.is_bounded() ? op_case.extent : shape.rows();
    const std::uint64_t seed = seed_of(op_case, input);
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
        const std::int64_t row = i / shape.row_width();
        double value = beyond;
        if (row < rows) value = input.content({i, row, random_uniform(seed, 0, static_cast<std::uint64_t>(i))});
        // Exact in f32, so that every floating type holds the same number.
        if constexpr (std::is_floating_point_v<T>) value = static_cast<float>(value);
        buffer.as<T>()[i] = static_cast<T>(value);
    }
}

}  // namespace

AppliedCase apply_case(const OpCase& op_case, ProgramBuilder& builder) {
    builder.extent("batch");
    AppliedCase applied;
    for (const CaseInput& input : op_case.inputs)
        applied.inputs.push_back(input.variable ? builder.variable(input.name, input.type)
                                                : builder.input(input.name, input.type));
    applied.outputs = op_case.apply(builder, applied.inputs);
    return applied;
}

Program case_program(const OpCase& op_case) {
    ProgramBuilder builder(op_case.name);
    const AppliedCase applied = apply_case(op_case, builder);
    for (std::size_t i = 0; i < applied.outputs.size(); ++i)
        builder.output("y" + std::to_string(i), applied.outputs[i]);
    return builder.finish();
}

void fill_case_input(const OpCase& op_case, const CaseInput& input, const TensorView& buffer, double beyond) {
    // An integer has no NaN: beyond the extent it gets a plausible index instead.
    const double integer = beyond == beyond ? beyond : 1;
    switch (buffer.type.dtype) {
    case DType::kF32:
        return fill<float>(op_case, input, buffer, beyond);
    case DType::kF64:
        return fill<double>(op_case, input, buffer, beyond);
    case DType::kI32:
        return fill<std::int32_t>(op_case, input, buffer, integer);
    case DType::kI64:
        return fill<std::int64_t>(op_case, input, buffer, integer);
    case DType::kU8:
        return fill<std::uint8_t>(op_case, input, buffer, integer);
    case DType::kBF16:
        break;
    }
    throw InternalError("op cases cannot fill a bf16 buffer");
}

}  // namespace tensile::test
