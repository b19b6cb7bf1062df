// Initial content of variables: pure functions of seed and stream, so that a model starts alike wherever it is trained.
#pragma once

#include <cstdint>
#include <functional>

#include "tensor/tensor_type.h"

namespace tensile {

using Initializer = std::function<void(const TensorView&)>;

Initializer constant_content(float value);
// Independent normal numbers of mean 0. Each variable of a model has a random stream of its own (tensor/random.h).
Initializer normal_content(std::uint64_t seed, std::uint64_t stream, double deviation);

}  // namespace tensile
