// Completion of a tensor of three modes by the truncated nuclear norm of its unfoldings: LRTC-TNN (Chen, Yang, Sun, "A
// nonconvex low-rank tensor completion model for spatiotemporal traffic data imputation", Transportation Research C
// 117, 2020). The largest singular values of each unfolding are free, the others are pressed towards zero; solved by
// the alternating direction method of multipliers. Knows nothing of series or of what the modes mean.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

namespace tensile {

struct TensorCompletionSettings {
    double free_share = 0.1;     // of each mode's singular values; rounded up
    double growth = 1.12;        // of the penalty from iteration to iteration
    double first_penalty = 0.3;  // threshold of the first iteration over the norm of the observed cells
    double tolerance = 1e-3;  // change of the estimate, over the norm of the observed cells, that ends the iterations
    int most_iterations = 70;
};

// Multiplications that completing a tensor of these dimensions takes at most.
double tensor_completion_work(const std::array<std::int64_t, 3>& dimensions, const TensorCompletionSettings& settings);

// Replaces all cells of `tensor` (row-major; NaN: missing; centred, so that zero is a plain guess) by estimates,
// observed cells included. Throws Error 57014 when stopped.
void complete_tensor(std::span<float> tensor, const std::array<std::int64_t, 3>& dimensions,
                     const TensorCompletionSettings& settings, const std::atomic<bool>* stop);

}  // namespace tensile
