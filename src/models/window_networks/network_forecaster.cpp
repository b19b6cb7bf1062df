// See network_forecaster.h.
#include "models/window_networks/network_forecaster.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "models/forecast/imputation.h"
#include "models/forecast/window_network.h"
#include "models/stop.h"
#include "models/window_networks/forecast_judge.h"
#include "models/window_networks/window_data.h"
#include "models/window_networks/window_writer.h"
#include "tensor/error.h"

namespace tensile {

namespace {

bool has_value(const SeriesTable& table, std::int64_t one, std::int64_t begin) {
    for (std::int64_t step = table.steps - 1; step >= begin; --step)
        if (!std::isnan(table.at(step)[one])) return true;
    return false;
}

}  // namespace

std::vector<std::byte> NetworkContext::to_bytes() const {
    WeightWriter weights;
    weights.write(scaling.mean);
    weights.write(scaling.deviation);
    for (const SeriesScaling& covariate : covariates) {
        weights.write(covariate.mean);
        weights.write(covariate.deviation);
    }
    intervals.save(weights);
    return weights.take();
}

NetworkContext NetworkContext::from_bytes(std::span<const std::byte> bytes, const NetworkShape& shape) {
    WeightReader weights(bytes);
    const auto read = [&](std::int64_t count) {
        std::vector<float> numbers = weights.read<float>();
        if (static_cast<std::int64_t>(numbers.size()) != count)
            throw Error(sqlstate::kDataCorrupted, "weights of the forecasting network do not fit its description");
        return numbers;
    };
    NetworkContext context;
    context.scaling.mean = read(shape.series);
    context.scaling.deviation = read(shape.series);
    for (std::int64_t i = 0; i < shape.covariates; ++i) {
        SeriesScaling& covariate = context.covariates.emplace_back();
        covariate.mean = read(1);
        covariate.deviation = read(1);
    }
    context.intervals = ConformalIntervals::load(weights);
    return context;
}

std::uint64_t NetworkContext::bytes() const {
    return (2 * scaling.mean.size() + 2 * covariates.size()) * sizeof(float) + intervals.bytes();
}

NetworkForecaster::NetworkForecaster(std::unique_ptr<SeriesNetwork> network, NetworkContext context)
    : network_(std::move(network)), context_(std::move(context)) {
    for (const Parameter& parameter : std::as_const(*network_).parameters()) {
        variables_.push_back(parameter.variable);
        variables_.back().recovery = Recovery::kReReadable;
    }
}

Program NetworkForecaster::program(std::int64_t capacity) const {
    return window_prediction_program(*network_, capacity);
}

Forecast NetworkForecaster::forecast(const SeriesTable& history, std::span<const Covariate> future,
                                     std::int64_t horizon, double level, ForwardRunner& runner,
                                     const std::atomic<bool>* stop) const {
    const NetworkShape& shape = network_->shape();
    if (history.series() != shape.series || static_cast<std::int64_t>(history.covariates.size()) != shape.covariates)
        throw InternalError("history has other series or covariates than the network");

    std::int64_t first = std::max<std::int64_t>(history.steps - shape.look_back, 0);
    std::vector<std::int64_t> series;  // with a value anywhere
    for (std::int64_t one = 0; one < shape.series; ++one)
        if (has_value(history, one, 0)) series.push_back(one);
    // A series whose last value lies before the look-back is continued from that value.
    if (!std::ranges::all_of(series, [&](std::int64_t one) { return has_value(history, one, first); })) first = 0;
    WindowData data(history, context_.scaling, shape.cycles, context_.covariates, first, horizon, future);
    const WindowWriter writer(*network_, data);
    const std::vector<double> widths = context_.intervals.relative_widths(horizon, level);

    Forecast result;
    result.horizon = horizon;
    for (std::vector<float>* values : {&result.mean, &result.lower, &result.upper})
        values->assign(static_cast<std::size_t>(horizon * shape.series), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t lead = 0; lead < horizon; lead += shape.horizon) {
        throw_if_stopped(stop);
        const std::int64_t origin = history.steps - first + lead;
        const std::int64_t steps = std::min(shape.horizon, horizon - lead);
        const auto rows = [&](std::int64_t begin, std::int64_t count) {
            return std::span(series).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
        };
        runner.run(
            static_cast<std::int64_t>(series.size()),
            [&](std::int64_t begin, std::int64_t count, std::span<const TensorView> inputs) {
                std::int64_t row = 0;
                for (const std::int64_t one : rows(begin, count))
                    writer.write(one, origin, 0, inputs, row++);
            },
            [&](std::int64_t begin, std::int64_t count, std::span<const TensorView> outputs) {
                const float* row = outputs[0].as<float>();
                for (const std::int64_t one : rows(begin, count)) {
                    const double scale = context_.intervals.scale(one);
                    for (std::int64_t step = 0; step < steps; ++step) {
                        const CentralForecast central = central_forecast(shape.levels, row, shape.horizon, step);
                        const auto width = static_cast<float>(widths[static_cast<std::size_t>(lead + step)] * scale);
                        const auto cell = static_cast<std::size_t>((lead + step) * shape.series + one);
                        const auto in_units = [&](float value) { return context_.scaling.in_units(one, value); };
                        data.estimate(one, origin + step, central.mean);
                        result.mean[cell] = in_units(central.mean);
                        result.lower[cell] = in_units(central.mean - width * central.below);
                        result.upper[cell] = in_units(central.mean + width * central.above);
                    }
                    row += shape.outputs() * shape.horizon;
                }
            });
    }
    return result;
}

Imputation NetworkForecaster::impute(const SeriesTable& history, double level, ForwardRunner&,
                                     const std::atomic<bool>* stop) const {
    return impute_missing(history, {.season = network_->shape().season, .seed = network_->shape().seed}, level, stop);
}

}  // namespace tensile
