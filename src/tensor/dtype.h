// Element types of tensors. Knows nothing of shapes, memory or devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tensile {

enum class DType : std::uint8_t { kF32, kBF16, kF64, kI32, kI64, kU8 };

inline constexpr int kDTypeCount = 6;

// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
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

constexpr std::string_view name_of(DType dtype) {
    switch (dtype) {
    case DType::kF32:
        return "f32";
    case DType::kBF16:
        return "bf16";
    case DType::kF64:
        return "f64";
    case DType::kI32:
        return "i32";
    case DType::kI64:
        return "i64";
    case DType::kU8:
        return "u8";
    }
    return "?";
}

constexpr bool is_floating(DType dtype) {
    return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF64;
}

// The element type that holds a C++ type: dtype_of<float>() is kF32.
template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
    return DType::kF32;
}
template <>
constexpr DType dtype_of<double>() {
    return DType::kF64;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
    return DType::kI32;
}
template <>
constexpr DType dtype_of<std::int64_t>() {
    return DType::kI64;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
    return DType::kU8;
}

}  // namespace tensile
