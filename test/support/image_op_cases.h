// The part of op_cases() that works on feature maps.
#pragma once

#include <vector>

#include "support/op_cases.h"

namespace tensile::test {

std::vector<OpCase> image_op_cases();

}  // namespace tensile::test
