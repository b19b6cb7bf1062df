// mode_product: product of a tensor with a matrix along one of its modes (Kolda and Bader, SIAM Review 51, 2009,
// section 2.5), for each row of a batch. inputs:     x f[B, repeats groups outer N inner], read as [B, repeats, groups,
// outer, N, inner];
//             matrix f[groups M, N], or f[groups N, M] with `transpose`: the matrices of the groups below each other
// attributes: groups, outer, inner >= 1 (see mode_layout.h); transpose: 0 or 1
// output:     y f[B, repeats groups outer M inner], with A_g the matrix of group g, transposed if so marked, [M, N]:
//               y[b, r, g, o, m, i] = sum over n of A_g[m, n] x[b, r, g, o, n, i]
//             Row-wise; the matrix is read whole. A linear layer over the last axis is inner = 1; one of its own for
//             every place is groups = places.
// mode_product_gradient: the gradient of the matrix.
// inputs:     x as above; dy f[B, repeats groups outer M inner]
// attributes: as above, and size: N
// output:     dmatrix of the matrix's shape, dA_g[m, n] = sum over b, r, o, i of dy[b, r, g, o, m, i] x[b, r, g, o, n,
// i]
//             over the present rows b. Reduction over the batch.
// The gradient of x is the product of dy with the transposed matrices.
#pragma once

#include "graph/ops/mode_layout.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& mode_product_op();
const Op& mode_product_gradient_op();
ValueId mode_product(ProgramBuilder& builder, ValueId x, ValueId matrix, const ModeAxis& axis, bool transpose = false);
// `size`: N.
ValueId mode_product_gradient(ProgramBuilder& builder, ValueId x, ValueId dy, std::int64_t size, const ModeAxis& axis,
                              bool transpose = false);

// Sizes of a product, for kernels.
struct ModeProblem {
    ModeAxis axis;
    std::int64_t repeats = 1;
    std::int64_t rows = 1;  // M
    std::int64_t size = 1;  // N
    bool transpose = false;

    // Of the product and of its gradient, from the types of its tensors.
    static ModeProblem of_product(const TensorType& x, const TensorType& matrix, const Attributes& attributes);
    static ModeProblem of_gradient(const TensorType& x, const TensorType& dy, const Attributes& attributes);
    std::int64_t x_width() const { return repeats * axis.width(size); }
    std::int64_t y_width() const { return repeats * axis.width(rows); }
    // Of one row of the batch.
    double flops() const { return 2 * static_cast<double>(size) * static_cast<double>(y_width()); }
};

}  // namespace tensile::ops
