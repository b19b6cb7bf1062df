// Op cases of sizes at which CUDA kernels do something else than at those of support/op_cases.h: vectors of elements,
// several blocks and rounds of a grid, several launches, long runs of equal indices.
#pragma once

#include <vector>

#include "support/op_cases.h"

namespace tensile::test {

std::vector<OpCase> kernel_size_cases();

}  // namespace tensile::test
