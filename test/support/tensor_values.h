// The numbers in a tensor as doubles, and how far two lists of them are apart: what parity tests compare with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <span>
#include <vector>

#include "tensor/tensor_type.h"

namespace tensile::test {

// Of rows below the extent, row-major.
inline std::vector<double> present_values(const TensorView& view) {
    const std::int64_t rows = view.type.shape.is_bounded() ? view.extent : view.type.shape.rows();
    std::vector<double> values;
    for (std::int64_t i = 0; i < rows * view.type.shape.row_width(); ++i) {
        switch (view.type.dtype) {
        case DType::kF32:
            values.push_back(static_cast<double>(view.as<float>()[i]));
            break;
        case DType::kF64:
            values.push_back(view.as<double>()[i]);
            break;
        case DType::kI32:
            values.push_back(view.as<std::int32_t>()[i]);
            break;
        case DType::kI64:
            values.push_back(static_cast<double>(view.as<std::int64_t>()[i]));
            break;
        case DType::kU8:
            values.push_back(view.as<std::uint8_t>()[i]);
            break;
        case DType::kBF16: {
            const std::uint32_t bits = static_cast<std::uint32_t>(view.as<std::uint16_t>()[i]) << 16;
            float value;
            std::memcpy(&value, &bits, sizeof value);
            values.push_back(static_cast<double>(value));
            break;
        }
        }
    }
    return values;
}

// Where two lists differ most. `relative`: to the greatest magnitude of what is wanted; infinite where the lists differ
// in length, or in which values are not finite.
struct Difference {
    double relative = 0;
    std::size_t index = 0;
    double found = 0;
    double wanted = 0;
};

inline std::ostream& operator<<(std::ostream& stream, const Difference& difference) {
    return stream << "element " << difference.index << ": " << difference.found << " instead of " << difference.wanted;
}

inline Difference greatest_difference(std::span<const double> found, std::span<const double> wanted) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (found.size() != wanted.size()) return {kInfinity};
    double scale = 0;
    Difference greatest;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const bool is_equal = found[i] == wanted[i] || (std::isnan(found[i]) && std::isnan(wanted[i]));
        const bool are_finite = std::isfinite(found[i]) && std::isfinite(wanted[i]);
        if (!is_equal && !are_finite) return {kInfinity, i, found[i], wanted[i]};
        if (!are_finite) continue;
        scale = std::max(scale, std::abs(wanted[i]));
        const double difference = std::abs(found[i] - wanted[i]);
        if (difference > greatest.relative) greatest = {difference, i, found[i], wanted[i]};
    }
    if (greatest.relative > 0) greatest.relative = scale == 0 ? kInfinity : greatest.relative / scale;
    return greatest;
}

}  // namespace tensile::test
