// See series_family.h.
#include "models/series/series_family.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/series/series_options.h"
#include "models/series/series_training.h"

namespace tensile {

SeriesFamily::SeriesFamily(const SeriesMethod& method) : method_(method) {
    std::ranges::copy(series_option_declarations(), std::back_inserter(options_));
    std::ranges::copy(method.options(), std::back_inserter(options_));
}

std::unique_ptr<Training> SeriesFamily::train(const TrainingRequest& request) const {
    return std::make_unique<SeriesTraining>(method_, options_, request);
}

std::unique_ptr<Predictor> SeriesFamily::load(std::string_view manifest) const {
    return std::make_unique<SeriesPredictor>(method_, manifest);
}

std::unique_ptr<Training> SeriesFamily::refresh(const TrainingRequest& request, std::shared_ptr<const Predictor> base,
                                                std::vector<std::byte> weights) const {
    auto training = std::make_unique<SeriesTraining>(method_, options_, request);
    training->go_on_from(std::move(base), std::move(weights));
    return training;
}

std::unique_ptr<Training> SeriesFamily::refit(const SeriesPredictor& model, SeriesData data,
                                              const SeriesMethod::Previous* previous,
                                              const std::atomic<bool>* stop) const {
    // What this version no longer declares is left out.
    auto kept = nlohmann::ordered_json::object();
    for (const auto& [name, value] : model.options().items())
        if (std::ranges::find(options_, name, &OptionDeclaration::name) != options_.end()) kept[name] = value;
    return std::make_unique<SeriesTraining>(method_, Options::parse(method_.name(), options_, kept.dump()),
                                            model.columns(), std::move(data), previous, stop);
}

std::unique_ptr<Training> SeriesFamily::refit(const SeriesPredictor& model, SeriesTable table,
                                              const SeriesMethod::Previous* previous,
                                              const std::atomic<bool>* stop) const {
    SeriesData data;
    data.table = std::move(table);
    data.season = model.data().season;
    for (const Covariate& covariate : data.table.covariates)
        data.future.push_back({covariate.name, {}});
    data.report.series = summarize(data.table, {}, data.season, stop);
    return refit(model, std::move(data), previous, stop);
}

}  // namespace tensile
