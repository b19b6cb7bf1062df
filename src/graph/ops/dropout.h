// dropout: sets elements to zero at random and scales the others up, so that the expectation stays.
// inputs:     x f[B, ...], rng i64[2] = {seed, counter}
// attributes: rate in [0, 1); stream in [0, 2^15): tells the dropout ops of a program apart
// output:     y like x, y = x / (1 - rate) where dropout_keeps(...), else 0
// dropout_gradient: the same mask, recomputed and applied to dy; nothing is stored.
// inputs:     dy like x, rng i64[2]
// attributes: as above
// output:     dx like x
// Both are row-wise; rng is read whole. The mask of an element depends on its row-major index in the whole tensor, so a
// kernel that works on a row tile must know where the tile starts. (Srivastava et al., JMLR 15, 2014.)
#pragma once

#include <cmath>
#include <cstdint>

#include "graph/program.h"
#include "tensor/random.h"

namespace tensile::ops {

const Op& dropout_op();
const Op& dropout_gradient_op();
ValueId dropout(ProgramBuilder& builder, ValueId x, ValueId rng, double rate, std::int64_t stream);
ValueId dropout_gradient(ProgramBuilder& builder, ValueId dy, ValueId rng, double rate, std::int64_t stream);

// The random stream of one dropout op at one counter. The top bit keeps it apart from every stream that the host uses
// (shuffles, initializers) under the same seed.
constexpr std::uint64_t dropout_stream(std::int64_t stream, std::int64_t counter) {
    return (std::uint64_t{1} << 63) |
           ((static_cast<std::uint64_t>(stream) << 48) ^ static_cast<std::uint64_t>(counter));
}

// Elements whose upper 24 random bits are below this are dropped.
inline std::uint32_t dropout_threshold(double rate) {
    return static_cast<std::uint32_t>(std::ceil(rate * 16777216.0));
}

// `index`: row-major index of the element in the whole tensor.
constexpr bool dropout_keeps(std::uint64_t seed, std::uint64_t random_stream, std::uint64_t index,
                             std::uint32_t threshold) {
    return (random_u32(seed, random_stream, index) >> 8) >= threshold;
}

}  // namespace tensile::ops
