// Counter-based random numbers (Philox 4x32-10; Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A number is a pure function of (key, counter): it does not depend on the thread that asks, on the
// order of asking, or on what was asked before, so masks can be recomputed and shuffles repeated exactly.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace tensile {

using RandomBlock = std::array<std::uint32_t, 4>;

// Ten rounds of Philox over `counter` under `key`.
constexpr RandomBlock philox(std::uint64_t key, RandomBlock counter) {
    auto low = static_cast<std::uint32_t>(key);
    auto high = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t first = std::uint64_t{0xD2511F53U} * counter[0];
        const std::uint64_t second = std::uint64_t{0xCD9E8D57U} * counter[2];
        counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ low, static_cast<std::uint32_t>(second),
                   static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ high, static_cast<std::uint32_t>(first)};
        low += 0x9E3779B9U;
        high += 0xBB67AE85U;
    }
    return counter;
}

// A stream of random numbers: `key` is the job's seed, `stream` names the consumer (an op, a shuffle, an initializer),
// `index` counts elements. Four consecutive indices share one Philox block.
constexpr std::uint32_t random_u32(std::uint64_t key, std::uint64_t stream, std::uint64_t index) {
    const std::uint64_t block = index >> 2;
    return philox(key, {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                        static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)})[index & 3];
}

// Uniform in [0, 1) with 24 bits, the same value in float and in double.
constexpr double uniform_from_bits(std::uint32_t bits) {
    return static_cast<double>(bits >> 8) * (1.0 / 16777216.0);
}

inline double random_uniform(std::uint64_t key, std::uint64_t stream, std::uint64_t index) {
    return uniform_from_bits(random_u32(key, stream, index));
}

// Standard normal by Box and Muller's transform over the two halves of one block.
inline double random_normal(std::uint64_t key, std::uint64_t stream, std::uint64_t index) {
    const RandomBlock block =
        philox(key, {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                     static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)});
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform_from_bits(block[0])));
    return radius * std::cos(6.283185307179586 * uniform_from_bits(block[1]));
}

// An unbiased-enough integer in [0, bound) by multiply-shift over 32 bits; `bound` < 2^32.
constexpr std::uint32_t random_below(std::uint64_t key, std::uint64_t stream, std::uint64_t index,
                                     std::uint32_t bound) {
    return static_cast<std::uint32_t>((std::uint64_t{random_u32(key, stream, index)} * bound) >> 32);
}

}  // namespace tensile
