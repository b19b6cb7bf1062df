// Kernels that only move or convert elements: copies, slices, concatenations, broadcasts of rows, casts.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "device/cpu/kernels/kernel_groups.h"

namespace tensile {

namespace {

const std::byte* bytes_of(const TensorView& view) {
    return static_cast<const std::byte*>(view.data);
}
std::byte* mutable_bytes_of(const TensorView& view) {
    return static_cast<std::byte*>(view.data);
}
std::int64_t row_bytes(const TensorType& type) {
    return type.shape.row_width() * static_cast<std::int64_t>(size_of(type.dtype));
}
void copy_bytes(std::byte* to, const std::byte* from, std::int64_t bytes) {
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void stop_gradient_rows(const TileCall& call) noexcept {
    const std::int64_t stride = row_bytes(call.outputs[0].type);
    copy_bytes(mutable_bytes_of(call.outputs[0]) + call.begin * stride, bytes_of(call.inputs[0]) + call.begin * stride,
               (call.end - call.begin) * stride);
}

void broadcast_rows_rows(const TileCall& call) noexcept {
    const std::int64_t stride = row_bytes(call.outputs[0].type);
    for (std::int64_t row = call.begin; row < call.end; ++row)
        copy_bytes(mutable_bytes_of(call.outputs[0]) + row * stride, bytes_of(call.inputs[0]), stride);
}

void concat_columns_rows(const TileCall& call) noexcept {
    const std::int64_t stride = row_bytes(call.outputs[0].type);
    std::int64_t offset = 0;
    for (const TensorView& part : call.inputs) {
        const std::int64_t width = row_bytes(part.type);
        for (std::int64_t row = call.begin; row < call.end; ++row)
            copy_bytes(mutable_bytes_of(call.outputs[0]) + row * stride + offset, bytes_of(part) + row * width, width);
        offset += width;
    }
}

void slice_columns_rows(const TileCall& call) noexcept {
    const std::int64_t from = row_bytes(call.inputs[0].type);
    const std::int64_t to = row_bytes(call.outputs[0].type);
    const std::int64_t offset =
        call.attributes.integer("begin") * static_cast<std::int64_t>(size_of(call.inputs[0].type.dtype));
    for (std::int64_t row = call.begin; row < call.end; ++row)
        copy_bytes(mutable_bytes_of(call.outputs[0]) + row * to, bytes_of(call.inputs[0]) + row * from + offset, to);
}

void split_columns_rows(const TileCall& call) noexcept {
    const std::int64_t from = row_bytes(call.inputs[0].type);
    const std::int64_t to = row_bytes(call.outputs[0].type);
    std::int64_t offset = 0;
    for (const TensorView& part : call.outputs) {
        for (std::int64_t row = call.begin; row < call.end; ++row)
            copy_bytes(mutable_bytes_of(part) + row * to, bytes_of(call.inputs[0]) + row * from + offset, to);
        offset += to;
    }
}

void pad_columns_rows(const TileCall& call) noexcept {
    const std::int64_t from = row_bytes(call.inputs[0].type);
    const std::int64_t to = row_bytes(call.outputs[0].type);
    const std::int64_t offset =
        call.attributes.integer("begin") * static_cast<std::int64_t>(size_of(call.inputs[0].type.dtype));
    std::memset(mutable_bytes_of(call.outputs[0]) + call.begin * to, 0,
                static_cast<std::size_t>((call.end - call.begin) * to));
    for (std::int64_t row = call.begin; row < call.end; ++row)
        copy_bytes(mutable_bytes_of(call.outputs[0]) + row * to + offset, bytes_of(call.inputs[0]) + row * from, from);
}

// Tiles are rows of the result.
void concat_rows_tile(const TileCall& call) noexcept {
    const std::int64_t stride = row_bytes(call.outputs[0].type);
    std::int64_t first = 0;
    for (const TensorView& part : call.inputs) {
        const std::int64_t last = first + part.type.shape.rows();
        const std::int64_t begin = std::max(first, call.begin);
        const std::int64_t end = std::min(last, call.end);
        if (begin < end)
            copy_bytes(mutable_bytes_of(call.outputs[0]) + begin * stride, bytes_of(part) + (begin - first) * stride,
                       (end - begin) * stride);
        first = last;
    }
}

// Permutations of runs of `width` elements, one for each step and attention head. Tiles are rows of the result.
void split_heads_tile(const TileCall& call) noexcept {
    const std::int64_t steps = call.attributes.integer("steps");
    const std::int64_t heads = call.attributes.integer("heads");
    const std::int64_t bytes = row_bytes(call.outputs[0].type);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const std::int64_t head = row / steps % heads;
        const std::int64_t joined_row = row / (steps * heads) * steps + row % steps;
        copy_bytes(mutable_bytes_of(call.outputs[0]) + row * bytes,
                   bytes_of(call.inputs[0]) + (joined_row * heads + head) * bytes, bytes);
    }
}

void merge_heads_tile(const TileCall& call) noexcept {
    const std::int64_t steps = call.attributes.integer("steps");
    const std::int64_t heads = call.attributes.integer("heads");
    const std::int64_t bytes = row_bytes(call.inputs[0].type);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        for (std::int64_t head = 0; head < heads; ++head) {
            const std::int64_t split_row = (row / steps * heads + head) * steps + row % steps;
            copy_bytes(mutable_bytes_of(call.outputs[0]) + (row * heads + head) * bytes,
                       bytes_of(call.inputs[0]) + split_row * bytes, bytes);
        }
    }
}

// One phase over the rows of the result.
template <TileFunction function>
KernelPlan row_range_plan(const NodeTypes& node) {
    const std::int64_t width = std::max<std::int64_t>(node.outputs[0].shape.row_width(), 1);
    return {{{function, node.outputs[0].shape.rows(), std::max<std::int64_t>(kElementsPerTile / width, 1)}}, 0};
}

template <std::size_t source>
void copy_elements(const TileCall& call) noexcept {
    const auto size = static_cast<std::int64_t>(size_of(call.outputs[0].type.dtype));
    copy_bytes(mutable_bytes_of(call.outputs[0]) + call.begin * size, bytes_of(call.inputs[source]) + call.begin * size,
               (call.end - call.begin) * size);
}

// bf16 is the upper half of a float.
struct BFloat16 {
    std::uint16_t bits;
};

template <typename From>
double widen(From value) {
    return static_cast<double>(value);
}
template <>
double widen(BFloat16 value) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// To nearest, halves to even; NaN stays NaN.
BFloat16 to_bfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
    return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}

// A floating value as an integer: towards zero, NaN to 0, out of range to the nearest that fits.
template <typename To, typename From>
To saturate(From value) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(value)) return 0;
    // The upper limit of i64 is not a floating number; the next one above it is 2^63.
    if (value >= static_cast<From>(Limits::max())) return Limits::max();
    if (value <= static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(value);
}

template <typename To, typename From>
To convert(From value) {
    if constexpr (std::is_same_v<To, BFloat16>) {
        return to_bfloat16(static_cast<float>(widen(value)));
    } else if constexpr (std::is_same_v<From, BFloat16>) {
        return convert<To>(static_cast<float>(widen(value)));
    } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
        return saturate<To>(value);
    } else if constexpr (std::is_integral_v<To> && std::is_integral_v<From>) {
        if (std::in_range<To>(value)) return static_cast<To>(value);
        return value < 0 ? std::numeric_limits<To>::min() : std::numeric_limits<To>::max();
    } else {
        return static_cast<To>(value);
    }
}

template <typename From, typename To>
void convert_rows(const TileCall& call) {
    const std::int64_t width = call.outputs[0].type.shape.row_width();
    const auto* x = static_cast<const From*>(call.inputs[0].data);
    auto* y = static_cast<To*>(call.outputs[0].data);
    for (std::int64_t i = call.begin * width; i < call.end * width; ++i)
        y[i] = convert<To>(x[i]);
}

template <typename From>
void convert_rows_from(const TileCall& call) {
    switch (call.outputs[0].type.dtype) {
    case DType::kF32:
        return convert_rows<From, float>(call);
    case DType::kBF16:
        return convert_rows<From, BFloat16>(call);
    case DType::kF64:
        return convert_rows<From, double>(call);
    case DType::kI32:
        return convert_rows<From, std::int32_t>(call);
    case DType::kI64:
        return convert_rows<From, std::int64_t>(call);
    case DType::kU8:
        return convert_rows<From, std::uint8_t>(call);
    }
}

void cast_rows(const TileCall& call) noexcept {
    switch (call.inputs[0].type.dtype) {
    case DType::kF32:
        return convert_rows_from<float>(call);
    case DType::kBF16:
        return convert_rows_from<BFloat16>(call);
    case DType::kF64:
        return convert_rows_from<double>(call);
    case DType::kI32:
        return convert_rows_from<std::int32_t>(call);
    case DType::kI64:
        return convert_rows_from<std::int64_t>(call);
    case DType::kU8:
        return convert_rows_from<std::uint8_t>(call);
    }
}

}  // namespace

void add_data_movement_kernels(KernelTable& table) {
    table.add_rows("stop_gradient", &stop_gradient_rows);
    table.add_rows("broadcast_rows", &broadcast_rows_rows);
    table.add_rows("concat_columns", &concat_columns_rows);
    table.add_rows("slice_columns", &slice_columns_rows);
    table.add_rows("split_columns", &split_columns_rows);
    table.add_rows("pad_columns", &pad_columns_rows);
    table.add_rows("cast", &cast_rows);
    table.add_plan("concat_rows", &row_range_plan<&concat_rows_tile>);
    table.add_plan("split_heads", &row_range_plan<&split_heads_tile>);
    table.add_plan("merge_heads", &row_range_plan<&merge_heads_tile>);
    table.add_plan("copy", [](const NodeTypes& node) { return elementwise_plan(node, &copy_elements<1>); });
    table.add_plan("reshape", [](const NodeTypes& node) { return elementwise_plan(node, &copy_elements<0>); });
}

}  // namespace tensile
