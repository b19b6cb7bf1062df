// Factor analysis of a matrix with missing cells: every row is a sample x = mean + W z + noise with few factors z ~
// N(0, I) and a noise variance of each column's own. Fitted by expectation maximisation over the observed cells (Rubin
// and Thayer, "EM algorithms for ML factor analysis", Psychometrika 1982, with the sums over observed cells only).
// Knows nothing of series or of what rows and columns mean.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

namespace tensile {

struct FactorAnalysisSettings {
    std::int64_t rank = 1;  // factors, at most kMostFactors
    int iterations = 10;
    std::uint64_t seed = 0;
    // Multiplications that learning may take; rows are thinned out evenly until it does. All rows are estimated.
    double most_work = 3e9;
};
inline constexpr std::int64_t kMostFactors = 32;

// Replaces all cells of `matrix` [rows, columns] (NaN: missing; of unit scale and roughly centred) by their expectation
// given the observed cells of their row. Throws Error 57014 when stopped.
void estimate_by_factors(std::span<float> matrix, std::int64_t rows, std::int64_t columns,
                         const FactorAnalysisSettings& settings, const std::atomic<bool>* stop);

}  // namespace tensile
