// The logistic function of device code, without overflow for either sign and exact in its far tails.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

namespace tensile::cuda {

__device__ inline float logistic(float x) {
    const float e = expf(-fabsf(x));
    const float above = 1 / (1 + e);
    return x >= 0 ? above : e * above;
}

}  // namespace tensile::cuda
