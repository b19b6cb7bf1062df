// batch_moments: mean and biased variance of each column over the present rows, in the order of graph/blocked_sum.h
// (variance in a second pass around the mean). Without any present row both are 0.
// input:   x f[B, N]
// outputs: mean f[N], variance f[N]
// Reduction over the batch.
// batch_moments_gradient: dx = (dmean + 2 (x - mean) dvariance) / extent.
// inputs:  x f[B, N], mean f[N], dmean f[N], dvariance f[N]
// output:  dx f[B, N]
// Row-wise (all but x are read whole); the divisor is the extent of the whole batch, also in a row tile.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

struct BatchMoments {
    ValueId mean;
    ValueId variance;
};

const Op& batch_moments_op();
const Op& batch_moments_gradient_op();
BatchMoments batch_moments(ProgramBuilder& builder, ValueId x);
ValueId batch_moments_gradient(ProgramBuilder& builder, ValueId x, ValueId mean, ValueId dmean, ValueId dvariance);

}  // namespace tensile::ops
