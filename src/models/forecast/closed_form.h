// A forecasting method without training steps: fitted by solving equations, judged on a span that it was not fitted to.
// What all closed forms have in common, so that choosing, calibrating intervals, storing and delegating is written once
// (closed_form_method.h, auto_forecast).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/forecast/series_panel.h"
#include "models/forecast/weight_bytes.h"
#include "models/series/series_method.h"

namespace tensile {

// What a model derives once for all series of a panel: forecasts that are made jointly, say.
class PanelState {
  public:
    virtual ~PanelState() = default;
};

// A fitted closed form. Immutable; thread-safe.
class ClosedFormModel {
  public:
    virtual ~ClosedFormModel() = default;

    // What forecasts from these origins, which ascend up to at most panel.steps, share.
    virtual std::unique_ptr<PanelState> prepare(const SeriesPanel&, std::span<const std::int64_t> /*origins*/,
                                                std::int64_t /*horizon*/, const std::atomic<bool>*) const {
        return nullptr;
    }
    // The `horizon` steps from each origin on, of one series: [origins, horizon]. What is forecast from an origin
    // depends on values before it alone. NaN where the series has no value before it.
    virtual void forecast(const SeriesPanel& panel, const PanelState* state, std::int64_t series,
                          std::span<const std::int64_t> origins, std::int64_t horizon, std::span<float> out) const = 0;
    // The same hyper-parameters with coefficients from the first `steps` of the panel.
    virtual std::unique_ptr<ClosedFormModel> refit(const SeriesPanel& panel, std::int64_t steps,
                                                   const std::atomic<bool>* stop) const = 0;
    // Series that the method could not learn from and forecasts by a simpler one.
    virtual std::int64_t fallbacks() const { return 0; }
    // Steps back that a forecast looks, or steps of the cycle that it learned, whichever is more.
    virtual std::int64_t reach() const { return 1; }
    // What residuals of the validation span must be multiplied by, because hyper-parameters were chosen there; at
    // least 1.
    virtual double optimism() const { return 1; }
    // Scores of what was chosen from (auto_forecast).
    virtual std::vector<TaskMetric> candidates() const { return {}; }
    virtual void save(nlohmann::ordered_json& manifest, WeightWriter& weights) const = 0;
    virtual std::uint64_t bytes() const = 0;
};

// Where a fit may learn, and where its hyper-parameters are judged: by forecasts from `origins`, `horizon` steps each.
struct ValidationPlan {
    std::int64_t fit_steps = 0;  // [0, fit_steps) is learned from
    std::int64_t steps = 0;      // [fit_steps, steps) is the validation span
    std::int64_t horizon = 0;    // at most steps - fit_steps
    std::vector<std::int64_t> origins;
};

class ClosedForm {
  public:
    virtual ~ClosedForm() = default;
    virtual std::string_view name() const = 0;
    virtual std::string_view help() const = 0;
    virtual std::span<const OptionDeclaration> options() const = 0;
    // Fits to the steps before validation with the hyper-parameters that forecast the validation span best. Throws
    // Error 22023 for data that the method cannot learn from at all; single series that it cannot learn from fall back.
    virtual std::unique_ptr<ClosedFormModel> fit(const SeriesPanel& panel, const ValidationPlan& plan,
                                                 const SeriesSettings& settings, const Options& options) const = 0;
    // Whether the method can be asked for forecasts of so many series; fit() throws when it cannot.
    virtual bool applies_to(const SeriesPanel&) const { return true; }
    virtual std::unique_ptr<ClosedFormModel> load(const nlohmann::ordered_json& manifest,
                                                  WeightReader& weights) const = 0;
};

}  // namespace tensile
