// The programs of a job that trains a network on windows: training step, evaluation, keeping and restoring the best
// weights. Knows neither samples nor the course of the training.
#pragma once

#include <cstdint>
#include <vector>

#include "models/forecast/window_network.h"

namespace tensile {

class WindowProgramBuilder {
  public:
    // Both outlive the builder.
    WindowProgramBuilder(const WindowNetwork& network, const Optimizer& optimizer)
        : network_(network), optimizer_(optimizer) {}

    // Inputs: those of a sample, then random i64[2], step, and decaying_step when weights decay. Outputs: objective,
    // error_sum, weight_sum.
    Program training(std::int64_t capacity) const;
    // Inputs: those of a sample. Outputs: error_sum, weight_sum, prediction.
    Program evaluation(std::int64_t capacity) const;
    // Copies the weights to, or from, their best_weights().
    Program keep_best() const { return copy_weights("keep_best", true); }
    Program restore_best() const { return copy_weights("restore_best", false); }

    // Variables besides the network's weights.
    std::vector<Variable> optimizer_state() const;
    std::vector<Variable> best_weights() const;

  private:
    Program copy_weights(const char* name, bool to_best) const;

    const WindowNetwork& network_;
    const Optimizer& optimizer_;
};

}  // namespace tensile
