// What kernels may use of CUDA C++, for the host: the keywords, the thread's coordinates, barriers, shuffles and
// integer atomics. cuda/launch.h says which part of CUDA that is. The threads of a block are fibers (block_runner.h),
// so a kernel's code runs unchanged; a __shared__ array is one static object, because only one block runs at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

// Of the thread that runs.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
inline constexpr int warpSize = 32;

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);

namespace tensile::cuda_emulation {
// The 32-bit word that lane `source` of the warp brings to the same call; the caller's own where that lane is not there
// or not in the mask.
std::uint32_t exchange(unsigned mask, std::uint32_t value, int source);
// The lanes of the mask that bring the same word to the same call.
unsigned match(unsigned mask, std::uint32_t value);
int lane();

template <typename T>
T shuffle(unsigned mask, T value, int source) {
    static_assert(sizeof(T) == 4);
    return std::bit_cast<T>(exchange(mask, std::bit_cast<std::uint32_t>(value), source));
}
}  // namespace tensile::cuda_emulation

// `width` cuts a warp into segments of their own, as CUDA's does.
template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
    const int base = tensile::cuda_emulation::lane() / width * width;
    return tensile::cuda_emulation::shuffle(mask, value, base + (source & (width - 1)));
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
    const int lane = tensile::cuda_emulation::lane();
    const int source = lane ^ lanes;
    return tensile::cuda_emulation::shuffle(mask, value, source / width == lane / width ? source : lane);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int lanes, int width = 32) {
    const int lane = tensile::cuda_emulation::lane();
    const int source = lane + lanes;
    return tensile::cuda_emulation::shuffle(mask, value, source / width == lane / width ? source : lane);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, int lanes, int width = 32) {
    const int lane = tensile::cuda_emulation::lane();
    const int source = lane - lanes;
    return tensile::cuda_emulation::shuffle(mask, value, source >= lane / width * width ? source : lane);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    unsigned bits = 0;
    for (int source = 0; source < 32; ++source)
        bits |= static_cast<unsigned>(tensile::cuda_emulation::shuffle(mask, predicate != 0 ? 1 : 0, source)) << source;
    return bits & mask;
}

// The lanes that bring the same value.
inline unsigned __match_any_sync(unsigned mask, int value) {
    return tensile::cuda_emulation::match(mask, std::bit_cast<std::uint32_t>(value));
}

inline int __popc(unsigned value) {
    return std::popcount(value);
}
inline int __clz(int value) {
    return std::countl_zero(static_cast<unsigned>(value));
}
inline int __ffs(int value) {
    return value == 0 ? 0 : std::countr_zero(static_cast<unsigned>(value)) + 1;
}
template <typename T>
T __ldg(const T* address) {
    return *address;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}
inline int __float_as_int(float value) {
    return std::bit_cast<int>(value);
}
inline unsigned __float_as_uint(float value) {
    return std::bit_cast<unsigned>(value);
}
inline float __int_as_float(int value) {
    return std::bit_cast<float>(value);
}
inline float __uint_as_float(unsigned value) {
    return std::bit_cast<float>(value);
}
inline float rsqrtf(float value) {
    return 1 / std::sqrt(value);
}

// Fibers never interrupt one another, so the plain operation is atomic. Floating-point atomics are missing on purpose:
// their result would depend on the order of threads.
inline int atomicAdd(int* address, int value) {
    const int old = *address;
    *address = old + value;
    return old;
}
inline unsigned atomicAdd(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address = old + value;
    return old;
}
inline int atomicMax(int* address, int value) {
    const int old = *address;
    *address = std::max(old, value);
    return old;
}
inline unsigned atomicMax(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address = std::max(old, value);
    return old;
}
inline int atomicMin(int* address, int value) {
    const int old = *address;
    *address = std::min(old, value);
    return old;
}
inline unsigned atomicMin(unsigned* address, unsigned value) {
    const unsigned old = *address;
    *address = std::min(old, value);
    return old;
}
inline int atomicCAS(int* address, int expected, int value) {
    const int old = *address;
    if (old == expected) *address = value;
    return old;
}

// CUDA has these in the global namespace.
using std::max;
using std::min;
