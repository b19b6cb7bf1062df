// The place of a value in the tables that a pass over a program keeps, one entry a value.
#pragma once

#include <cstddef>

#include "graph/op.h"

namespace tensile {

inline std::size_t at(ValueId id) {
    return static_cast<std::size_t>(id.index);
}

}  // namespace tensile
