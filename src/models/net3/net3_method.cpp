// See net3_method.h.
#include "models/net3/net3_method.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "models/forecast/window_training.h"
#include "models/net3/net3_forecaster.h"
#include "models/net3/net3_judge.h"
#include "models/net3/net3_options.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void reject_short(std::int64_t steps, std::int64_t window) {
    throw Error(sqlstate::kInvalidParameterValue, "series are too short for method net3",
                "There are " + std::to_string(steps) + " steps to learn from, and a forecast looks at " +
                    std::to_string(window) + " before its own.",
                "Lower \"window\" or \"validation\", or give longer series.");
}

void require_any_value(const SeriesTable& table) {
    for (const float value : table.values)
        if (!std::isnan(value)) return;
    throw Error(sqlstate::kInvalidParameterValue, "series have no values to learn from",
                "All " + std::to_string(table.steps * table.series()) + " cells are missing.");
}

// What a training goes on from.
const Net3Model& stored_model(const SeriesForecaster& forecaster, const SeriesTable& table) {
    const auto* stored = dynamic_cast<const Net3Forecaster*>(&forecaster);
    if (stored == nullptr || stored->model().architecture.series() != table.series())
        throw InternalError("a training of method net3 cannot go on from this model");
    return stored->model();
}

class Net3Fit final : public SeriesFit {
  public:
    Net3Fit(const SeriesTable& table, const SeriesSettings& settings, const Options& options,
            const SeriesMethod::Previous* previous) {
        require_any_value(table);
        const Net3Model* stored = previous == nullptr ? nullptr : &stored_model(previous->forecaster, table);
        const std::int64_t window = stored == nullptr ? options.integer("window") : stored->architecture.window;
        const auto held_back =
            static_cast<std::int64_t>(std::floor(settings.validation * static_cast<double>(table.steps)));
        const std::int64_t training_steps = table.steps - held_back;
        if (training_steps <= window) reject_short(training_steps, window);

        std::vector<float> skip;
        if (stored != nullptr) {
            model_ = *stored;
            table_ = Net3Table(table, model_.scaling);
            model_.architecture.fills_gaps = table_.has_gaps;
        } else {
            model_.scaling = Net3Scaling::fit(table, training_steps);
            table_ = Net3Table(table, model_.scaling);
            model_.architecture =
                net3_architecture(options, table, table_, training_steps, training_steps - window, settings.stop);
            if (model_.architecture.skip == Net3Skip::kAutoregression)
                skip = fit_autoregression(table_, training_steps, window, settings.stop);
        }
        model_.calibration_begin =
            held_back > 0 ? training_steps : table.steps - std::max<std::int64_t>(table.steps / 5, 1);
        network_ = std::make_unique<Net3Network>(model_.architecture, settings.seed, std::move(skip));
        if (previous != nullptr) start_from(network_->parameters(), previous->weights);
        samples_ = std::make_unique<Net3Samples>(table_, model_.architecture, training_steps);
        if (samples_->training_count() == 0) reject_short(training_steps, window);
        judge_ = std::make_unique<Net3Judge>(table, table_, *samples_, model_, training_steps, settings);
        training_ = std::make_unique<WindowTraining>(
            *network_, *samples_, window_training_settings(options, settings.seed), judge_.get(), settings.stop);
    }

    Job& job() override { return training_->job(); }
    TrainingProgress progress() const override { return training_->progress(); }
    std::vector<LogLine> take_log() override { return training_->take_log(); }
    bool stopped_early() const override { return training_->stopped_early(); }
    Json manifest() const override { return model_.to_json(); }
    std::vector<std::byte> host_weights() const override { return model_.to_bytes(); }
    std::vector<TaskMetric> metrics() const override { return judge_->metrics("net3"); }
    std::uint64_t bytes() const override { return table_.bytes() + judge_->bytes(); }

  private:
    Net3Model model_;
    Net3Table table_;
    std::unique_ptr<Net3Network> network_;
    std::unique_ptr<Net3Samples> samples_;
    std::unique_ptr<Net3Judge> judge_;
    std::unique_ptr<WindowTraining> training_;
};

class Net3Method final : public SeriesMethod {
  public:
    std::string_view name() const override { return "net3"; }
    std::string_view help() const override {
        return "Network of tensor time series: graph convolution over every mode, Tucker compression, tensor LSTM.";
    }
    std::span<const OptionDeclaration> options() const override { return net3_option_declarations(); }
    bool needs_dense_table(const Options&) const override { return true; }
    std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const Options& options,
                                   const Previous* previous) const override {
        return std::make_unique<Net3Fit>(table, settings, options, previous);
    }
    std::unique_ptr<SeriesForecaster> load(const Json& manifest, std::span<const std::byte> host_weights,
                                           const SeriesTable& table) const override {
        return std::make_unique<Net3Forecaster>(Net3Model::from(manifest, host_weights), table);
    }
};

}  // namespace

const SeriesMethod& net3_method() {
    static const Net3Method method;
    return method;
}

}  // namespace tensile
