// Fitting of a window network to a table of series: what its samples are, its training, and what is stored of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/forecast/window_training.h"
#include "models/series/series_method.h"
#include "models/window_networks/forecast_judge.h"
#include "models/window_networks/network_forecaster.h"
#include "models/window_networks/window_writer.h"

namespace tensile {

// The first part of the history, which is learned from; at least one step.
std::int64_t steps_to_fit(const SeriesTable& table, const SeriesSettings& settings);
// Whether a cell of the table has no value.
bool has_gaps(const SeriesTable& table);

class NetworkFit final : public SeriesFit {
  public:
    // `architecture`: the method's options that the network was built from. With `previous` the network has the same
    // shape and scaling, and training begins at those weights.
    NetworkFit(std::string method, nlohmann::ordered_json architecture, const SeriesTable& table,
               const SeriesSettings& settings, const WindowTrainingSettings& training,
               std::unique_ptr<SeriesNetwork> network, const SeriesMethod::Previous* previous);

    Job& job() override { return training_->job(); }
    TrainingProgress progress() const override { return training_->progress(); }
    std::vector<LogLine> take_log() override { return training_->take_log(); }
    bool stopped_early() const override { return training_->stopped_early(); }
    nlohmann::ordered_json manifest() const override;
    std::vector<std::byte> host_weights() const override;
    std::vector<TaskMetric> metrics() const override { return judge_->metrics(method_); }
    std::uint64_t bytes() const override;

  private:
    std::string method_;
    nlohmann::ordered_json architecture_;
    std::unique_ptr<SeriesNetwork> network_;
    NetworkContext context_;
    std::optional<WindowData> data_;
    std::optional<SeriesSamples> samples_;
    std::optional<ForecastJudge> judge_;
    std::optional<WindowTraining> training_;
};

}  // namespace tensile
