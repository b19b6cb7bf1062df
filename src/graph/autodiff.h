// Reverse-mode differentiation: appends the nodes that compute gradients to a program under construction.
//
// gradients() may be asked several times over one forward (once per task, say): each call appends its own backward
// nodes and shares the forward. Gradients that reach a value over several paths are summed in a fixed order, so results
// do not depend on how the program was built up. Row-sparse gradients stay row-sparse as long as only gathers
// contribute; with several gathers of one table the pairs are concatenated, and a dense contribution makes the sum
// dense.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "graph/program.h"

namespace tensile {

// Nothing flowed (std::monostate), a dense gradient of the value's type, or a row-sparse one (indices may repeat).
using Gradient = std::variant<std::monostate, ValueId, SparseRows>;

// d(sum of losses)/d(wrt[i]). Losses are scalars; `seeds`, when given, has one scalar per loss that multiplies it (a
// task weight that may change from step to step), otherwise each counts 1.
std::vector<Gradient> gradients(ProgramBuilder& builder, std::span<const ValueId> losses, std::span<const ValueId> wrt,
                                std::span<const ValueId> seeds = {});

}  // namespace tensile
