// A stored network made ready to forecast: windows of the history go through its forward program, longer horizons are
// reached by feeding forecasts back, and intervals come from the errors on the validation span.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/forecast/series_scaling.h"
#include "models/series/series_method.h"
#include "models/window_networks/forecast_judge.h"
#include "models/window_networks/series_network.h"
#include "models/window_networks/window_data.h"

namespace tensile {

// What a network needs besides its weights; the host weights of a model.
struct NetworkContext {
    SeriesScaling scaling;
    std::vector<SeriesScaling> covariates;  // one scale for all series each
    std::vector<float> quantiles;           // of ForecastJudge; NaN without validation

    // Plain f32, in the order above.
    std::vector<std::byte> to_bytes() const;
    // Throws Error XX001 when the bytes are not as many as a network of that shape has.
    static NetworkContext from_bytes(std::span<const std::byte> bytes, const NetworkShape& shape);
    std::uint64_t bytes() const;
};

class NetworkForecaster final : public SeriesForecaster {
  public:
    NetworkForecaster(std::unique_ptr<SeriesNetwork> network, NetworkContext context);

    std::span<const Variable> variables() const override { return variables_; }
    Program program(std::int64_t capacity) const override;
    Forecast forecast(const SeriesTable& history, std::span<const Covariate> future, std::int64_t horizon, double level,
                      ForwardRunner& runner, const std::atomic<bool>* stop) const override;
    // Each gap is forecast from the values before it, estimates of earlier gaps among them.
    Imputation impute(const SeriesTable& history, double level, ForwardRunner& runner,
                      const std::atomic<bool>* stop) const override;

    const SeriesNetwork& network() const { return *network_; }
    const NetworkContext& context() const { return context_; }

  private:
    // A window to forecast from, and how many steps of what comes out are wanted, the first being step `lead` of the
    // whole forecast.
    struct Request {
        std::int64_t series;
        std::int64_t origin;
        std::int64_t steps;
        std::int64_t lead = 0;
    };
    struct Estimate {
        float mean;
        float lower;
        float upper;
    };
    // Runs the windows, feeds the estimates back into `data`, and passes them on in units of the series: take(request,
    // step of it, estimate).
    template <typename Take>
    void run(std::span<const Request> requests, WindowData& data, double level, ForwardRunner& runner,
             const Take& take) const;
    Estimate estimate(const float* row, std::int64_t step, const Request& request, double level) const;
    void require_same_series(const SeriesTable& history) const;
    WindowData data_of(const SeriesTable& history, std::int64_t first, std::int64_t ahead,
                       std::span<const Covariate> future) const;

    std::unique_ptr<SeriesNetwork> network_;
    NetworkContext context_;
    std::int64_t central_;
    std::vector<LevelPair> pairs_;
    std::vector<Variable> variables_;
};

}  // namespace tensile
