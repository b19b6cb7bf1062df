// A small job for the runtime's tests: a network with one hidden layer that learns the sum of its features by gradient
// descent with momentum, on rows that are a function of the seed, with a partial last batch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "graph/job.h"

namespace tensile {

inline constexpr std::int64_t kLinearHidden = 16;

// One training step: inputs features, targets, weights (bounded by "batch") and learning_rate; output loss.
Program linear_step_program(std::int64_t capacity, std::int64_t features);
// The forward part alone: input features, output prediction.
Program linear_forward_program(std::int64_t capacity, std::int64_t features);

struct LinearJobOptions {
    std::uint64_t seed = 1;
    std::int64_t rows = 100;
    std::int64_t features = 5;
    std::int64_t capacity = 32;
    int steps = 20;
    // A second program with a greater batch runs every fifth step, so that programs share the transient region.
    bool two_programs = false;
};

// What the driver has seen, kept outside the job.
struct LinearJobLog {
    std::vector<float> losses;
    std::vector<std::int64_t> rows_fed;
};

// Losses go to `log`, which outlives the job and must have room reserved for `steps` entries.
Job make_linear_job(const LinearJobOptions& options, LinearJobLog& log);

}  // namespace tensile
