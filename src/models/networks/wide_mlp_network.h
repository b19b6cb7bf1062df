// A classifier of plain hidden layers, for its size: nearly all of a step is products of width x width matrices, and
// parameters and optimizer state outweigh the activations.
//
//   for each hidden layer: x = relu(x W + b);  logits = x W_head + b_head
//
// Inputs: x f32 [batch?, inputs], target i32 [batch?], row_weight f32 [batch?], besides those of every network
// (sequence_network.h). The extent is "batch".
#pragma once

#include <cstdint>

#include "models/networks/sequence_network.h"

namespace tensile {

struct WideMlpOptions {
    std::int64_t batch = 256;
    std::int64_t inputs = 64;
    std::int64_t layers = 3;
    std::int64_t width = 512;
    std::int64_t classes = 10;
    std::uint64_t seed = 1;
    OptimizerSettings optimizer{};
};

TrainingNetwork wide_mlp_network(const WideMlpOptions& options);

}  // namespace tensile
