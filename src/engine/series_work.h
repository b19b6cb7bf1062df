// Work on the series of a loaded model: forecasts, estimates of missing cells, backtests, and what the series are.
// Takes fresh rows first where the request announces some. Knows methods by their interface only.
#pragma once

#include <memory>
#include <optional>

#include "engine/received_rows.h"
#include "engine/resources.h"
#include "engine/result_block.h"
#include "engine/row_work.h"
#include "engine/session_status.h"
#include "memory/pool_share.h"
#include "models/series/series_predictor.h"
#include "runtime/inference.h"

namespace tensile {

class SeriesWork final : public RowWork {
  public:
    // Throws Error 0A000 when the model is not one of series, 42703 or 42804 for columns that do not suit it.
    SeriesWork(const Resources& resources, SessionStatus& status, SessionPort& port, std::shared_ptr<LoadedModel> model,
               const protocol::SeriesBegin& message);

    void append(const Request& request) override;
    void run() override;

  private:
    // The stored series, with fresh rows where some were sent.
    const SeriesData& data();
    // Each series from behind its own last value: series need not end together.
    void forecast();
    Forecast forecast_from(const SeriesData& known, std::int64_t origin);
    void reply_forecast(const SeriesTable& table, std::span<const std::int64_t> origins, const Forecast& forecast);
    void impute();
    void backtest();
    void describe_series();
    // Appends the columns of keys: of row i those of series[i]; -1 stands for all series, whose keys are NULL.
    void add_keys(ResultBlock& block, const SeriesTable& table, std::span<const std::int64_t> series) const;
    // Sends the description of the model, with the rows of a block if there is one.
    void reply(ResultBlock* block);

    const Resources& resources_;
    SessionStatus& status_;
    SessionPort& port_;
    std::shared_ptr<LoadedModel> model_;
    const SeriesPredictor& predictor_;
    protocol::SeriesTask task_;
    std::int64_t horizon_;
    double level_;
    std::int32_t folds_;
    std::int32_t queue_timeout_ms_;
    PoolShare pool_share_;
    std::vector<ColumnDescription> columns_;
    ReceivedRows rows_;
    HostCharge charge_;  // of fresh rows and results; outlives them
    std::optional<SeriesCollector> fresh_;
    std::optional<SeriesData> extended_;
    ActivityScope activity_;
};

}  // namespace tensile
