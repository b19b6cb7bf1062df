// Random lowered programs for the planner's tests: layered chains with skips, in-place updates, scratch, variables,
// constants and outputs, in the proportions of training programs. Deterministic by seed.
#pragma once

#include <cstdint>

#include "graph/lowered.h"

namespace tensile {

LoweredProgram random_lowered_program(std::uint64_t seed, int op_count);

// A chain of `layers` matrix products with its backward pass and in-place updates, as a training step has.
LoweredProgram layered_training_program(int layers, std::uint64_t activation_bytes, std::uint64_t weight_bytes);

}  // namespace tensile
