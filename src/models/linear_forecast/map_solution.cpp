// See map_solution.h.
#include "models/linear_forecast/map_solution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/forecast/dense_product.h"
#include "models/forecast/gap_bridges.h"
#include "models/stop.h"

namespace tensile {

namespace {

constexpr std::int64_t kBridgedGap = 6;
constexpr std::size_t kMostParts = 4;

// Mean squared error over all windows behind `moments` and all steps:
// for each output, mean (y - b - w x)^2 = (my - b - w mx)^2 + (Cyy - 2 w Cxy + w Cxx w) / n.
double squared_error(const WindowMoments& moments, const MapCoefficients& map) {
    const std::size_t outputs = map.bias.size();
    const std::size_t inputs = map.weights.size() / outputs;
    const std::size_t size = inputs + outputs;
    std::vector<double> product(inputs * outputs);
    add_product({product.data(), outputs}, {moments.covariances.data(), size}, {map.weights.data(), outputs}, inputs,
                outputs, inputs);
    double total = 0;
    for (std::size_t h = 0; h < outputs; ++h) {
        double mean = moments.means[inputs + h] - map.bias[h];
        double spread = moments.covariances[(inputs + h) * size + inputs + h];
        for (std::size_t i = 0; i < inputs; ++i) {
            const double weight = map.weights[i * outputs + h];
            mean -= weight * moments.means[i];
            spread += weight * (product[i * outputs + h] - 2 * moments.covariances[i * size + inputs + h]);
        }
        total += mean * mean + spread / moments.count;
    }
    return total / static_cast<double>(outputs);
}

MapError judged_error(const std::vector<WindowMoments>& moments, const MapCoefficients& map) {
    MapError error;
    error.halves.clear();
    for (const WindowMoments& half : moments)
        error.halves.push_back(squared_error(half, map));
    return error;
}

}  // namespace

ScaledSeries scaled_series(const SeriesPanel& panel, std::int64_t fit_steps, std::int64_t steps, const Cycle& cycle,
                           const std::atomic<bool>* stop) {
    ScaledSeries scaled;
    for (std::int64_t s = 0; s < panel.series; ++s) {
        throw_if_stopped(stop);
        scaled.baselines.push_back(SeriesBaseline::fit(panel, s, fit_steps, cycle));
        std::vector<double> values = scaled.baselines.back().deviations(panel, s, 0, steps);
        double count = 0;
        double raw_mean = 0;
        double mean = 0;
        for (std::int64_t t = 0; t < fit_steps; ++t)
            if (const double value = values[static_cast<std::size_t>(t)]; !std::isnan(value)) {
                count += 1;
                mean += (value - mean) / count;
                raw_mean += (panel.of(s)[static_cast<std::size_t>(t)] - raw_mean) / count;
            }
        // The unit does not depend on the cycle, so that errors under several cycles can be compared.
        double squares = 0;
        for (std::int64_t t = 0; t < fit_steps; ++t)
            if (const double value = panel.of(s)[static_cast<std::size_t>(t)]; !std::isnan(value))
                squares += (value - raw_mean) * (value - raw_mean);
        const auto scale = static_cast<float>(count > 0 ? std::sqrt(squares / count) : 0);
        scaled.scales.push_back(std::isfinite(scale) && scale > 1e-6 * std::abs(raw_mean) ? scale : 0);
        for (double& value : values)
            value = scaled.scales.back() > 0 ? (value - mean) / scaled.scales.back()
                                             : std::numeric_limits<double>::quiet_NaN();
        scaled.values.push_back(std::move(values));
    }
    return scaled;
}

std::int64_t bridged_gap(const ScaledSeries& scaled, std::int64_t steps, std::int64_t window) {
    std::int64_t possible = 0;
    std::int64_t whole = 0;
    for (const std::vector<double>& values : scaled.values) {
        std::vector<double> bridged(values.begin(), values.begin() + steps);
        bridge_gaps(bridged, kBridgedGap);
        std::int64_t first = steps;
        std::int64_t last = 0;
        for (std::int64_t t = 0; t < steps; ++t)
            if (!std::isnan(bridged[static_cast<std::size_t>(t)])) {
                first = std::min(first, t);
                last = t + 1;
            }
        possible += std::max<std::int64_t>(0, last - first - window + 1);
        for_each_run(bridged, [&](std::span<const double> run) {
            whole += std::max<std::int64_t>(0, static_cast<std::int64_t>(run.size()) - window + 1);
        });
    }
    return 2 * whole < possible ? steps : kBridgedGap;
}

LagGram gram_of(const ScaledSeries& scaled, std::int64_t begin, std::int64_t end, std::int64_t window,
                std::int64_t bridged, const std::atomic<bool>* stop) {
    LagGram gram(window);
    std::vector<double> part;
    for (const std::vector<double>& values : scaled.values) {
        throw_if_stopped(stop);
        part.assign(values.begin() + begin, values.begin() + end);
        bridge_gaps(part, bridged);
        for_each_run(part, [&](std::span<const double> run) { gram.add(run); });
    }
    return gram;
}

WindowMoments moments_for(const LagGram& gram, std::int64_t look_back, std::int64_t horizon) {
    const std::int64_t anchor = gram.window() - horizon - 1;
    std::vector<std::int64_t> positions;
    for (std::int64_t position = anchor + 1 - look_back; position < gram.window(); ++position)
        if (position != anchor) positions.push_back(position);
    return moments_of(gram, positions, anchor);
}

std::optional<MapCoefficients> solve(const WindowMoments& moments, const MapPart& part, RidgeSolver& solver) {
    const auto inputs = static_cast<std::size_t>(part.look_back - 1);
    const auto outputs = static_cast<std::size_t>(moments.size) - inputs;
    const std::size_t size = inputs + outputs;
    std::vector<double> left(inputs * inputs);
    MapCoefficients solution;
    solution.weights.resize(inputs * outputs);
    for (std::size_t i = 0; i < inputs; ++i) {
        std::copy_n(moments.covariances.data() + i * size, inputs, left.data() + i * inputs);
        std::copy_n(moments.covariances.data() + i * size + inputs, outputs, solution.weights.data() + i * outputs);
    }
    if (!solver.factorize(left, part.lambda)) return std::nullopt;
    solver.solve(solution.weights, outputs);
    for (std::size_t h = 0; h < outputs; ++h) {
        double bias = moments.means[inputs + h];
        for (std::size_t i = 0; i < inputs; ++i)
            bias -= solution.weights[i * outputs + h] * moments.means[i];
        solution.bias.push_back(bias);
    }
    return solution;
}

MapCoefficients mean_of(std::span<const MapCoefficients* const> maps, std::int64_t look_back) {
    const std::size_t outputs = maps.front()->bias.size();
    MapCoefficients mean{std::vector<double>(static_cast<std::size_t>(look_back - 1) * outputs),
                         std::vector<double>(outputs)};
    const double share = 1.0 / static_cast<double>(maps.size());
    for (const MapCoefficients* map : maps) {
        add_multiple(mean.weights.data() + (mean.weights.size() - map->weights.size()), map->weights.data(), share,
                     map->weights.size());
        add_multiple(mean.bias.data(), map->bias.data(), share, outputs);
    }
    for (std::vector<double>* values : {&mean.weights, &mean.bias})
        for (double& value : *values)
            value = static_cast<float>(value);
    return mean;
}

JudgedWindows::JudgedWindows(const ScaledSeries& scaled, std::int64_t begin, std::int64_t end, std::int64_t look_back,
                             std::int64_t horizon, std::int64_t bridged, const std::atomic<bool>* stop) {
    const std::int64_t middle = begin + (end - begin) / 2;
    const std::int64_t window = look_back + horizon;
    if (middle - begin >= horizon)
        for (const auto& [from, to] : {std::pair(begin, middle), std::pair(middle, end)})
            halves.push_back(gram_of(scaled, from - look_back, to, window, bridged, stop));
    if (halves.empty() || halves[0].count() == 0 || halves[1].count() == 0) {
        halves.clear();
        halves.push_back(gram_of(scaled, begin - look_back, end, window, bridged, stop));
    }
}

std::vector<WindowMoments> JudgedWindows::moments(std::int64_t look_back, std::int64_t horizon) const {
    std::vector<WindowMoments> all;
    for (const LagGram& half : halves)
        all.push_back(moments_for(half, look_back, horizon));
    return all;
}

PartSelection select_parts(const LagGram& learned, const JudgedWindows& judged,
                           std::span<const std::int64_t> look_backs, std::span<const double> ridges,
                           std::int64_t horizon, const std::atomic<bool>* stop) {
    struct Solved {
        MapPart part;
        MapCoefficients map;
        MapError error;
    };
    std::vector<Solved> solved;
    for (const std::int64_t look_back : look_backs) {
        if (learned.count() < look_back) continue;
        const std::vector<WindowMoments> judged_moments = judged.moments(look_back, horizon);
        RidgeSolver solver(static_cast<std::size_t>(look_back - 1));
        Solved best;
        for (const bool intercept : {false, true}) {
            WindowMoments moments = moments_for(learned, look_back, horizon);
            if (!intercept) moments.about_zero();
            Solved with;
            for (const double lambda : ridges) {
                throw_if_stopped(stop);
                const MapPart part{look_back, intercept, lambda};
                std::optional<MapCoefficients> map = solve(moments, part, solver);
                if (!map) continue;
                MapError error = judged_error(judged_moments, *map);
                if (error.total() < with.error.total()) with = {part, std::move(*map), std::move(error)};
            }
            if (with.error.better_throughout(best.error)) best = std::move(with);
        }
        if (std::isfinite(best.error.total())) solved.push_back(std::move(best));
    }
    PartSelection selection;
    if (solved.empty()) return selection;

    const std::vector<WindowMoments> judged_moments = judged.moments(look_backs.back(), horizon);
    std::vector<const MapCoefficients*> chosen;
    while (chosen.size() < kMostParts) {
        const Solved* next = nullptr;
        MapError least;
        for (const Solved& candidate : solved) {
            throw_if_stopped(stop);
            chosen.push_back(&candidate.map);
            MapError error = judged_error(judged_moments, mean_of(chosen, look_backs.back()));
            chosen.pop_back();
            if (!(error.total() < least.total())) continue;
            least = std::move(error);
            next = &candidate;
        }
        if (next == nullptr || !least.better_throughout(selection.error)) break;
        chosen.push_back(&next->map);
        selection.parts.push_back(next->part);
        selection.error = std::move(least);
    }
    return selection;
}

}  // namespace tensile
