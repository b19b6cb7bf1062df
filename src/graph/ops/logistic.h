// The logistic function of the reference kernels, without overflow for either sign.
#pragma once

#include <cmath>

namespace tensile::ops {

template <typename T>
T logistic(T x) {
    if (x >= 0) return 1 / (1 + std::exp(-x));
    const T e = std::exp(x);
    return e / (1 + e);
}

}  // namespace tensile::ops
