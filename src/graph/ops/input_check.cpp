// Checks of shape rules; see input_check.h.
#include "graph/ops/input_check.h"

#include <string>

#include "tensor/error.h"

namespace tensile::ops {

InputCheck::InputCheck(std::string_view op, std::span<const TensorType> inputs, std::size_t count)
    : op_(op), inputs_(inputs) {
    require(inputs.size() == count, "takes " + std::to_string(count) + " inputs");
}

InputCheck::InputCheck(std::string_view op, std::span<const TensorType> inputs) : op_(op), inputs_(inputs) {
    require(!inputs.empty(), "needs an input");
}

void InputCheck::require(bool condition, std::string_view what) const {
    if (condition) return;
    std::string given;
    for (const TensorType& type : inputs_) {
        if (!given.empty()) given += ", ";
        given += std::string(name_of(type.dtype)) + type.shape.to_string();
    }
    throw InternalError("op \"" + std::string(op_) + "\" cannot be applied to (" + given + "): " + std::string(what));
}

void InputCheck::floating(std::size_t input) const {
    require(is_floating(at(input).dtype), "input " + std::to_string(input) + " must be floating");
}

void InputCheck::dtype(std::size_t input, DType expected) const {
    require(at(input).dtype == expected,
            "input " + std::to_string(input) + " must be of type " + std::string(name_of(expected)));
}

void InputCheck::rank(std::size_t input, int expected) const {
    require(at(input).shape.rank() == expected,
            "input " + std::to_string(input) + " must have rank " + std::to_string(expected));
}

void InputCheck::scalar(std::size_t input, std::size_t like) const {
    rank(input, 0);
    dtype(input, at(like).dtype);
}

void InputCheck::row_of(std::size_t input, std::size_t like) const {
    rank(input, 1);
    fixed(input);
    dtype(input, at(like).dtype);
    require(at(input).shape[0] == at(like).shape.back(),
            "input " + std::to_string(input) + " must have one element a column of input " + std::to_string(like));
}

void InputCheck::same_rows(std::size_t input, std::size_t like) const {
    const Shape& left = at(input).shape;
    const Shape& right = at(like).shape;
    require(
        left.rank() > 0 && right.rank() > 0 && left.rows() == right.rows() && left.extent_slot() == right.extent_slot(),
        "inputs " + std::to_string(like) + " and " + std::to_string(input) + " must have the same rows");
}

void InputCheck::same_type(std::size_t input, std::size_t like) const {
    require(at(input) == at(like),
            "inputs " + std::to_string(like) + " and " + std::to_string(input) + " must have the same type");
}

void InputCheck::fixed(std::size_t input) const {
    require(!at(input).shape.is_bounded(), "input " + std::to_string(input) + " must not be bounded");
}

void InputCheck::sparse_rows(std::size_t rows, std::size_t indices) const {
    floating(rows);
    rank(rows, 2);
    fixed(rows);
    dtype(indices, DType::kI32);
    rank(indices, 1);
    same_rows(indices, rows);
}

}  // namespace tensile::ops
