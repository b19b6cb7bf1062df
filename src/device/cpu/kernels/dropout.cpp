// Kernels of dropout and its gradient: the same Philox numbers as tensor/random.h, a vector of blocks at a time.
#include "graph/ops/dropout.h"

#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/dropout.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

void dropout_rows(const TileCall& call) noexcept {
    const double rate = call.attributes.number("rate");
    const auto factor = static_cast<float>(1 / (1 - rate));
    const std::uint32_t threshold = ops::dropout_threshold(rate);
    const auto* rng = static_cast<const std::int64_t*>(call.inputs[1].data);
    const auto key = static_cast<std::uint64_t>(rng[0]);
    const std::uint64_t stream = ops::dropout_stream(call.attributes.integer("stream"), rng[1]);
    const std::int64_t width = call.outputs[0].type.shape.row_width();
    for (std::int64_t i = call.begin * width; i < call.end * width; ++i) {
        const bool keep = ops::dropout_keeps(key, stream, static_cast<std::uint64_t>(i), threshold);
        call.output(0)[i] = keep ? call.input(0)[i] * factor : 0.0F;
    }
}

#else

using WordTag = hn::ScalableTag<std::uint32_t>;
using WordVector = hn::Vec<WordTag>;

// Full products of 32-bit lanes by a constant, as high and low halves.
HWY_INLINE void multiply_wide(WordTag d, WordVector x, std::uint32_t factor, WordVector& high, WordVector& low) {
    const hn::RepartitionToWide<WordTag> wide;
    const WordVector factors = hn::Set(d, factor);
    const auto even = hn::MulEven(x, factors);
    const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, x))), factors);
    low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
    high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
}

// Ten rounds of Philox over the blocks whose counters stand in the lanes of the four words.
HWY_INLINE void philox_rounds(std::uint64_t key, WordVector& word0, WordVector& word1, WordVector& word2,
                              WordVector& word3) {
    const WordTag d;
    auto low_key = static_cast<std::uint32_t>(key);
    auto high_key = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        WordVector first_high;
        WordVector first_low;
        WordVector second_high;
        WordVector second_low;
        multiply_wide(d, word0, 0xD2511F53U, first_high, first_low);
        multiply_wide(d, word2, 0xCD9E8D57U, second_high, second_low);
        word0 = hn::Xor(hn::Xor(second_high, word1), hn::Set(d, low_key));
        word1 = second_low;
        word2 = hn::Xor(hn::Xor(first_high, word3), hn::Set(d, high_key));
        word3 = first_low;
        low_key += 0x9E3779B9U;
        high_key += 0xBB67AE85U;
    }
}

// Lanes of the widest vector; each computes the numbers of four consecutive elements.
inline constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(std::uint32_t);

void dropout_rows(const TileCall& call) noexcept {
    const WordTag d;
    const FloatTag floats;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const double rate = call.attributes.number("rate");
    const FloatVector factor = hn::Set(floats, static_cast<float>(1 / (1 - rate)));
    const auto* rng = static_cast<const std::int64_t*>(call.inputs[1].data);
    const auto key = static_cast<std::uint64_t>(rng[0]);
    const std::uint64_t stream = ops::dropout_stream(call.attributes.integer("stream"), rng[1]);
    const WordVector threshold = hn::Set(d, ops::dropout_threshold(rate));
    const std::int64_t width = call.outputs[0].type.shape.row_width();
    const std::int64_t first = call.begin * width;
    const std::int64_t last = call.end * width;
    const float* x = call.input(0);
    float* y = call.output(0);

    HWY_ALIGN float keep[4 * kMostLanes];
    for (std::int64_t base = first - first % 4; base < last; base += 4 * lanes) {
        const auto block = static_cast<std::uint64_t>(base / 4);
        WordVector word0 = hn::Add(hn::Set(d, static_cast<std::uint32_t>(block)), hn::Iota(d, 0));
        // A carry into the upper word happens where the sum wrapped around.
        const WordVector carried = hn::VecFromMask(d, hn::Lt(word0, hn::Set(d, static_cast<std::uint32_t>(block))));
        WordVector word1 = hn::Sub(hn::Set(d, static_cast<std::uint32_t>(block >> 32)), carried);
        WordVector word2 = hn::Set(d, static_cast<std::uint32_t>(stream));
        WordVector word3 = hn::Set(d, static_cast<std::uint32_t>(stream >> 32));
        philox_rounds(key, word0, word1, word2, word3);
        const auto factors = [&](WordVector word) {
            const auto dropped = hn::RebindMask(floats, hn::Lt(hn::ShiftRight<8>(word), threshold));
            return hn::IfThenZeroElse(dropped, factor);
        };
        hn::StoreInterleaved4(factors(word0), factors(word1), factors(word2), factors(word3), floats, keep);
        const std::int64_t begin = std::max(base, first);
        const std::int64_t count = std::min(base + 4 * lanes, last) - begin;
        map(
            count, y + begin,
            [=](FloatVector value, FloatVector scale) {
                return hn::IfThenElseZero(hn::Ne(scale, hn::Zero(floats)), hn::Mul(value, scale));
            },
            x + begin, keep + (begin - base));
    }
}

#endif

}  // namespace

void add_dropout(KernelTable& table) {
    constexpr unsigned kFirst = 1;
    table.add_rows("dropout", &dropout_rows, kFirst);
    table.add_rows("dropout_gradient", &dropout_rows, kFirst);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_dropout);
void add_dropout_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_dropout)(table);
}
}  // namespace tensile
#endif
