// clip_scale: the factor that limits a gradient's norm (Pascanu, Mikolov, Bengio, arXiv 1211.5063).
// inputs: sum_of_squares f[] of the whole gradient, max_norm f[]
// output: y f[] = max_norm / norm where norm > max_norm > 0, else 1; norm = sqrt(sum_of_squares). So max_norm = 0 means
// no limit. Row-wise (one row). Not differentiable.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& clip_scale_op();
ValueId clip_scale(ProgramBuilder& builder, ValueId sum_of_squares, ValueId max_norm);

}  // namespace tensile::ops
