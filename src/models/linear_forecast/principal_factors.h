// The directions in which many series vary together most. Knows no time.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

namespace tensile {

// The leading `count` principal directions of `rows` [steps, series] about zero, as columns of [series, count],
// orthonormal, strongest first: subspace iteration from a fixed start (Golub & Van Loan, Matrix Computations, 8.2.4),
// so the same rows give the same bits. `count` is at most the number of series.
std::vector<double> principal_directions(std::span<const double> rows, std::size_t series, std::size_t count,
                                         const std::atomic<bool>* stop);

}  // namespace tensile
