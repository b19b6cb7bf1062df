// A dense table of series as NET3's network sees it: every series standardised by its training part, zeros at gaps, and
// beside the values which of them are there. Also what is fitted to it before any training: an autoregression of each
// series and graphs from correlations. Knows neither programs nor the course of a training.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "models/forecast/window_network.h"
#include "models/net3/net3_architecture.h"
#include "models/series/series_table.h"

namespace tensile {

// Mean and deviation of what was observed in the training part; 0 and 1 for a series without values, deviation 1 for
// one that is constant.
struct Net3Scaling {
    std::vector<float> mean;                 // [series]
    std::vector<float> deviation;            // [series]
    std::vector<float> covariate_mean;       // [covariates], over all series
    std::vector<float> covariate_deviation;  // [covariates]

    static Net3Scaling fit(const SeriesTable& table, std::int64_t training_steps);
};

struct Net3Table {
    std::int64_t steps = 0;
    std::int64_t series = 0;
    std::int64_t covariate_count = 0;
    std::vector<float> values;      // [steps, series], 0 where missing
    std::vector<float> present;     // [steps, series], 1 or 0
    std::vector<float> covariates;  // [steps, series, covariates], 0 where not known
    bool has_gaps = false;

    Net3Table() = default;
    // From step `first` on.
    Net3Table(const SeriesTable& table, const Net3Scaling& scaling, std::int64_t first = 0);

    std::int64_t present_in(std::int64_t step) const;
    std::uint64_t bytes() const;
};

// Windows of a table: sample i forecasts step origins[i] from the `window` steps before it.
class Net3Samples final : public WindowSamples {
  public:
    // `table` outlives the samples. Origins below `validation_begin` are for training.
    Net3Samples(const Net3Table& table, const Net3Architecture& architecture, std::int64_t validation_begin);

    std::int64_t training_count() const override { return training_count_; }
    std::int64_t validation_count() const override {
        return static_cast<std::int64_t>(origins_.size()) - training_count_;
    }
    std::int64_t origin(std::uint32_t sample) const { return origins_[sample]; }
    void write(std::int64_t sample, std::span<const TensorView> inputs, std::int64_t row) const noexcept override;

  private:
    const Net3Table& table_;
    std::int64_t window_;
    bool fills_gaps_;
    std::vector<std::int64_t> origins_;
    std::int64_t training_count_ = 0;
};

// Ridge regression of each series on its own last `window` values, from the windows without gaps in the training part:
// f[window + 1, series], the oldest step's coefficients first and the constants last. A series with too few such
// windows gets persistence: 1 for the last value. Throws Error 57014 soon after `stop` is set.
std::vector<float> fit_autoregression(const Net3Table& table, std::int64_t training_steps, std::int64_t window,
                                      const std::atomic<bool>* stop);

// D^-1/2 A D^-1/2 of an undirected graph [places, places] in which the weight of a pair is the greater one of its two
// directions. Negative weights count by their size; loops do not count. A place without neighbours has a row of zeros.
std::vector<float> normalised_graph(std::int64_t places, std::span<const ModeGraph::Edge> edges);
// The same for |correlation| between the places of mode `mode` over the training part, of at most some thousand steps.
std::vector<float> correlation_graph(const Net3Table& table, std::span<const std::int64_t> modes, std::size_t mode,
                                     std::int64_t training_steps, const std::atomic<bool>* stop);

}  // namespace tensile
