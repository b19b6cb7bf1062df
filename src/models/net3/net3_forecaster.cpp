// See net3_forecaster.h.
#include "models/net3/net3_forecaster.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "models/forecast/weight_bytes.h"
#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
// Origins whose forecasts calibrate intervals; scores of all series are pooled, so a few serve.
constexpr std::int64_t kMostOrigins = 48;
constexpr std::int64_t kFewestOrigins = 4;
constexpr std::int64_t kMostBytes = std::int64_t{256} << 20;
// Passes over the missing cells: from the second on, windows hold the estimates of the pass before.
constexpr int kPasses = 3;
// Steps ahead for which intervals of missing cells are told apart.
constexpr std::int64_t kMostGapSteps = 16;

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

// The network of a stored model fills gaps, whatever the training needed: fresh history may have some.
Net3Architecture filling(Net3Architecture architecture) {
    architecture.fills_gaps = true;
    return architecture;
}

// Positions of gaps between observed values: series, first and last step.
struct Gap {
    std::int64_t series;
    std::int64_t first;
    std::int64_t last;
};

std::vector<Gap> gaps_of(const Net3Table& table) {
    std::vector<Gap> gaps;
    for (std::int64_t one = 0; one < table.series; ++one) {
        std::int64_t seen = -1;
        for (std::int64_t step = 0; step < table.steps; ++step) {
            if (table.present[at(step * table.series + one)] == 0) continue;
            if (seen >= 0 && step - seen > 1) gaps.push_back({one, seen + 1, step - 1});
            seen = step;
        }
    }
    return gaps;
}

}  // namespace

Json Net3Model::to_json() const {
    const Net3Architecture& net = architecture;
    return {{"modes", net.modes},
            {"terms", net.terms},
            {"compressed", net.compressed},
            {"window", net.window},
            {"features", net.features},
            {"hidden", net.hidden},
            {"covariates", net.covariates},
            {"recurrence", static_cast<int>(net.recurrence)},
            {"skip", static_cast<int>(net.skip)},
            {"shared_head", net.shared_head},
            {"orthogonality", net.orthogonality},
            {"reconstruction", net.reconstruction},
            {"calibration_begin", calibration_begin}};
}

std::vector<std::byte> Net3Model::to_bytes() const {
    WeightWriter writer;
    writer.write(scaling.mean);
    writer.write(scaling.deviation);
    writer.write(scaling.covariate_mean);
    writer.write(scaling.covariate_deviation);
    for (const std::vector<float>& graph : architecture.graphs)
        writer.write(graph);
    return writer.take();
}

Net3Model Net3Model::from(const Json& manifest, std::span<const std::byte> bytes) {
    Net3Model model;
    Net3Architecture& net = model.architecture;
    try {
        manifest.at("modes").get_to(net.modes);
        manifest.at("terms").get_to(net.terms);
        manifest.at("compressed").get_to(net.compressed);
        manifest.at("window").get_to(net.window);
        manifest.at("features").get_to(net.features);
        manifest.at("hidden").get_to(net.hidden);
        manifest.at("covariates").get_to(net.covariates);
        net.recurrence = static_cast<Net3Recurrence>(manifest.at("recurrence").get<int>());
        net.skip = static_cast<Net3Skip>(manifest.at("skip").get<int>());
        manifest.at("shared_head").get_to(net.shared_head);
        manifest.at("orthogonality").get_to(net.orthogonality);
        manifest.at("reconstruction").get_to(net.reconstruction);
        manifest.at("calibration_begin").get_to(model.calibration_begin);
    } catch (const nlohmann::json::exception& error) {
        throw Error(sqlstate::kDataCorrupted, "could not read a model of method net3", error.what());
    }
    WeightReader reader(bytes);
    model.scaling.mean = reader.read<float>();
    model.scaling.deviation = reader.read<float>();
    model.scaling.covariate_mean = reader.read<float>();
    model.scaling.covariate_deviation = reader.read<float>();
    for (std::size_t mode = 0; mode < net.modes.size(); ++mode)
        net.graphs.push_back(reader.read<float>());

    bool fits = !net.modes.empty() && net.window >= 1 && net.features >= 1 && net.hidden >= 1 && net.covariates >= 0 &&
                net.recurrence <= Net3Recurrence::kPerPlace && net.skip <= Net3Skip::kAutoregression &&
                (net.compressed.empty() || net.compressed.size() == net.modes.size()) &&
                std::ranges::all_of(net.modes, [](std::int64_t places) { return places >= 1; }) &&
                model.scaling.mean.size() == at(net.series()) && model.scaling.deviation.size() == at(net.series()) &&
                model.scaling.covariate_mean.size() == at(net.covariates) &&
                model.scaling.covariate_deviation.size() == at(net.covariates);
    for (const std::vector<int>& term : net.terms)
        for (int mode : term)
            fits = fits && mode >= 0 && at(mode) < net.modes.size() &&
                   net.graphs[at(mode)].size() == at(net.modes[at(mode)] * net.modes[at(mode)]);
    if (!fits) throw Error(sqlstate::kDataCorrupted, "parts of a model of method net3 do not fit each other");
    return model;
}

Net3Forecaster::Net3Forecaster(Net3Model model, const SeriesTable& table)
    : model_(std::move(model)), network_(filling(model_.architecture), 0) {
    for (const Parameter& parameter : network_.parameters())
        variables_.push_back(parameter.variable);
    const std::int64_t first = model_.calibration_begin - model_.architecture.window;
    calibration_ = Net3Table(table, model_.scaling, std::clamp<std::int64_t>(first, 0, table.steps));
}

Program Net3Forecaster::program(std::int64_t capacity) const {
    return window_prediction_program(network_, capacity);
}

std::vector<std::int64_t> Net3Forecaster::add_calibration(Net3Rollout& rollout, std::int64_t horizon) const {
    const Net3Architecture& net = model_.architecture;
    const std::int64_t begin = std::min(net.window, calibration_.steps);
    const std::int64_t span = calibration_.steps - begin;
    const std::int64_t affordable = std::max(kMostBytes / Net3Rollout::bytes_of_origin(net, horizon), kFewestOrigins);
    // As many origins as possible with the whole horizon before the end; where that is too long, halves of the span.
    const std::int64_t last = std::max(span - horizon, span / 2);
    const std::int64_t count = std::min({kMostOrigins, affordable, last + 1, span});
    std::vector<std::int64_t> origins;
    for (std::int64_t i = 0; i < count; ++i) {
        origins.push_back(begin + (count == 1 ? 0 : i * last / (count - 1)));
        rollout.add(calibration_, origins.back());
    }
    return origins;
}

ConformalIntervals Net3Forecaster::intervals(const Net3Rollout& rollout, std::span<const std::int64_t> origins,
                                             std::int64_t first_row, std::int64_t horizon) const {
    const std::int64_t series = calibration_.series;
    ConformalIntervals::Calibration calibration(series, horizon);
    std::vector<float> residuals(origins.size() * at(horizon));
    for (std::int64_t one = 0; one < series; ++one) {
        const float deviation = model_.scaling.deviation[at(one)];
        for (std::size_t i = 0; i < origins.size(); ++i) {
            for (std::int64_t ahead = 0; ahead < horizon; ++ahead) {
                const std::int64_t step = origins[i] + ahead;
                const std::size_t place = at(step * series + one);
                const bool known = step < calibration_.steps && calibration_.present[place] != 0;
                residuals[i * at(horizon) + at(ahead)] =
                    known ? deviation * (calibration_.values[place] -
                                         rollout.forecast(first_row + static_cast<std::int64_t>(i), ahead)[one])
                          : kNone;
            }
        }
        calibration.add(one, residuals, static_cast<double>(deviation));
    }
    return ConformalIntervals(std::move(calibration));
}

Forecast Net3Forecaster::forecast(const SeriesTable& history, std::span<const Covariate> future, std::int64_t horizon,
                                  double level, ForwardRunner& runner, const std::atomic<bool>* stop) const {
    const Net3Architecture& net = model_.architecture;
    const std::int64_t series = net.series();
    const Net3Table recent(history, model_.scaling, std::max<std::int64_t>(history.steps - net.window, 0));
    std::vector<float> known(at(future.empty() ? 0 : horizon * series * net.covariates));
    for (std::size_t i = 0; !known.empty() && i < future.size(); ++i)
        for (std::int64_t place = 0; place < horizon * series; ++place)
            if (const float value = future[i].values[at(place)]; !std::isnan(value))
                known[at(place * net.covariates) + i] =
                    (value - model_.scaling.covariate_mean[i]) / model_.scaling.covariate_deviation[i];

    Net3Rollout rollout(net, horizon);
    rollout.add(recent, recent.steps, known);
    const std::vector<std::int64_t> origins = add_calibration(rollout, horizon);
    std::int64_t calibrated = 1;
    for (std::int64_t ahead = 0; ahead < horizon; ++ahead) {
        throw_if_stopped(stop);
        // Origins near the end of the table run out of truth.
        std::int64_t rows = 1;
        while (rows <= static_cast<std::int64_t>(origins.size()) && origins[at(rows - 1)] + ahead < calibration_.steps)
            ++rows;
        if (rows > 1) calibrated = ahead + 1;
        rollout.step(ahead, 0, rows, runner);
    }
    const ConformalIntervals bounds = intervals(rollout, origins, 1, calibrated);
    const std::vector<double> widths = bounds.relative_widths(horizon, level);

    Forecast forecast;
    forecast.horizon = horizon;
    for (std::vector<float>* each : {&forecast.mean, &forecast.lower, &forecast.upper})
        each->assign(at(horizon * series), kNone);
    for (std::int64_t one = 0; one < series; ++one) {
        bool observed = false;
        for (std::int64_t step = 0; !observed && step < history.steps; ++step)
            observed = !std::isnan(history.at(step)[one]);
        if (!observed) continue;
        for (std::int64_t ahead = 0; ahead < horizon; ++ahead) {
            const std::size_t place = at(ahead * series + one);
            const double mean = static_cast<double>(model_.scaling.mean[at(one)]) +
                                static_cast<double>(model_.scaling.deviation[at(one)]) *
                                    static_cast<double>(rollout.forecast(0, ahead)[one]);
            const double half = bounds.scale(one) * widths[at(ahead)];
            forecast.mean[place] = static_cast<float>(mean);
            forecast.lower[place] = static_cast<float>(mean - half);
            forecast.upper[place] = static_cast<float>(mean + half);
        }
    }
    return forecast;
}

Imputation Net3Forecaster::impute(const SeriesTable& history, double level, ForwardRunner& runner,
                                  const std::atomic<bool>* stop) const {
    const Net3Architecture& net = model_.architecture;
    const std::int64_t series = net.series();
    Net3Table table(history, model_.scaling);
    const std::vector<Gap> gaps = gaps_of(table);
    Imputation imputation;
    if (gaps.empty()) return imputation;

    // Steps to forecast: those of gaps, and the first behind each.
    std::vector<bool> wanted(at(table.steps));
    std::int64_t longest = 1;
    for (const Gap& gap : gaps) {
        std::fill(wanted.begin() + gap.first, wanted.begin() + gap.last + 2, true);
        longest = std::max(longest, gap.last - gap.first + 1);
    }
    std::vector<std::int64_t> steps;
    for (std::int64_t step = 0; step < table.steps; ++step)
        if (wanted[at(step)]) steps.push_back(step);

    const auto at_once = std::clamp<std::int64_t>(kMostBytes / Net3Rollout::bytes_of_origin(net, 1), 1, 4096);
    std::vector<float> forecasts(at(table.steps * series));
    for (int pass = 0; pass < kPasses; ++pass) {
        for (std::size_t begin = 0; begin < steps.size(); begin += at(at_once)) {
            throw_if_stopped(stop);
            const std::size_t end = std::min(begin + at(at_once), steps.size());
            Net3Rollout rollout(net, 1);
            for (std::size_t i = begin; i < end; ++i)
                rollout.add(table, steps[i]);
            rollout.step(0, 0, rollout.origins(), runner);
            for (std::size_t i = begin; i < end; ++i)
                std::copy_n(rollout.forecast(static_cast<std::int64_t>(i - begin), 0), series,
                            forecasts.begin() + steps[i] * series);
        }
        for (const Gap& gap : gaps) {
            const auto place = [&](std::int64_t step) { return at(step * series + gap.series); };
            const float error = table.values[place(gap.last + 1)] - forecasts[place(gap.last + 1)];
            const auto length = static_cast<float>(gap.last - gap.first + 2);
            for (std::int64_t step = gap.first; step <= gap.last; ++step) {
                table.values[place(step)] =
                    forecasts[place(step)] + error * static_cast<float>(step - gap.first + 1) / length;
                table.present[place(step)] = 1.0F;
            }
        }
    }

    const std::int64_t reach = std::min((longest + 1) / 2, kMostGapSteps);
    Net3Rollout rollout(net, reach);
    const std::vector<std::int64_t> origins = add_calibration(rollout, reach);
    for (std::int64_t ahead = 0; !origins.empty() && ahead < reach; ++ahead)
        rollout.step(ahead, 0, rollout.origins(), runner);
    const ConformalIntervals bounds = intervals(rollout, origins, 0, reach);
    const std::vector<double> widths = bounds.relative_widths(reach, level);
    for (const Gap& gap : gaps) {
        const std::size_t one = at(gap.series);
        for (std::int64_t step = gap.first; step <= gap.last; ++step) {
            const std::int64_t distance = std::min({step - gap.first, gap.last - step, reach - 1});
            const double mean = static_cast<double>(model_.scaling.mean[one]) +
                                static_cast<double>(model_.scaling.deviation[one]) *
                                    static_cast<double>(table.values[at(step * series) + one]);
            const double half = bounds.scale(gap.series) * widths[at(distance)];
            imputation.cells.push_back({step, gap.series, static_cast<float>(mean), static_cast<float>(mean - half),
                                        static_cast<float>(mean + half)});
        }
    }
    std::ranges::sort(imputation.cells, {},
                      [](const Imputation::Cell& cell) { return std::pair(cell.step, cell.series); });
    return imputation;
}

}  // namespace tensile
