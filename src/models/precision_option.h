// The option "precision" of methods that train networks. Knows no method.
#pragma once

#include "graph/precision.h"
#include "models/options.h"

namespace tensile {

// For a method to append to its own.
OptionDeclaration precision_option();

// float32 for methods that do not declare it.
Precision precision_of(const Options& options);

}  // namespace tensile
