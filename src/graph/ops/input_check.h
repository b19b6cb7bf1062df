// What shape rules of ops check about their inputs. A failed check is a defect of whoever builds the program, so it is
// an InternalError that names the op and the types it was given.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "tensor/tensor_type.h"

namespace tensile::ops {

class InputCheck {
  public:
    // Requires exactly `count` inputs.
    InputCheck(std::string_view op, std::span<const TensorType> inputs, std::size_t count);
    // Requires at least one input.
    InputCheck(std::string_view op, std::span<const TensorType> inputs);

    void require(bool condition, std::string_view what) const;
    void floating(std::size_t input) const;
    void dtype(std::size_t input, DType expected) const;
    void rank(std::size_t input, int expected) const;
    // Rank 0, of the floating type of `like`.
    void scalar(std::size_t input, std::size_t like) const;
    // f[N], static, N = columns of matrix `like`.
    void row_of(std::size_t input, std::size_t like) const;
    // Same number of leading rows, bounded alike.
    void same_rows(std::size_t input, std::size_t like) const;
    void same_type(std::size_t input, std::size_t like) const;
    // No bounded dimension.
    void fixed(std::size_t input) const;
    // i32[n] indices and f[n, D] rows of a row-sparse value, both static.
    void sparse_rows(std::size_t rows, std::size_t indices) const;

  private:
    const TensorType& at(std::size_t input) const { return inputs_[input]; }
    std::string_view op_;
    std::span<const TensorType> inputs_;
};

}  // namespace tensile::ops
