// An op as its kernels see it: a typed view over TensileOpProblem that owns its content, so that a kernel can keep it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "device/cuda/plugin_abi.h"

namespace tensile::cuda {

// Values of tensile::DType (tensor/dtype.h), which the plug-in may not include; a unit test compares them.
enum class DType : std::int32_t { kF32 = 0, kBF16 = 1, kF64 = 2, kI32 = 3, kI64 = 4, kU8 = 5 };

std::size_t size_of(DType dtype);

struct TensorType {
    DType dtype = DType::kF32;
    std::vector<std::int64_t> dims;
    std::int32_t extent_slot = -1;

    int rank() const { return static_cast<int>(dims.size()); }
    std::int64_t dim(int axis) const { return dims[static_cast<std::size_t>(axis)]; }
    // At capacity; a scalar has one element, one row, and a row width of 1.
    std::int64_t elements() const;
    std::int64_t rows() const { return dims.empty() ? 1 : dims[0]; }
    std::int64_t row_width() const;
    bool is_bounded() const { return extent_slot >= 0; }
    // Rows that are present in a launch, within [0, rows()].
    std::int64_t present_rows(const std::int64_t* extents) const;
    std::int64_t present_elements(const std::int64_t* extents) const { return present_rows(extents) * row_width(); }
};

struct OpProblem {
    explicit OpProblem(const TensileOpProblem& problem);

    std::string name;
    std::vector<TensorType> inputs;
    std::vector<TensorType> outputs;
    TensilePrecision precision = TENSILE_FLOAT32;
    bool row_invariant = false;        // see TensileOpProblem
    std::vector<std::uint8_t> choice;  // empty: none

    // Throw PluginError (TENSILE_INVALID) where the op has no such attribute.
    std::int64_t integer(std::string_view attribute) const;
    bool flag(std::string_view attribute) const { return integer(attribute) != 0; }
    double number(std::string_view attribute) const;
    const std::vector<std::int64_t>& integers(std::string_view attribute) const;

  private:
    using Attribute = std::variant<std::int64_t, double, std::vector<std::int64_t>>;
    const Attribute& at(std::string_view attribute) const;
    std::vector<std::pair<std::string, Attribute>> attributes_;
};

// Throws PluginError (TENSILE_UNSUPPORTED) unless all inputs and outputs are float32.
void require_float32(const OpProblem& problem);

}  // namespace tensile::cuda
