#include "device/cpu/kernels/packing.h"

#include <algorithm>
#include <cstring>

#include "device/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/packing.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {

// Four rows of a vector of columns at a time: interleaved, four neighbours of each result row come to lie together.
void transpose_rows(const float* from, std::int64_t stride, std::int64_t inner, std::int64_t columns,
                    std::int64_t present, float* to) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    HWY_ALIGN float quads[4 * HWY_MAX_BYTES / sizeof(float)];
    const std::int64_t full_rows = std::min(inner, present) / 4 * 4;
    std::int64_t column = 0;
    for (; column + lanes <= columns; column += lanes) {
        for (std::int64_t row = 0; row < full_rows; row += 4) {
            const float* source = from + row * stride + column;
            hn::StoreInterleaved4(hn::LoadU(d, source), hn::LoadU(d, source + stride),
                                  hn::LoadU(d, source + 2 * stride), hn::LoadU(d, source + 3 * stride), d, quads);
            float* target = to + column * inner + row;
            for (std::int64_t lane = 0; lane < lanes; ++lane)
                std::memcpy(target + lane * inner, quads + 4 * lane, 4 * sizeof(float));
        }
    }
    // What is left: rows behind the last four, columns behind the last vector, and zeros for rows that are not there.
    for (std::int64_t j = 0; j < columns; ++j) {
        for (std::int64_t row = j < column ? full_rows : 0; row < inner; ++row)
            to[j * inner + row] = row < present ? from[row * stride + j] : 0.0F;
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {

HWY_EXPORT(transpose_rows);

void pack_transposed(const float* from, std::int64_t stride, std::int64_t inner, std::int64_t columns,
                     std::int64_t present, float* to) noexcept {
    HWY_DYNAMIC_DISPATCH(transpose_rows)(from, stride, inner, columns, std::max<std::int64_t>(present, 0), to);
}

void copy_block(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, float* to,
                std::int64_t to_stride) noexcept {
    for (std::int64_t row = 0; row < rows; ++row)
        std::memcpy(to + row * to_stride, from + row * from_stride, static_cast<std::size_t>(columns) * sizeof(float));
}

}  // namespace tensile
#endif
