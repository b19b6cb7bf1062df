// gelu: elementwise 0.5 x (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
// Hendrycks, Gimpel: "Gaussian error linear units", arXiv 1606.08415, the tanh form.
// input:  x f[...]
// output: y like x
// gelu_gradient: dx = dy (0.5 (1 + tanh u) + 0.5 x (1 - tanh(u)^2) sqrt(2 / pi) (1 + 3 * 0.044715 x^2)).
// inputs: x like x (the input of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& gelu_op();
const Op& gelu_gradient_op();
ValueId gelu(ProgramBuilder& builder, ValueId x);
ValueId gelu_gradient(ProgramBuilder& builder, ValueId x, ValueId dy);

}  // namespace tensile::ops
