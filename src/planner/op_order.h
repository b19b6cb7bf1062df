// The order in which ops run. A program's own order is good for compute; ops that give back more bytes than they take,
// such as optimizer updates, should run as soon as their inputs are there. Any order that respects data is right: the
// checker proves the versions that each op reads. Knows neither budgets nor links.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/lowered.h"

namespace tensile {

// The program's order, except that ops which free at least what they allocate run as early as their data allow.
std::vector<std::int32_t> releasing_order(const LoweredProgram& program);

}  // namespace tensile
