// A network of three layers with its whole training step as one program, for tests and for the kernel benchmark: logits
// of two binary tasks, masked losses, gradients, clipping, Adam.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/program.h"

namespace tensile::test {

struct NetworkShape {
    std::int64_t batch = 256;
    std::int64_t features = 64;
    std::int64_t hidden = 64;
    std::int64_t outputs = 2;
    bool batch_norm = false;
    bool layer_norm = false;
    bool clip = false;
    double dropout = 0;
};

// Inputs "x", "target_0", "weight_0", ..., "step", "one", "rng", "max_norm"; output "loss".
Program training_program(const NetworkShape& shape);
// Input "x"; output "logits". Same variables.
Program prediction_program(const NetworkShape& shape);

}  // namespace tensile::test
