// A training job whose activations are most of its memory: many equal layers over wide batches, learning the sum of
// their inputs by gradient descent with momentum.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/job.h"

namespace tensile {

struct DeepJobOptions {
    std::int64_t layers = 24;
    std::int64_t width = 64;
    std::int64_t batch = 4096;
    int steps = 5;
    std::uint64_t seed = 1;
};

// Losses are appended to `losses`, which outlives the job.
Job make_deep_job(const DeepJobOptions& options, std::vector<float>& losses);

}  // namespace tensile
