// What the linear methods store of their series' baselines: profiles and effects of one series after the other, and the
// cycle that they share. Knows no method.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/forecast/series_baseline.h"
#include "models/forecast/weight_bytes.h"

namespace tensile {

class BaselineStore {
  public:
    explicit BaselineStore(std::int64_t covariates = 0) : covariates_(covariates) {}

    std::int64_t covariates() const { return covariates_; }
    void append(const SeriesBaseline& baseline);
    // Of a series whose profile has `period` numbers, from `begin` on.
    SeriesBaseline at(std::size_t series, std::size_t begin, std::size_t period) const;
    // Where every series has a profile of this cycle.
    SeriesBaseline at(std::int64_t series, const Cycle& cycle) const;

    // The number of covariates goes into the manifest, the rest among the weights.
    void save(nlohmann::ordered_json& manifest, WeightWriter& weights) const;
    static BaselineStore load(const nlohmann::ordered_json& manifest, WeightReader& weights);
    std::uint64_t bytes() const { return (profiles_.size() + effects_.size()) * sizeof(float); }

  private:
    std::int64_t covariates_;
    std::vector<float> profiles_;
    std::vector<float> effects_;  // [series, 2 * covariates]
};

void save_cycle(const Cycle& cycle, nlohmann::ordered_json& manifest);
Cycle load_cycle(const nlohmann::ordered_json& manifest);

// Cycles worth trying when `steps` are learned from: none, the season, and the longer one; of the latter two those that
// were seen twice.
std::vector<Cycle> cycles_to_try(std::int64_t season, std::int64_t long_season, std::int64_t steps);

}  // namespace tensile
