// See network_fit.h.
#include "models/window_networks/network_fit.h"

#include <algorithm>
#include <cmath>

#include "models/weight_layout.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

NetworkContext fit_context(const SeriesTable& table, std::int64_t fit_steps) {
    NetworkContext context;
    context.scaling = SeriesScaling::fit(table.values, table.series(), fit_steps);
    for (const Covariate& covariate : table.covariates)
        context.covariates.push_back(SeriesScaling::fit(covariate.values, 1, fit_steps * table.series()));
    return context;
}

std::vector<Variable> variables_of(const SeriesNetwork& network) {
    std::vector<Variable> variables;
    for (const Parameter& parameter : network.parameters())
        variables.push_back(parameter.variable);
    return variables;
}

}  // namespace

std::int64_t steps_to_fit(const SeriesTable& table, const SeriesSettings& settings) {
    const auto held_back = static_cast<std::int64_t>(settings.validation * static_cast<double>(table.steps));
    return std::max<std::int64_t>(table.steps - held_back, 1);
}

bool has_gaps(const SeriesTable& table) {
    return std::ranges::any_of(table.values, [](float value) { return std::isnan(value); });
}

NetworkFit::NetworkFit(std::string method, Json architecture, const SeriesTable& table, const SeriesSettings& settings,
                       const WindowTrainingSettings& training, std::unique_ptr<SeriesNetwork> network,
                       const SeriesMethod::Previous* previous)
    : method_(std::move(method)), architecture_(std::move(architecture)), network_(std::move(network)) {
    const std::int64_t fit_steps = steps_to_fit(table, settings);
    if (previous != nullptr) {
        context_ = dynamic_cast<const NetworkForecaster&>(previous->forecaster).context();
        start_from(network_->parameters(), previous->weights);
    } else {
        context_ = fit_context(table, fit_steps);
    }
    data_.emplace(table, context_.scaling, network_->shape().cycles, context_.covariates, 0, 0,
                  std::span<const Covariate>());
    samples_.emplace(*network_, *data_, fit_steps, training.epoch_samples);
    judge_.emplace(network_->shape(), *samples_, table, context_.scaling, fit_steps);
    training_.emplace(*network_, *samples_, training, &*judge_, settings.stop);
}

Json NetworkFit::manifest() const {
    return {{"network", network_->shape().to_json()},
            {"architecture", architecture_},
            {"weights", weights_to_json(variables_of(*network_))},
            {"training",
             {{"samples", samples_->training_count()},
              {"validation_samples", samples_->validation_count()},
              {"epochs", training_->epochs_run()},
              {"best_epoch", training_->best_epoch()},
              {"validation_loss", training_->validation_loss()},
              {"stopped_early", training_->stopped_early()}}}};
}

std::vector<std::byte> NetworkFit::host_weights() const {
    NetworkContext context = context_;
    context.intervals = judge_->intervals();
    return context.to_bytes();
}

std::uint64_t NetworkFit::bytes() const {
    // Beside data and windows: the numbers of the samples, and the order of those of an epoch.
    const auto samples = static_cast<std::uint64_t>(samples_->training_count() + samples_->validation_count());
    return context_.bytes() + data_->bytes() + samples_->bytes() + 2 * samples * sizeof(std::uint32_t);
}

}  // namespace tensile
