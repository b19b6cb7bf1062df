// Forecasts of several steps by a network that gives one: windows of several origins side by side, each continued with
// the network's own forecasts. Knows neither tables of series nor intervals.
#pragma once

#include <cstdint>
#include <vector>

#include "models/net3/net3_architecture.h"
#include "models/net3/net3_table.h"
#include "models/series/series_method.h"

namespace tensile {

class Net3Rollout {
  public:
    // `horizon`: most steps ahead of any origin.
    Net3Rollout(const Net3Architecture& architecture, std::int64_t horizon);

    // Adds an origin: forecasts begin at step `origin` of `table`, of whose steps before it the last ones are the
    // window (what the table does not have is a gap). Covariates of the steps from `origin` on are taken from the table
    // as far as it goes, then from `future` ([steps, series, covariates], standardised), and are 0 behind that.
    void add(const Net3Table& table, std::int64_t origin, std::span<const float> future = {});
    std::int64_t origins() const { return origins_; }

    // Writes the window before step `ahead` (from 0) of an origin, whose steps before it are known by now, into a row
    // of the network's inputs. `fills_gaps`: whether presence is one of them.
    void write(std::int64_t origin, std::int64_t ahead, bool fills_gaps, std::span<const TensorView> inputs,
               std::int64_t row) const noexcept;
    // Takes the network's forecast of that step: [series].
    void take(std::int64_t origin, std::int64_t ahead, const float* forecast);
    // Both, for the origins [first, last), by a network that fills gaps.
    void step(std::int64_t ahead, std::int64_t first, std::int64_t last, ForwardRunner& runner);
    // [series], standardised.
    const float* forecast(std::int64_t origin, std::int64_t ahead) const {
        return values_.data() + (origin * length() + window_ + ahead) * series_;
    }
    // Bytes that one origin takes.
    static std::int64_t bytes_of_origin(const Net3Architecture& architecture, std::int64_t horizon);

  private:
    std::int64_t length() const { return window_ + horizon_; }

    std::int64_t window_;
    std::int64_t horizon_;
    std::int64_t series_;
    std::int64_t covariate_width_;
    std::int64_t origins_ = 0;
    std::vector<float> values_;      // [origins, window + horizon, series]
    std::vector<float> present_;     // the same
    std::vector<float> covariates_;  // [origins, window + horizon, series covariates]; of one step later
};

}  // namespace tensile
