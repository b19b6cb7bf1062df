// See step_residuals.h.
#include "models/window_networks/step_residuals.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tensile {

void StepResiduals::clear() {
    for (std::vector<float>& scores : scores_)
        scores.clear();
}

std::uint64_t StepResiduals::bytes() const {
    std::uint64_t bytes = 0;
    for (const std::vector<float>& scores : scores_)
        bytes += scores.capacity() * sizeof(float);
    return bytes;
}

std::vector<float> StepResiduals::quantiles() const {
    std::vector<float> result;
    std::vector<float> row(static_cast<std::size_t>(kConformalGrid), std::numeric_limits<float>::quiet_NaN());
    for (std::vector<float> scores : scores_) {
        std::ranges::sort(scores);
        const auto count = static_cast<std::int64_t>(scores.size());
        for (std::int64_t k = 0; k < kConformalGrid && count > 0; ++k) {
            // The ceil(level (n + 1))-th smallest of n scores.
            const std::int64_t rank = (k * (count + 1) + kConformalGrid - 2) / (kConformalGrid - 1);
            row[static_cast<std::size_t>(k)] =
                scores[static_cast<std::size_t>(std::clamp<std::int64_t>(rank, 1, count) - 1)];
        }
        result.insert(result.end(), row.begin(), row.end());
    }
    return result;
}

float conformal_score(std::span<const float> quantiles, std::int64_t step, double level) {
    const std::int64_t horizon = static_cast<std::int64_t>(quantiles.size()) / kConformalGrid;
    const std::int64_t judged = std::min(step, horizon - 1);
    // A level like 0.9 is not exact in binary.
    const auto k = static_cast<std::int64_t>(std::ceil(level * (kConformalGrid - 1) - 1e-9));
    const float score = quantiles[static_cast<std::size_t>(judged * kConformalGrid + k)];
    if (step == judged) return score;
    return score * static_cast<float>(std::sqrt(static_cast<double>(step + 1) / static_cast<double>(horizon)));
}

}  // namespace tensile
