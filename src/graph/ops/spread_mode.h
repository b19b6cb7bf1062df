// spread_mode: one number for each place of a mode, repeated over all other modes: the row that bias_add adds.
// input:      values f[groups N]
// attributes: repeats, groups, outer, inner >= 1 (see mode_layout.h)
// output:     row f[repeats groups outer N inner], row[r, g, o, n, i] = values[g, n]
// fold_mode: its transpose.
// input:      row f[repeats groups outer N inner]
// attributes: as above
// output:     values f[groups N], values[g, n] = sum over r, o, i of row[r, g, o, n, i]
// Neither has anything to do with a batch. Each is the gradient of the other.
#pragma once

#include "graph/ops/mode_layout.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& spread_mode_op();
const Op& fold_mode_op();
ValueId spread_mode(ProgramBuilder& builder, ValueId values, const ModeAxis& axis, std::int64_t repeats = 1);
ValueId fold_mode(ProgramBuilder& builder, ValueId row, const ModeAxis& axis, std::int64_t repeats = 1);

}  // namespace tensile::ops
