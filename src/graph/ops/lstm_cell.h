// lstm_cell: one time step of a long short-term memory behind its products, elementwise (Hochreiter and Schmidhuber,
// Neural Computation 9, 1997; the forget gate: Gers, Schmidhuber, Cummins, Neural Computation 12, 2000).
// inputs:     gates f[B, 4 H] = [zi | zf | zg | zo], the pre-activations x W + h' U + b; previous_cell c' f[B, H];
//             with `masked` also previous_hidden h' f[B, H] and present f[B]
// attributes: masked: 0 or 1
// outputs:    hidden h f[B, H], cell c f[B, H]; with s the logistic function
//               i = s(zi)   f = s(zf)   g = tanh(zg)   o = s(zo)
//               c = f c' + i g          h = o tanh(c)
//             A row whose `present` is 0 (a sequence that has ended) keeps its state, h = h' and c = c', whatever its
//             gates hold, NaN included.
// lstm_cell_gradient: recomputes the activations from the pre-activations, so nothing but inputs is kept for it.
// inputs:     gates, previous_cell, present if `masked`, dh f[B, H] if `hidden_gradient`, dc f[B, H] if `cell_gradient`
// attributes: masked, hidden_gradient, cell_gradient: 0 or 1, one of the last two at least; a gradient that is not
// there
//             counts as zero
// outputs:    with e = dc + dh o (1 - tanh(c)^2):
//             dgates f[B, 4 H] = [e g i (1 - i) | e c' f (1 - f) | e i (1 - g^2) | dh tanh(c) o (1 - o)],
//             dprevious_cell f[B, H] = e f, and dprevious_hidden f[B, H] = 0 if `masked`.
//             A row that is not present has 0, dc and dh instead.
// Both are row-wise. No gradient flows to `present`.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

struct LstmState {
    ValueId hidden;
    ValueId cell;
};
struct LstmCellGradients {
    ValueId gates;
    ValueId previous_cell;
    ValueId previous_hidden;  // invalid without `present`
};

const Op& lstm_cell_op();
const Op& lstm_cell_gradient_op();
// Without `present` every row is; previous.hidden is then read by nobody and may be invalid.
LstmState lstm_cell(ProgramBuilder& builder, ValueId gates, const LstmState& previous, ValueId present = {});
// One of `gradient`'s values may be invalid.
LstmCellGradients lstm_cell_gradient(ProgramBuilder& builder, ValueId gates, ValueId previous_cell, ValueId present,
                                     const LstmState& gradient);

}  // namespace tensile::ops
