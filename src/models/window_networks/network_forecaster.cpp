// See network_forecaster.h.
#include "models/window_networks/network_forecaster.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "models/forecast/window_network.h"
#include "models/stop.h"
#include "models/window_networks/window_writer.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

bool has_value(const SeriesTable& table, std::int64_t one, std::int64_t begin) {
    for (std::int64_t step = table.steps - 1; step >= begin; --step)
        if (!std::isnan(table.at(step)[one])) return true;
    return false;
}

}  // namespace

std::vector<std::byte> NetworkContext::to_bytes() const {
    std::vector<float> numbers;
    const auto append = [&](const std::vector<float>& more) {
        numbers.insert(numbers.end(), more.begin(), more.end());
    };
    append(scaling.mean);
    append(scaling.deviation);
    for (const SeriesScaling& covariate : covariates) {
        append(covariate.mean);
        append(covariate.deviation);
    }
    append(quantiles);
    const auto bytes = std::as_bytes(std::span(numbers));
    return {bytes.begin(), bytes.end()};
}

NetworkContext NetworkContext::from_bytes(std::span<const std::byte> bytes, const NetworkShape& shape) {
    const auto series = static_cast<std::size_t>(shape.series);
    const auto covariates = static_cast<std::size_t>(shape.covariates);
    const std::size_t quantiles =
        (1 + level_pairs(shape.levels).size()) * static_cast<std::size_t>(shape.horizon * kConformalGrid);
    if (bytes.size() != (2 * series + 2 * covariates + quantiles) * sizeof(float))
        throw Error(sqlstate::kDataCorrupted,
                    "weights of the forecasting network are of another length than described");
    const auto take = [&](std::size_t count) {
        std::vector<float> numbers(count);
        std::memcpy(numbers.data(), bytes.data(), count * sizeof(float));
        bytes = bytes.subspan(count * sizeof(float));
        return numbers;
    };
    NetworkContext context;
    context.scaling.mean = take(series);
    context.scaling.deviation = take(series);
    for (std::size_t i = 0; i < covariates; ++i) {
        SeriesScaling& covariate = context.covariates.emplace_back();
        covariate.mean = take(1);
        covariate.deviation = take(1);
    }
    context.quantiles = take(quantiles);
    return context;
}

std::uint64_t NetworkContext::bytes() const {
    return (2 * scaling.mean.size() + 2 * covariates.size() + quantiles.size()) * sizeof(float);
}

NetworkForecaster::NetworkForecaster(std::unique_ptr<SeriesNetwork> network, NetworkContext context)
    : network_(std::move(network)),
      context_(std::move(context)),
      central_(central_output(network_->shape().levels)),
      pairs_(level_pairs(network_->shape().levels)) {
    for (const Parameter& parameter : std::as_const(*network_).parameters()) {
        variables_.push_back(parameter.variable);
        variables_.back().recovery = Recovery::kReReadable;
    }
}

Program NetworkForecaster::program(std::int64_t capacity) const {
    return window_prediction_program(*network_, capacity);
}

void NetworkForecaster::require_same_series(const SeriesTable& history) const {
    const NetworkShape& shape = network_->shape();
    if (history.series() != shape.series || static_cast<std::int64_t>(history.covariates.size()) != shape.covariates)
        throw InternalError("history has other series or covariates than the network");
}

WindowData NetworkForecaster::data_of(const SeriesTable& history, std::int64_t first, std::int64_t ahead,
                                      std::span<const Covariate> future) const {
    return WindowData(history, context_.scaling, network_->shape().cycles, context_.covariates, first, ahead, future);
}

NetworkForecaster::Estimate NetworkForecaster::estimate(const float* row, std::int64_t step, const Request& request,
                                                        double level) const {
    const NetworkShape& shape = network_->shape();
    const auto output = [&](std::int64_t i) { return row[i * shape.horizon + step]; };
    const std::size_t size = static_cast<std::size_t>(shape.horizon * kConformalGrid);
    const auto score = [&](std::size_t kind) {
        return conformal_score(std::span(context_.quantiles).subspan(kind * size, size), request.lead + step, level);
    };
    const float mean = output(central_);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        if (std::abs(pairs_[i].coverage - level) > 1e-6) continue;
        const auto [low, high] = std::minmax(output(pairs_[i].lower), output(pairs_[i].upper));
        const float widening = score(1 + i);
        // Outputs that hold more than they should are narrowed, but by no more than half on each side.
        const float below = std::max(mean - low, 0.0F);
        const float above = std::max(high - mean, 0.0F);
        return {mean, mean - std::max(below + widening, below / 2), mean + std::max(above + widening, above / 2)};
    }
    const float width = score(0);
    return {mean, mean - width, mean + width};
}

template <typename Take>
void NetworkForecaster::run(std::span<const Request> requests, WindowData& data, double level, ForwardRunner& runner,
                            const Take& take) const {
    const NetworkShape& shape = network_->shape();
    const WindowWriter writer(*network_, data);
    const SeriesScaling& scaling = context_.scaling;
    const auto rows_from = [&](std::int64_t begin, std::int64_t count) {
        return requests.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    };
    runner.run(
        static_cast<std::int64_t>(requests.size()),
        [&](std::int64_t begin, std::int64_t count, std::span<const TensorView> inputs) {
            std::int64_t row = 0;
            for (const Request& request : rows_from(begin, count))
                writer.write(request.series, request.origin, 0, inputs, row++);
        },
        [&](std::int64_t begin, std::int64_t count, std::span<const TensorView> outputs) {
            const float* row = outputs[0].as<float>();
            for (const Request& request : rows_from(begin, count)) {
                for (std::int64_t step = 0; step < request.steps; ++step) {
                    const Estimate scaled = estimate(row, step, request, level);
                    data.estimate(request.series, request.origin + step, scaled.mean);
                    take(request, step,
                         Estimate{scaling.in_units(request.series, scaled.mean),
                                  scaling.in_units(request.series, scaled.lower),
                                  scaling.in_units(request.series, scaled.upper)});
                }
                row += shape.outputs() * shape.horizon;
            }
        });
}

Forecast NetworkForecaster::forecast(const SeriesTable& history, std::span<const Covariate> future,
                                     std::int64_t horizon, double level, ForwardRunner& runner,
                                     const std::atomic<bool>* stop) const {
    require_same_series(history);
    const NetworkShape& shape = network_->shape();
    std::int64_t first = std::max<std::int64_t>(history.steps - shape.look_back, 0);
    std::vector<std::int64_t> series;  // with a value anywhere
    bool all_seen = true;              // within the look-back
    for (std::int64_t one = 0; one < shape.series; ++one) {
        const bool seen = has_value(history, one, first);
        if (seen || has_value(history, one, 0)) series.push_back(one);
        all_seen = all_seen && (seen || series.empty() || series.back() != one);
    }
    // A series whose last value lies before the look-back is continued from that value.
    if (!all_seen) first = 0;
    WindowData data = data_of(history, first, horizon, future);

    Forecast result;
    result.horizon = horizon;
    const auto cells = static_cast<std::size_t>(horizon * shape.series);
    for (std::vector<float>* values : {&result.mean, &result.lower, &result.upper})
        values->assign(cells, kNone);
    for (std::int64_t lead = 0; lead < horizon; lead += shape.horizon) {
        throw_if_stopped(stop);
        std::vector<Request> requests;
        for (const std::int64_t one : series)
            requests.push_back({one, history.steps - first + lead, std::min(shape.horizon, horizon - lead), lead});
        run(requests, data, level, runner, [&](const Request& request, std::int64_t step, const Estimate& estimate) {
            const auto cell = static_cast<std::size_t>((lead + step) * shape.series + request.series);
            result.mean[cell] = estimate.mean;
            result.lower[cell] = estimate.lower;
            result.upper[cell] = estimate.upper;
        });
    }
    return result;
}

// Round by round, each series as far as its next gap, so that a batch has one window of each series.
Imputation NetworkForecaster::impute(const SeriesTable& history, double level, ForwardRunner& runner,
                                     const std::atomic<bool>* stop) const {
    require_same_series(history);
    const NetworkShape& shape = network_->shape();
    WindowData data = data_of(history, 0, 0, {});
    std::vector<std::int64_t> next(static_cast<std::size_t>(shape.series));
    std::vector<std::int64_t> end(next.size());
    for (std::int64_t one = 0; one < shape.series; ++one) {
        const auto at = static_cast<std::size_t>(one);
        std::int64_t step = 0;
        while (step < history.steps && !data.present(one, step))
            ++step;
        next[at] = step;
        for (end[at] = history.steps; end[at] > step && !data.present(one, end[at] - 1);)
            --end[at];
    }
    Imputation result;
    std::vector<std::int64_t> gap_start(next.size());
    std::vector<Request> requests;
    do {
        throw_if_stopped(stop);
        requests.clear();
        for (std::int64_t one = 0; one < shape.series; ++one) {
            const auto at = static_cast<std::size_t>(one);
            std::int64_t step = next[at];
            while (step < end[at] && data.present(one, step))
                ++step;
            if (step >= end[at]) continue;
            if (step != next[at]) gap_start[at] = step;  // else the gap before goes on
            std::int64_t gap_end = step;
            while (!data.present(one, gap_end) && gap_end - step < shape.horizon)
                ++gap_end;
            requests.push_back({one, step, gap_end - step, step - gap_start[at]});
            next[at] = gap_end;
        }
        run(requests, data, level, runner, [&](const Request& request, std::int64_t step, const Estimate& estimate) {
            result.cells.push_back(
                {request.origin + step, request.series, estimate.mean, estimate.lower, estimate.upper});
        });
    } while (!requests.empty());
    std::ranges::sort(result.cells, {}, [](const Imputation::Cell& cell) { return std::pair(cell.step, cell.series); });
    return result;
}

}  // namespace tensile
