// A stored network made ready to forecast: windows of the history go through its forward program, longer horizons are
// reached by feeding forecasts back, and intervals come from the errors on the validation span.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/forecast/conformal_intervals.h"
#include "models/forecast/series_scaling.h"
#include "models/series/series_method.h"
#include "models/window_networks/series_network.h"

namespace tensile {

// What a network needs besides its weights; the host weights of a model.
struct NetworkContext {
    SeriesScaling scaling;
    std::vector<SeriesScaling> covariates;  // one scale for all series each
    ConformalIntervals intervals;           // of ForecastJudge

    std::vector<std::byte> to_bytes() const;
    // Throws Error XX001 when the bytes do not belong to a network of that shape.
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
    // By the estimates that serve every method (models/forecast/imputation.h): a network that sees only what lies
    // before a gap has nothing to add to them.
    Imputation impute(const SeriesTable& history, double level, ForwardRunner& runner,
                      const std::atomic<bool>* stop) const override;

    const SeriesNetwork& network() const { return *network_; }
    const NetworkContext& context() const { return context_; }

  private:
    std::unique_ptr<SeriesNetwork> network_;
    NetworkContext context_;
    std::vector<Variable> variables_;
};

}  // namespace tensile
