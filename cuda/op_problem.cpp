// Copies a problem out of the table's structs; see op_problem.h.
#include "cuda/op_problem.h"

#include <algorithm>
#include <cstddef>

#include "cuda/error.h"

namespace tensile::cuda {

namespace {

TensorType tensor_type(const TensileTensorType& type) {
    if (type.rank < 0 || type.rank > TENSILE_MAX_RANK || type.dtype < 0 || type.dtype > 5)
        throw PluginError(TENSILE_INVALID, "an op has an invalid tensor type");
    TensorType result{static_cast<DType>(type.dtype), {type.dims, type.dims + type.rank}, type.extent_slot};
    if (std::ranges::any_of(result.dims, [](std::int64_t dim) { return dim < 0; }))
        throw PluginError(TENSILE_INVALID, "an op has a negative dimension");
    return result;
}

// A caller of an earlier version has no such member, and does not ask for it.
bool is_row_invariant(const TensileOpProblem& problem) {
    constexpr std::size_t kEnd = offsetof(TensileOpProblem, row_invariant) + sizeof problem.row_invariant;
    return problem.size >= kEnd && problem.row_invariant != 0;
}

}  // namespace

std::size_t size_of(DType dtype) {
    switch (dtype) {
    case DType::kF32:
    case DType::kI32:
        return 4;
    case DType::kBF16:
        return 2;
    case DType::kF64:
    case DType::kI64:
        return 8;
    case DType::kU8:
        return 1;
    }
    return 0;
}

std::int64_t TensorType::elements() const {
    return rows() * row_width();
}

std::int64_t TensorType::row_width() const {
    std::int64_t width = 1;
    for (int axis = 1; axis < rank(); ++axis)
        width *= dim(axis);
    return width;
}

std::int64_t TensorType::present_rows(const std::int64_t* extents) const {
    if (!is_bounded()) return rows();
    return std::clamp<std::int64_t>(extents[extent_slot], 0, rows());
}

OpProblem::OpProblem(const TensileOpProblem& problem)
    : name(problem.name),
      precision(static_cast<TensilePrecision>(problem.precision)),
      row_invariant(is_row_invariant(problem)),
      choice(problem.choice, problem.choice + problem.choice_bytes) {
    for (std::size_t i = 0; i < problem.input_count; ++i)
        inputs.push_back(tensor_type(problem.inputs[i]));
    for (std::size_t i = 0; i < problem.output_count; ++i)
        outputs.push_back(tensor_type(problem.outputs[i]));
    for (std::size_t i = 0; i < problem.attribute_count; ++i) {
        const TensileAttribute& attribute = problem.attributes[i];
        switch (attribute.kind) {
        case TENSILE_INTEGER:
            attributes_.emplace_back(attribute.name, attribute.integer);
            break;
        case TENSILE_NUMBER:
            attributes_.emplace_back(attribute.name, attribute.number);
            break;
        case TENSILE_INTEGERS:
            attributes_.emplace_back(
                attribute.name,
                std::vector<std::int64_t>(attribute.integers, attribute.integers + attribute.integer_count));
            break;
        default:
            throw PluginError(TENSILE_INVALID, "an attribute of " + name + " is of an unknown kind");
        }
    }
}

const OpProblem::Attribute& OpProblem::at(std::string_view attribute) const {
    for (const auto& [key, value] : attributes_)
        if (key == attribute) return value;
    throw PluginError(TENSILE_INVALID, name + " has no attribute \"" + std::string(attribute) + "\"");
}

namespace {

template <typename T, typename Attribute>
const T& get(const Attribute& value, const std::string& op, std::string_view attribute) {
    if (const T* found = std::get_if<T>(&value)) return *found;
    throw PluginError(TENSILE_INVALID, "attribute \"" + std::string(attribute) + "\" of " + op + " is of another kind");
}

}  // namespace

std::int64_t OpProblem::integer(std::string_view attribute) const {
    return get<std::int64_t>(at(attribute), name, attribute);
}

double OpProblem::number(std::string_view attribute) const {
    return get<double>(at(attribute), name, attribute);
}

const std::vector<std::int64_t>& OpProblem::integers(std::string_view attribute) const {
    return get<std::vector<std::int64_t>>(at(attribute), name, attribute);
}

void require_float32(const OpProblem& problem) {
    const auto is_float32 = [](const TensorType& type) { return type.dtype == DType::kF32; };
    if (!std::ranges::all_of(problem.inputs, is_float32) || !std::ranges::all_of(problem.outputs, is_float32))
        throw PluginError(TENSILE_UNSUPPORTED, problem.name + " has a CUDA kernel for float32 only");
}

}  // namespace tensile::cuda
