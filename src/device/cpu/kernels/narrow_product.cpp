// The product transpose(a) b where b has few columns: gradients of the weights of an output layer. A general product
// would spend most of its time on bringing a into order; here a is streamed once, rows as they lie.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/narrow_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// Two vectors of a's columns with two columns of b: four sums that do not wait for each other.
HWY_INLINE void two_by_two(const TileCall& call, std::int64_t row, std::int64_t left, std::int64_t right) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    const std::int64_t rows = call.inputs[0].type.shape[1];
    const std::int64_t columns = call.inputs[1].type.shape[1];
    FloatVector near_left = hn::Zero(d);
    FloatVector near_right = near_left;
    FloatVector far_left = near_left;
    FloatVector far_right = near_left;
    for (std::int64_t k = 0; k < call.inputs[0].extent; ++k) {
        const float* a = call.input(0) + k * rows + row;
        const FloatVector near = hn::LoadU(d, a);
        const FloatVector far = hn::LoadU(d, a + lanes);
        const FloatVector b_left = hn::Set(d, call.input(1)[k * columns + left]);
        const FloatVector b_right = hn::Set(d, call.input(1)[k * columns + right]);
        near_left = hn::MulAdd(near, b_left, near_left);
        near_right = hn::MulAdd(near, b_right, near_right);
        far_left = hn::MulAdd(far, b_left, far_left);
        far_right = hn::MulAdd(far, b_right, far_right);
    }
    HWY_ALIGN float sums[4 * HWY_MAX_BYTES / sizeof(float)];
    hn::Store(near_left, d, sums);
    hn::Store(far_left, d, sums + lanes);
    hn::Store(near_right, d, sums + 2 * lanes);
    hn::Store(far_right, d, sums + 3 * lanes);
    for (std::int64_t i = 0; i < 2 * lanes; ++i) {
        call.output(0)[(row + i) * columns + left] = sums[i];
        call.output(0)[(row + i) * columns + right] = sums[2 * lanes + i];
    }
}

HWY_INLINE float one_sum(const TileCall& call, std::int64_t row, std::int64_t column) {
    const std::int64_t rows = call.inputs[0].type.shape[1];
    const std::int64_t columns = call.inputs[1].type.shape[1];
    float sum = 0;
    for (std::int64_t k = 0; k < call.inputs[0].extent; ++k)
        sum += call.input(0)[k * rows + row] * call.input(1)[k * columns + column];
    return sum;
}

// Tiles are rows of the result.
void narrow_product_rows(const TileCall& call) noexcept {
    const std::int64_t columns = call.inputs[1].type.shape[1];
    const std::int64_t step = 2 * lane_count();
    std::int64_t row = call.begin;
    for (; row + step <= call.end; row += step)
        for (std::int64_t column = 0; column < columns; column += 2)
            two_by_two(call, row, column, std::min(column + 1, columns - 1));
    for (; row < call.end; ++row)
        for (std::int64_t column = 0; column < columns; ++column)
            call.output(0)[row * columns + column] = one_sum(call, row, column);
}

}  // namespace

void add_narrow_product(KernelTable& table) {
    table.add_plan(kNarrowProduct, [](const NodeTypes& node) { return column_plan(node, 0, &narrow_product_rows); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_narrow_product);
void add_narrow_product_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_narrow_product)(table);
}
}  // namespace tensile
#endif
