// Random lowered programs for the planner's tests: layered chains with skips, in-place updates, scratch, variables,
// constants and outputs, in the proportions of training programs. Deterministic by seed.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/lowered.h"
#include "planner/link_model.h"

namespace tensile {

LoweredProgram random_lowered_program(std::uint64_t seed, int op_count);

// A chain of `layers` matrix products with its backward pass and in-place updates, as a training step has.
LoweredProgram layered_training_program(int layers, std::uint64_t activation_bytes, std::uint64_t weight_bytes);

// A training step in the proportions of a deep network: every layer is a heavy op (a convolution or matrix product)
// and a cheap one (a normalisation or activation) with results of their own; activations halve in size every quarter of
// the depth; an update with optimizer state for every weight, all updates at the end as a program lists them.
struct TrainingShape {
    int layers = 8;
    std::uint64_t activation_bytes = 1 << 20;  // of the first layers
    std::uint64_t weight_bytes = 1 << 16;
    int skip_every = 0;           // a residual addition behind every so many layers
    bool shrinks = true;          // whether activations halve
    bool optimizer_state = true;  // two tensors of the weight's size
};
LoweredProgram deep_training_program(const TrainingShape& shape);

// Op times in proportion to flops such that a step takes `ratio` times as long as copying all tensors that are not
// state in one direction.
std::vector<double> op_seconds_at_ratio(const LoweredProgram& program, const LinkModel& link, double ratio);

}  // namespace tensile
