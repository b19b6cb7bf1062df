// Judges the final weights of a NET3 training on the validation part: first by one step, from every window, then by the
// whole horizon from some of them, which the network continues with its own forecasts, as it does when it serves. The
// measures of the latter are those that other methods report (forecast_metrics.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/forecast/forecast_metrics.h"
#include "models/forecast/window_network.h"
#include "models/net3/net3_forecaster.h"
#include "models/net3/net3_rollout.h"
#include "models/net3/net3_table.h"
#include "models/series/series_method.h"

namespace tensile {

class Net3Judge final : public WindowJudge {
  public:
    // `history` is what `table` was made from; its first `training_steps` are learned from. All but the settings
    // outlive the judge.
    Net3Judge(const SeriesTable& history, const Net3Table& table, const Net3Samples& samples, const Net3Model& model,
              std::int64_t training_steps, const SeriesSettings& settings);

    void begin() override;
    void take(std::span<const std::uint32_t> samples, const TensorView& prediction) override;
    std::span<const std::uint32_t> further_samples() override;
    void write_further(std::int64_t sample, std::span<const TensorView> inputs,
                       std::int64_t row) const noexcept override;

    // rmse, mae, mase, smape over the horizon; one_step_rmse and one_step_mae in units of the values,
    // standardized_rmse, of one step too, in deviations of each series.
    std::vector<TaskMetric> metrics(const std::string& task) const;
    std::uint64_t bytes() const { return followed_.size() * sizeof(std::uint32_t) + rollout_bytes_; }

  private:
    void take_one_step(std::int64_t origin, const float* forecast);
    void score_rollout();

    const SeriesTable& history_;
    const Net3Table& table_;
    const Net3Samples& samples_;
    const Net3Model& model_;
    std::int64_t training_steps_;
    std::int64_t season_;
    std::int64_t horizon_;                 // no further than the table goes
    std::vector<std::uint32_t> followed_;  // samples that are followed over the horizon, ascending
    std::uint64_t rollout_bytes_ = 0;

    std::optional<Net3Rollout> rollout_;  // between begin() and the last look
    std::int64_t ahead_ = 0;              // the step that is being looked at
    std::size_t next_ = 0;                // of the followed
    ForecastScore score_;
    double squares_ = 0;
    double absolutes_ = 0;
    double standardised_ = 0;
    double count_ = 0;
};

}  // namespace tensile
