// Rolling-origin evaluation (Tashman, International Journal of Forecasting 16, 2000): the last folds x horizon steps of
// a model's series are forecast fold by fold, each from its origin and by a model that was fitted anew to what lies
// before it, and scored beside naive rivals. Trains in the tensor pool like any training.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/resources.h"
#include "engine/session_status.h"
#include "memory/pool_share.h"
#include "models/series/series_predictor.h"

namespace tensile {

// As models/forecast/forecast_metrics.h names them.
inline constexpr std::array<std::string_view, 6> kBacktestMetrics = {"rmse",  "mae",  "mase",
                                                                     "smape", "crps", "coverage"};

struct BacktestRow {
    std::int64_t series = -1;  // -1: all
    std::string method;
    std::int64_t points = 0;                             // that were forecast and observed
    std::array<double, kBacktestMetrics.size()> values;  // NaN: not defined
};

struct BacktestLimits {
    std::int32_t queue_timeout_ms;
    PoolShare share;
};

class Backtest {
  public:
    // `model` outlives the backtest.
    Backtest(const Resources& resources, SessionStatus& status, const SeriesPredictor& model, BacktestLimits limits);

    // Rows of the model's method and of the rivals: first over all series, then series by series. Throws Error 22023
    // when the series are too short, and whatever a fit throws.
    std::vector<BacktestRow> run(std::int32_t folds, std::int64_t horizon, double level);

  private:
    // Fits the model's method to the first steps of its table and forecasts.
    Forecast refitted(SeriesTable known, std::int64_t horizon, double level);

    const Resources& resources_;
    SessionStatus& status_;
    const SeriesPredictor& model_;
    BacktestLimits limits_;
};

}  // namespace tensile
