// Launching our own kernels: the one place that uses the <<<>>> syntax, so that the same kernel sources can also be
// compiled for the host, block by block, by the tests' emulation of CUDA (test/unit/cuda/emulation).
//
// The part of CUDA that kernels may use is what the emulation knows: threadIdx, blockIdx, blockDim, gridDim (x, y and
// z), static __shared__ arrays, __syncthreads, __syncwarp, __shfl_sync, __shfl_xor_sync, __shfl_down_sync (float, int,
// unsigned), __match_any_sync, integer atomicAdd, atomicMax and atomicMin, __popc, __ldg, __restrict__, and the math
// functions of <cmath> with an f (expf, logf, sqrtf, rsqrtf, tanhf, erff, fmaf, fmaxf, fminf, rintf, ...). Every thread
// of a block reaches every __syncthreads and __shfl of the block.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/error.h"

#ifdef TENSILE_CUDA_EMULATION
#include "unit/cuda/emulation/emulation.h"
#endif

namespace tensile::cuda {

inline constexpr int kBlockThreads = 256;
inline constexpr int kWarpThreads = 32;

#ifndef TENSILE_CUDA_EMULATION
template <typename... Parameters, typename... Arguments>
void launch_kernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream, const char* name,
                   Arguments... arguments) {
    kernel<<<grid, block, 0, stream>>>(static_cast<Parameters>(arguments)...);
    check_launch(name);
}
#else
template <typename... Parameters, typename... Arguments>
void launch_kernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream, const char* name,
                   Arguments... arguments) {
    cuda_emulation::launch(grid, block, stream, [=] { kernel(static_cast<Parameters>(arguments)...); });
    check_launch(name);
}
#endif

// Blocks for a loop in which each thread takes every (grid * block)-th of `count` items; at least one, and few enough
// to be all on a big device at once.
inline dim3 grid_for(std::int64_t count) {
    constexpr std::int64_t kMostBlocks = 132 * 16;
    const std::int64_t blocks = (count + kBlockThreads - 1) / kBlockThreads;
    return dim3(static_cast<unsigned>(std::clamp<std::int64_t>(blocks, 1, kMostBlocks)));
}

}  // namespace tensile::cuda
