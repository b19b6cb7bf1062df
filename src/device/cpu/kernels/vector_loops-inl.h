// Loops over vectors that the kernel files share, compiled once for each instruction set. The last, partial vector goes
// through the same vector arithmetic as the full ones, so an element's result never depends on where it stands in a
// row, a tile or a batch.
#include <cstdint>

#if defined(TENSILE_VECTOR_LOOPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENSILE_VECTOR_LOOPS_INL_H
#undef TENSILE_VECTOR_LOOPS_INL_H
#else
#define TENSILE_VECTOR_LOOPS_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;

// The first `count` lanes from memory, zeros behind them. Reads nothing beyond.
HWY_INLINE FloatVector load_partial(FloatTag d, const float* from, std::int64_t count) {
#if HWY_TARGET <= HWY_AVX2
    return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, from);
#else
    HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)] = {};
    for (std::int64_t i = 0; i < count; ++i)
        lanes[i] = from[i];
    return hn::Load(d, lanes);
#endif
}

HWY_INLINE void store_partial(FloatTag d, FloatVector value, float* to, std::int64_t count) {
#if HWY_TARGET <= HWY_AVX2
    hn::BlendedStore(value, hn::FirstN(d, static_cast<std::size_t>(count)), d, to);
#else
    HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(value, d, lanes);
    for (std::int64_t i = 0; i < count; ++i)
        to[i] = lanes[i];
#endif
}

HWY_INLINE std::int64_t lane_count() {
    return static_cast<std::int64_t>(hn::Lanes(FloatTag()));
}

// y[i] = function(x[i]...) for i in [0, count).
template <typename Function, typename... Sources>
HWY_INLINE void map(std::int64_t count, float* y, const Function& function, const Sources*... sources) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        hn::StoreU(function(hn::LoadU(d, sources + i)...), d, y + i);
    if (i < count) store_partial(d, function(load_partial(d, sources + i, count - i)...), y + i, count - i);
}

// Adds up term(sources...) over [0, count): lanes first, then across lanes; the order depends on `count` alone. Lanes
// beyond `count` must not contribute: term() of all zeros has to be zero.
template <typename Term, typename... Sources>
HWY_INLINE float sum_of(std::int64_t count, const Term& term, const Sources*... sources) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    FloatVector sum = hn::Zero(d);
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        sum = hn::Add(sum, term(hn::LoadU(d, sources + i)...));
    if (i < count) sum = hn::Add(sum, term(load_partial(d, sources + i, count - i)...));
    return hn::GetLane(hn::SumOfLanes(d, sum));
}

// How a vector of columns is read and written: all lanes, or the first `count`.
struct FullVector {
    HWY_INLINE FloatVector load(const float* from) const { return hn::LoadU(FloatTag(), from); }
    HWY_INLINE void store(FloatVector value, float* to) const { hn::StoreU(value, FloatTag(), to); }
};
struct PartialVector {
    std::int64_t count;
    HWY_INLINE FloatVector load(const float* from) const { return load_partial(FloatTag(), from, count); }
    HWY_INLINE void store(FloatVector value, float* to) const { store_partial(FloatTag(), value, to, count); }
};

// Calls body(column, access) for each vector of columns [begin, end).
template <typename Body>
HWY_INLINE void for_columns(std::int64_t begin, std::int64_t end, const Body& body) {
    const std::int64_t lanes = lane_count();
    std::int64_t column = begin;
    for (; column + lanes <= end; column += lanes)
        body(column, FullVector());
    if (column < end) body(column, PartialVector{end - column});
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#endif
