// Which variables of a program only elementwise updates touch: typically the state of an optimizer. They need not lie
// in one piece.
#pragma once

#include "graph/program.h"

namespace tensile {

// Whether every use of the variable is by an op that updates it element by element (Op::updates_by_element), and the
// program neither reads it back nor fails to use it at all.
bool is_updated_by_element(const Program& program, ValueId variable);

}  // namespace tensile
