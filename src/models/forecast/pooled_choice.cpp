// See pooled_choice.h.
#include "models/forecast/pooled_choice.h"

#include <algorithm>
#include <cmath>

namespace tensile {

namespace {

constexpr float kNone = std::numeric_limits<float>::infinity();
// What an alternative that a series does not allow, or that is worse still, counts for the mean over all series.
constexpr float kWorst = 2;
constexpr std::array<double, 6> kPoolings = {0, 0.3, 1, 3, 10, 100};
constexpr double kMostOptimism = 1.5;

// Errors relative to the best alternative of each series, and their mean over the series.
struct RelativeErrors {
    std::vector<float> own;  // [series, alternatives]
    std::vector<double> mean;
    std::vector<bool> judged;  // by series

    RelativeErrors(const ChoiceErrors& errors, int half)
        : own(errors.series() * errors.alternatives(), kNone), mean(errors.alternatives()), judged(errors.series()) {
        double count = 0;
        for (std::size_t s = 0; s < errors.series(); ++s) {
            float best = kNone;
            for (std::size_t c = 0; c < errors.alternatives(); ++c)
                best = std::min(best, errors.at(s, c, half));
            judged[s] = std::isfinite(best);
            if (!judged[s]) continue;
            count += 1;
            for (std::size_t c = 0; c < errors.alternatives(); ++c) {
                const float error = errors.at(s, c, half);
                float& relative = own[s * errors.alternatives() + c];
                if (std::isfinite(error)) relative = best > 0 ? error / best : (error > 0 ? kWorst : 1);
                mean[c] += std::min(relative, kWorst);
            }
        }
        for (double& value : mean)
            value /= std::max(count, 1.0);
    }

    std::int32_t choose(std::size_t series, double pooling) const {
        double best = kNone;
        std::int32_t choice = -1;
        for (std::size_t c = 0; c < mean.size(); ++c) {
            const double score = judged[series] ? own[series * mean.size() + c] + pooling * mean[c] : mean[c];
            if (score < best) {
                best = score;
                choice = static_cast<std::int32_t>(c);
            }
        }
        return choice;
    }

    // Far outliers count as little as an alternative that is not possible.
    double of(std::size_t series, std::int32_t choice) const {
        return choice < 0 ? kWorst : std::min(own[series * mean.size() + static_cast<std::size_t>(choice)], kWorst);
    }
};

// The sum of errors on each half of what the other half chooses.
double crossed_error(const std::array<RelativeErrors, 2>& halves, double pooling) {
    double sum = 0;
    for (const std::size_t chooser : {0, 1})
        for (std::size_t s = 0; s < halves[0].judged.size(); ++s)
            if (halves[0].judged[s] && halves[1].judged[s])
                sum += halves[1 - chooser].of(s, halves[chooser].choose(s, pooling));
    return sum;
}

}  // namespace

void ChoiceErrors::set(std::int64_t series, std::int64_t alternative, std::span<const float, 2> halves) {
    float* own =
        values_.data() + (static_cast<std::size_t>(series) * alternatives_ + static_cast<std::size_t>(alternative)) * 2;
    std::ranges::copy(halves, own);
}

std::array<float, 2> HalvedError::halves() const {
    std::array<float, 2> means = {kNone, kNone};
    for (const std::size_t half : {0, 1})
        if (counts_[half] > 0) means[half] = static_cast<float>(sums_[half] / counts_[half]);
    for (const std::size_t half : {0, 1})
        if (counts_[half] == 0) means[half] = means[1 - half];
    return means;
}

PooledChoice choose_for_each(const ChoiceErrors& errors, double pooling) {
    const std::array<RelativeErrors, 2> halves = {RelativeErrors(errors, 0), RelativeErrors(errors, 1)};
    PooledChoice choice;
    choice.pooling = pooling;
    double least = pooling < 0 ? std::numeric_limits<double>::infinity() : crossed_error(halves, pooling);
    if (pooling < 0)
        for (const double tried : kPoolings)
            if (const double error = crossed_error(halves, tried); error < least) {
                least = error;
                choice.pooling = tried;
            }
    const RelativeErrors both(errors, 2);
    double within = 0;
    for (std::size_t s = 0; s < errors.series(); ++s) {
        choice.chosen.push_back(both.choose(s, choice.pooling));
        if (!halves[0].judged[s] || !halves[1].judged[s]) continue;
        for (const RelativeErrors& half : halves)
            within += half.of(s, choice.chosen.back());
    }
    if (within > 0 && std::isfinite(least)) choice.optimism = std::clamp(least / within, 1.0, kMostOptimism);
    return choice;
}

}  // namespace tensile
