// copy: overwrites a variable with another value (a snapshot of the best weights, a target network).
// inputs: destination of any type, source like destination
// output: source's content in the buffer of destination, whose old content is not read
// Not row-wise. Not differentiable.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& copy_op();
ValueId copy(ProgramBuilder& builder, ValueId destination, ValueId source);

}  // namespace tensile::ops
