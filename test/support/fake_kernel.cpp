#include "support/fake_kernel.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "tensor/error.h"

namespace tensile::testing {

namespace {

constexpr auto kRubbishByte = std::byte{0xFF};  // four are a NaN

TensorType type_of(const TensileTensorType& type) {
    TensorType result{static_cast<DType>(type.dtype), {}};
    for (int axis = 0; axis < type.rank; ++axis)
        result.shape.append(type.dims[axis]);
    result.shape.set_extent_slot(static_cast<std::int16_t>(type.extent_slot));
    return result;
}

Attributes attributes_of(const TensileOpProblem& problem) {
    Attributes attributes;
    for (std::size_t i = 0; i < problem.attribute_count; ++i) {
        const TensileAttribute& attribute = problem.attributes[i];
        switch (attribute.kind) {
        case TENSILE_INTEGER:
            attributes.add(attribute.name, attribute.integer);
            break;
        case TENSILE_NUMBER:
            attributes.add(attribute.name, attribute.number);
            break;
        default:
            attributes.add(attribute.name,
                           std::vector<std::int64_t>(attribute.integers, attribute.integers + attribute.integer_count));
        }
    }
    return attributes;
}

// What a tensor core multiplies: round to nearest, ties to even.
float rounded_to_bfloat16(float value) {
    if (value != value) return value;
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7FFFU + (bits >> 16 & 1U)) & 0xFFFF0000U);
}

bool multiplies_matrices(std::string_view op) {
    return op == "matmul" || op == "batched_matmul" || op == "mode_product" || op.starts_with("convolution_2d");
}

}  // namespace

FakeKernel::FakeKernel(const TensileOpProblem& problem, std::uint64_t scratch_bytes)
    : op_(&op_named(problem.name)), attributes_(attributes_of(problem)), scratch_bytes_(scratch_bytes) {
    for (std::size_t i = 0; i < problem.input_count; ++i)
        inputs_.push_back(type_of(problem.inputs[i]));
    for (std::size_t i = 0; i < problem.output_count; ++i)
        outputs_.push_back(type_of(problem.outputs[i]));
    alias_of_.resize(outputs_.size(), -1);
    for (const Alias& alias : op_->aliases(attributes_))
        alias_of_[static_cast<std::size_t>(alias.output)] = alias.input;
    rounds_operands_ = problem.precision == TENSILE_BFLOAT16 && multiplies_matrices(op_->name());
}

std::uint64_t FakeKernel::overwritable_inputs() const {
    if (std::ranges::any_of(alias_of_, [](int input) { return input >= 0; })) return 0;
    std::uint64_t inputs = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(inputs_.size(), 64); ++i)
        if (inputs_[i].bytes() == outputs_[0].bytes()) inputs |= std::uint64_t{1} << i;
    return inputs;
}

std::size_t FakeKernel::extent_count() const {
    int count = 0;
    for (const auto* types : {&inputs_, &outputs_})
        for (const TensorType& type : *types)
            count = std::max(count, type.shape.extent_slot() + 1);
    return static_cast<std::size_t>(count);
}

void FakeKernel::run(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs, std::byte* scratch,
                     std::span<const std::int64_t> extents) const {
    if (scratch != nullptr) std::fill_n(scratch, scratch_bytes_, kRubbishByte);
    const auto view = [&](std::byte* data, const TensorType& type) {
        TensorView result{data, type, type.shape.rows()};
        if (type.shape.is_bounded())
            result.extent =
                std::clamp<std::int64_t>(extents[static_cast<std::size_t>(type.shape.extent_slot())], 0, result.extent);
        return result;
    };
    std::vector<std::vector<std::byte>> rounded;
    std::vector<TensorView> input_views;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        std::byte* data = inputs[i];
        if (rounds_operands_ && inputs_[i].dtype == DType::kF32) {
            std::vector<std::byte>& copy = rounded.emplace_back(data, data + inputs_[i].bytes());
            data = copy.data();
            auto* const values = reinterpret_cast<float*>(data);
            std::transform(values, values + inputs_[i].shape.elements(), values, rounded_to_bfloat16);
        }
        input_views.push_back(view(data, inputs_[i]));
    }
    std::vector<std::vector<std::byte>> results(outputs_.size());
    std::vector<TensorView> output_views;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (alias_of_[i] < 0) results[i].assign(outputs_[i].bytes(), kRubbishByte);
        output_views.push_back(view(alias_of_[i] < 0 ? results[i].data() : outputs[i], outputs_[i]));
    }
    op_->reference_f32({input_views, output_views, attributes_});
    for (std::size_t i = 0; i < outputs_.size(); ++i)
        std::ranges::copy(results[i], outputs[i]);
}

}  // namespace tensile::testing
