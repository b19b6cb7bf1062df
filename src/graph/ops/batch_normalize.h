// batch_normalize: standardises each column by given moments (Ioffe, Szegedy, arXiv 1502.03167): those of the batch
// (batch_moments) in training, running averages in prediction.
// inputs:     x f[B, N], mean f[N], variance f[N], gamma f[N], beta f[N]
// attributes: epsilon > 0
// output:     y f[B, N] = (x - mean) / sqrt(variance + epsilon) gamma + beta
// batch_norm_gradient_input: dx = dy gamma / sqrt(variance + epsilon), the moments held fixed; what flows through the
// moments
//             is the business of batch_moments_gradient.
// inputs:     dy f[B, N], variance, gamma
// attributes: epsilon
// output:     dx f[B, N]
// batch_norm_gradient_reductions: sums over the present rows in the order of graph/blocked_sum.h, r = 1 / sqrt(variance
// +
//             epsilon), h = (x - mean) r: dbeta = sum dy, dgamma = sum dy h, dmean = -gamma r dbeta,
//             dvariance = -0.5 gamma r^2 dgamma.
// inputs:     x, mean, variance, gamma, dy
// attributes: epsilon
// outputs:    dmean, dvariance, dgamma, dbeta f[N] each
// The first two are row-wise (only x and dy are cut into rows), the last is a reduction over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

struct BatchNormReductions {
    ValueId mean;
    ValueId variance;
    ValueId gamma;
    ValueId beta;
};

const Op& batch_normalize_op();
const Op& batch_norm_gradient_input_op();
const Op& batch_norm_gradient_reductions_op();
ValueId batch_normalize(ProgramBuilder& builder, ValueId x, ValueId mean, ValueId variance, ValueId gamma, ValueId beta,
                        double epsilon);
ValueId batch_norm_gradient_input(ProgramBuilder& builder, ValueId dy, ValueId variance, ValueId gamma, double epsilon);
BatchNormReductions batch_norm_gradient_reductions(ProgramBuilder& builder, ValueId x, ValueId mean, ValueId variance,
                                                   ValueId gamma, ValueId dy, double epsilon);

}  // namespace tensile::ops
