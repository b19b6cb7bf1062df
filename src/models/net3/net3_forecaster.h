// A fitted NET3 network: forecasts of any horizon by feeding forecasts back, estimates of missing cells, and intervals
// that are calibrated on the part of the stored table that was not learned from.
#pragma once

#include <memory>

#include <nlohmann/json_fwd.hpp>

#include "models/forecast/conformal_intervals.h"
#include "models/net3/net3_network.h"
#include "models/net3/net3_rollout.h"
#include "models/net3/net3_table.h"
#include "models/series/series_method.h"

namespace tensile {

// What a stored network consists of beside its weights.
struct Net3Model {
    Net3Architecture architecture;
    Net3Scaling scaling;
    // From this step on forecasts of the table calibrate intervals: what was held back, or else what was learned from
    // last.
    std::int64_t calibration_begin = 0;

    nlohmann::ordered_json to_json() const;
    std::vector<std::byte> to_bytes() const;
    // Throws Error XX001 for what the two do not give.
    static Net3Model from(const nlohmann::ordered_json& manifest, std::span<const std::byte> bytes);
};

class Net3Forecaster final : public SeriesForecaster {
  public:
    // `table`: what the model was fitted to; its end is copied.
    Net3Forecaster(Net3Model model, const SeriesTable& table);

    const Net3Model& model() const { return model_; }
    std::span<const Variable> variables() const override { return variables_; }
    Program program(std::int64_t capacity) const override;
    Forecast forecast(const SeriesTable& history, std::span<const Covariate> future, std::int64_t horizon, double level,
                      ForwardRunner& runner, const std::atomic<bool>* stop) const override;
    // A forecast from the steps before, corrected by what comes after: the forecast's error at the first observed value
    // behind a gap is spread over the gap, growing in proportion to the distance from its begin.
    Imputation impute(const SeriesTable& history, double level, ForwardRunner& runner,
                      const std::atomic<bool>* stop) const override;

  private:
    // Adds the origins that calibrate forecasts of `horizon` steps to `rollout`.
    std::vector<std::int64_t> add_calibration(Net3Rollout& rollout, std::int64_t horizon) const;
    ConformalIntervals intervals(const Net3Rollout& rollout, std::span<const std::int64_t> origins,
                                 std::int64_t first_row, std::int64_t horizon) const;

    Net3Model model_;
    Net3Network network_;
    std::vector<Variable> variables_;
    Net3Table calibration_;  // the table's end: a window, then the steps that were not learned from
};

}  // namespace tensile
