// See gap_table.h.
#include "models/forecast/gap_table.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace tensile {

GapTable standardize(const SeriesTable& table) {
    GapTable result;
    result.steps = table.steps;
    result.series = table.series();
    const std::int64_t series = result.series;
    result.mean.assign(series, 0.0);
    result.scale.assign(series, 0.0);
    result.first.assign(series, table.steps);
    result.last.assign(series, -1);
    std::vector<std::int64_t> count(series, 0);
    // Values may be near the largest float, whose squares a double still holds.
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s) {
            const float value = table.at(t)[s];
            if (std::isnan(value)) continue;
            if (std::isinf(value))
                throw Error(sqlstate::kInvalidParameterValue, "a series holds an infinite value",
                            "Missing cells cannot be estimated beside infinite ones.");
            if (value < 0.0F) result.nonnegative = false;
            result.first[s] = std::min(result.first[s], t);
            result.last[s] = t;
            ++count[s];
            result.mean[s] += (value - result.mean[s]) / static_cast<double>(count[s]);
        }
    result.constant.assign(series, 1);
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s) {
            const float value = table.at(t)[s];
            if (std::isnan(value)) continue;
            const double centred = value - result.mean[s];
            result.scale[s] += centred * centred;
            if (value != table.at(result.first[s])[s]) result.constant[s] = 0;
        }
    for (std::int64_t s = 0; s < series; ++s) {
        if (result.constant[s] != 0) {
            result.scale[s] = 1.0;
            if (count[s] > 0) result.mean[s] = table.at(result.first[s])[s];
        } else {
            result.scale[s] = std::sqrt(result.scale[s] / static_cast<double>(count[s]));
        }
    }
    result.values.resize(table.values.size());
    for (std::int64_t t = 0; t < table.steps; ++t)
        for (std::int64_t s = 0; s < series; ++s)
            result.values[t * series + s] = static_cast<float>((table.at(t)[s] - result.mean[s]) / result.scale[s]);
    return result;
}

std::vector<float> interpolate(const GapTable& table) {
    std::vector<float> result = table.values;
    for (std::int64_t s = 0; s < table.series; ++s) {
        std::int64_t before = -1;  // the last observed step
        for (std::int64_t t = 0; t <= table.steps; ++t) {
            if (t < table.steps && std::isnan(table.values[t * table.series + s])) continue;
            const bool ends = t == table.steps;
            const float left = before >= 0 ? table.values[before * table.series + s]
                               : ends      ? 0.0F
                                           : table.values[t * table.series + s];
            const float right = ends ? left : table.values[t * table.series + s];
            for (std::int64_t gap = before + 1; gap < t; ++gap)
                result[gap * table.series + s] =
                    left + (right - left) * static_cast<float>(gap - before) / static_cast<float>(t - before);
            before = t;
        }
    }
    return result;
}

std::vector<std::int32_t> gap_distances(const GapTable& table) {
    const std::int64_t series = table.series;
    std::vector<std::int32_t> result(table.values.size());
    std::vector<std::int32_t> since(series, kFarAway);
    const auto pass = [&](std::int64_t t, bool first) {
        for (std::int64_t s = 0; s < series; ++s) {
            const std::int64_t cell = t * series + s;
            since[s] = std::isnan(table.values[cell]) ? std::min(since[s] + 1, kFarAway) : 0;
            result[cell] = first ? since[s] : std::min(result[cell], since[s]);
        }
    };
    for (std::int64_t t = 0; t < table.steps; ++t)
        pass(t, true);
    std::fill(since.begin(), since.end(), kFarAway);
    for (std::int64_t t = table.steps; t-- > 0;)
        pass(t, false);
    return result;
}

std::vector<float> smoothed_errors(const GapTable& table, std::span<const float> estimate, float decay) {
    // An imagined error of 0 beside the observed ones.
    constexpr float kPriorWeight = 0.3F;
    const std::int64_t series = table.series;
    std::vector<float> result(table.values.size());
    std::vector<float> weights(table.values.size());
    std::vector<float> sum(series, 0.0F);
    std::vector<float> weight(series, 0.0F);
    const auto pass = [&](std::int64_t t) {
        for (std::int64_t s = 0; s < series; ++s) {
            const std::int64_t cell = t * series + s;
            result[cell] += sum[s];
            weights[cell] += weight[s];
            sum[s] *= decay;
            weight[s] *= decay;
            if (std::isnan(table.values[cell])) continue;
            sum[s] += table.values[cell] - estimate[cell];
            weight[s] += 1.0F;
        }
    };
    for (std::int64_t t = 0; t < table.steps; ++t)
        pass(t);
    std::fill(sum.begin(), sum.end(), 0.0F);
    std::fill(weight.begin(), weight.end(), 0.0F);
    for (std::int64_t t = table.steps; t-- > 0;)
        pass(t);
    for (std::size_t cell = 0; cell < result.size(); ++cell)
        result[cell] /= weights[cell] + kPriorWeight;
    return result;
}

}  // namespace tensile
