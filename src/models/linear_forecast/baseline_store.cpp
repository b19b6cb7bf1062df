// See baseline_store.h.
#include "models/linear_forecast/baseline_store.h"

#include <span>

#include <nlohmann/json.hpp>

namespace tensile {

void BaselineStore::append(const SeriesBaseline& baseline) {
    profiles_.insert(profiles_.end(), baseline.profile().begin(), baseline.profile().end());
    const std::size_t before = effects_.size();
    effects_.insert(effects_.end(), baseline.effects().begin(), baseline.effects().end());
    effects_.resize(before + static_cast<std::size_t>(2 * covariates_));
}

SeriesBaseline BaselineStore::at(std::size_t series, std::size_t begin, std::size_t period) const {
    const auto width = static_cast<std::size_t>(2 * covariates_);
    return {std::span(profiles_).subspan(begin, period), std::span(effects_).subspan(series * width, width)};
}

SeriesBaseline BaselineStore::at(std::int64_t series, const Cycle& cycle) const {
    const auto period = static_cast<std::size_t>(cycle.period);
    return at(static_cast<std::size_t>(series), static_cast<std::size_t>(series) * period, period);
}

void BaselineStore::save(nlohmann::ordered_json& manifest, WeightWriter& weights) const {
    manifest["covariates"] = covariates_;
    weights.write(profiles_);
    weights.write(effects_);
}

BaselineStore BaselineStore::load(const nlohmann::ordered_json& manifest, WeightReader& weights) {
    BaselineStore store(manifest.at("covariates").get<std::int64_t>());
    store.profiles_ = weights.read<float>();
    store.effects_ = weights.read<float>();
    return store;
}

void save_cycle(const Cycle& cycle, nlohmann::ordered_json& manifest) {
    manifest["period"] = cycle.period;
    manifest["inner"] = cycle.inner;
}

Cycle load_cycle(const nlohmann::ordered_json& manifest) {
    return {manifest.at("period").get<std::int64_t>(), manifest.at("inner").get<std::int64_t>()};
}

std::vector<Cycle> cycles_to_try(std::int64_t season, std::int64_t long_season, std::int64_t steps) {
    std::vector<Cycle> cycles = {{}};
    if (season > 1 && 2 * season <= steps) cycles.push_back({season, 0});
    if (long_season > season && 2 * long_season <= steps) cycles.push_back({long_season, season > 1 ? season : 0});
    return cycles;
}

}  // namespace tensile
