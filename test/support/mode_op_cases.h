// The part of op_cases() that works on the modes of tensors.
#pragma once

#include <vector>

#include "support/op_cases.h"

namespace tensile::test {

std::vector<OpCase> mode_op_cases();

}  // namespace tensile::test
