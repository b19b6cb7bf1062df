// Method mlp as a model family.
#pragma once

#include "models/model_family.h"

namespace tensile {

const ModelFamily& mlp_family();

}  // namespace tensile
