// layer_norm: standardises each row over the last axis (Ba, Kiros, Hinton, arXiv 1607.06450).
// inputs:     x f[B, N], gamma f[N], beta f[N]
// attributes: epsilon > 0
// outputs:    y f[B, N] = (x - mean) inverse_deviation gamma + beta, mean f[B],
//             inverse_deviation f[B] = 1 / sqrt(variance + epsilon), variance biased.
//             Gradients flow through y only; mean and inverse_deviation are for the backward pass.
// layer_norm_gradient_input: with h = (x - mean) inverse_deviation and g = dy gamma,
//             dx = inverse_deviation (g - mean_j(g) - h mean_j(g h)).
// inputs:     x, gamma, mean, inverse_deviation, dy
// output:     dx f[B, N]
// layer_norm_gradient_parameters: dgamma[j] = sum_i dy h, dbeta[j] = sum_i dy over the present rows, in the order of
//             graph/blocked_sum.h.
// inputs:     x, mean, inverse_deviation, dy
// outputs:    dgamma f[N], dbeta f[N]
// The first two are row-wise (gamma and beta are read whole), the last is a reduction over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

struct LayerNorm {
    ValueId y;
    ValueId mean;
    ValueId inverse_deviation;
};
struct LayerNormParameterGradients {
    ValueId gamma;
    ValueId beta;
};

const Op& layer_norm_op();
const Op& layer_norm_gradient_input_op();
const Op& layer_norm_gradient_parameters_op();
LayerNorm layer_norm(ProgramBuilder& builder, ValueId x, ValueId gamma, ValueId beta, double epsilon);
ValueId layer_norm_gradient_input(ProgramBuilder& builder, ValueId x, ValueId gamma, ValueId mean,
                                  ValueId inverse_deviation, ValueId dy);
LayerNormParameterGradients layer_norm_gradient_parameters(ProgramBuilder& builder, ValueId x, ValueId mean,
                                                           ValueId inverse_deviation, ValueId dy);

}  // namespace tensile::ops
