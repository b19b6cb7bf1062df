// See series_work.h.
#include "engine/series_work.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/backtest.h"
#include "engine/batch_predictor.h"
#include "engine/forward_runner.h"
#include "engine/model_messages.h"
#include "engine/served_model.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Beyond this nobody reads a forecast; the limit keeps times and counts far from overflow.
constexpr std::int64_t kFurthestHorizon = 1'000'000;
// Of one row of a result while it is being made: three floats, its columns, and the block.
constexpr std::uint64_t kBytesPerRow = 112;
// A series that ended earlier than this is forecast from where the others end.
constexpr std::int64_t kLeastPast = 32;

const SeriesPredictor& series_of(const LoadedModel& model) {
    const SeriesPredictor* series = predictor_of(model).as_series();
    if (series == nullptr)
        throw Error(sqlstate::kFeatureNotSupported, "model does not forecast time series",
                    "It predicts rows of a table.", "Use tensile.predict() or tensile.predict_query().");
    return *series;
}

// Covariates of the `horizon` steps from `begin` on, NaN where they are not known.
std::vector<Covariate> covariates_from(const SeriesData& data, std::int64_t begin, std::int64_t horizon) {
    const std::int64_t series = data.table.series();
    std::vector<Covariate> wanted;
    for (std::size_t i = 0; i < data.table.covariates.size(); ++i) {
        Covariate& covariate = wanted.emplace_back();
        covariate.name = data.table.covariates[i].name;
        covariate.values.assign(static_cast<std::size_t>(horizon * series), std::numeric_limits<float>::quiet_NaN());
        const std::vector<float>& past = data.table.covariates[i].values;
        const std::int64_t from_past = std::min(horizon, data.table.steps - begin);
        auto out = std::copy_n(past.begin() + begin * series, from_past * series, covariate.values.begin());
        if (i >= data.future.size()) continue;
        const std::vector<float>& future = data.future[i].values;
        const std::int64_t from_future =
            std::min((horizon - from_past) * series, static_cast<std::int64_t>(future.size()));
        std::copy_n(future.begin(), from_future, out);
    }
    return wanted;
}

// Where the forecast of each series begins: behind its own last value, as long as that leaves a past to go by; -1 for
// series without values.
std::vector<std::int64_t> origins_of(const SeriesData& data) {
    const std::int64_t steps = data.table.steps;
    const std::int64_t least_past = std::min(steps, std::max(kLeastPast, 2 * data.season));
    std::vector<std::int64_t> origins;
    for (const SeriesSummary& summary : data.report.series)
        origins.push_back(summary.observed == 0 ? -1 : summary.last + 1 < least_past ? steps : summary.last + 1);
    return origins;
}

}  // namespace

SeriesWork::SeriesWork(const Resources& resources, SessionStatus& status, SessionPort& port,
                       std::shared_ptr<LoadedModel> model, const protocol::SeriesBegin& message)
    : resources_(resources),
      status_(status),
      port_(port),
      model_(std::move(model)),
      predictor_(series_of(*model_)),
      task_(message.task()),
      horizon_(message.horizon()),
      level_(message.level()),
      folds_(message.folds()),
      queue_timeout_ms_(message.queue_timeout_ms()),
      pool_share_(message.max_pool_share()),
      charge_(resources.host.charge(0)),
      activity_(status, model_->stored().label(), "", "forecasting") {
    const bool reaches_ahead = task_ == protocol::SeriesTask::Forecast || task_ == protocol::SeriesTask::Backtest;
    if (reaches_ahead && (horizon_ < 1 || horizon_ > kFurthestHorizon))
        throw Error(sqlstate::kInvalidParameterValue, "horizon is out of range",
                    "It is " + std::to_string(horizon_) + "; forecasts reach 1 to " + std::to_string(kFurthestHorizon) +
                        " steps ahead.");
    const bool has_intervals = reaches_ahead || task_ == protocol::SeriesTask::Impute;
    if (has_intervals && !(level_ > 0 && level_ < 1)) throw ProtocolViolation("level is out of range");
    if (task_ == protocol::SeriesTask::Backtest && folds_ < 1) throw ProtocolViolation("folds are out of range");
    if (message.columns() == nullptr) return;
    columns_ = column_descriptions(message.columns());
    fresh_ = predictor_.fresh_rows(columns_);
}

void SeriesWork::append(const Request& request) {
    if (!fresh_) throw ProtocolViolation("rows for work that takes none");
    const auto& message = request.as<protocol::AppendRows>();
    const RawRows& rows = rows_.read(message.rows(), request.attached.segment, columns_);
    fresh_->append(rows);
    charge_.resize(fresh_->bytes());
    status_.add_rows(rows.count);
    send_accepted(port_);
}

const SeriesData& SeriesWork::data() {
    if (!fresh_) return predictor_.data();
    charge_.resize(charge_.bytes() + predictor_.table().bytes());
    extended_ = predictor_.extended(*std::exchange(fresh_, std::nullopt), &status_.stop());
    return *extended_;
}

void SeriesWork::run() {
    switch (task_) {
    case protocol::SeriesTask::Describe:
        return reply(nullptr);
    case protocol::SeriesTask::Series:
        return describe_series();
    case protocol::SeriesTask::Forecast:
        return forecast();
    case protocol::SeriesTask::Impute:
        return impute();
    case protocol::SeriesTask::Backtest:
        return backtest();
    }
    throw ProtocolViolation("unknown work on series");
}

Forecast SeriesWork::forecast_from(const SeriesData& known, std::int64_t origin) {
    ContextRunner runner(resources_.device, model_, status_.stop());
    const std::vector<Covariate> covariates = covariates_from(known, origin, horizon_);
    const SeriesForecaster& forecaster = predictor_.forecaster();
    if (origin == known.table.steps)
        return forecaster.forecast(known.table, covariates, horizon_, level_, runner, &status_.stop());
    return forecaster.forecast(first_steps(known.table, origin), covariates, horizon_, level_, runner, &status_.stop());
}

void SeriesWork::forecast() {
    const SeriesData& known = data();
    const std::int64_t series = known.table.series();
    const std::uint64_t cells = static_cast<std::uint64_t>(series) * static_cast<std::uint64_t>(horizon_);
    charge_.resize(charge_.bytes() + cells * kBytesPerRow);
    const std::vector<std::int64_t> origins = origins_of(known);
    std::vector<std::int64_t> distinct = origins;
    std::ranges::sort(distinct);
    distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
    if (!distinct.empty() && distinct.front() < 0) distinct.erase(distinct.begin());
    if (distinct.size() > 1) charge_.resize(charge_.bytes() + known.table.bytes());

    Forecast all{horizon_, std::vector<float>(cells), std::vector<float>(cells), std::vector<float>(cells)};
    for (const std::int64_t origin : distinct) {
        if (status_.stop()) throw_stopped();
        const Forecast forecast = forecast_from(known, origin);
        for (std::int64_t one = 0; one < series; ++one) {
            if (origins[static_cast<std::size_t>(one)] != origin) continue;
            for (std::int64_t step = 0; step < horizon_; ++step) {
                const auto cell = static_cast<std::size_t>(step * series + one);
                all.mean[cell] = forecast.mean[cell];
                all.lower[cell] = forecast.lower[cell];
                all.upper[cell] = forecast.upper[cell];
            }
        }
    }
    reply_forecast(known.table, origins, all);
}

void SeriesWork::reply_forecast(const SeriesTable& table, std::span<const std::int64_t> origins,
                                const Forecast& forecast) {
    const std::int64_t series = table.series();
    std::vector<std::int64_t> row_series;
    std::vector<std::int64_t> times;
    std::vector<std::int32_t> steps;
    std::vector<double> mean;
    std::vector<double> lower;
    std::vector<double> upper;
    for (std::int64_t one = 0; one < series; ++one) {
        const std::int64_t origin = origins[static_cast<std::size_t>(one)];
        if (origin < 0) continue;
        for (std::int64_t step = 0; step < horizon_; ++step) {
            const auto cell = static_cast<std::size_t>(step * series + one);
            row_series.push_back(one);
            times.push_back(table.axis.at(origin + step));
            steps.push_back(static_cast<std::int32_t>(step + 1));
            mean.push_back(forecast.mean[cell]);
            lower.push_back(forecast.lower[cell]);
            upper.push_back(forecast.upper[cell]);
        }
    }
    ResultBlock block(row_series.size());
    add_keys(block, table, row_series);
    block.add_times(std::move(times));
    block.add_steps(std::move(steps));
    block.add_numbers(std::move(mean));
    block.add_numbers(std::move(lower));
    block.add_numbers(std::move(upper));
    reply(&block);
}

void SeriesWork::impute() {
    const SeriesData& known = data();
    ContextRunner runner(resources_.device, model_, status_.stop());
    const Imputation imputation = predictor_.forecaster().impute(known.table, level_, runner, &status_.stop());
    charge_.resize(charge_.bytes() + imputation.cells.size() * kBytesPerRow);
    // By series, then time: as a reader expects it, and so that rows of a series share their keys.
    std::vector<const Imputation::Cell*> cells;
    for (const Imputation::Cell& cell : imputation.cells)
        cells.push_back(&cell);
    std::ranges::stable_sort(cells, {}, [](const Imputation::Cell* cell) { return cell->series; });
    std::vector<std::int64_t> row_series;
    std::vector<std::int64_t> times;
    std::vector<double> mean;
    std::vector<double> lower;
    std::vector<double> upper;
    for (const Imputation::Cell* cell : cells) {
        row_series.push_back(cell->series);
        times.push_back(known.table.axis.at(cell->step));
        mean.push_back(cell->mean);
        lower.push_back(cell->lower);
        upper.push_back(cell->upper);
    }
    ResultBlock block(cells.size());
    add_keys(block, known.table, row_series);
    block.add_times(std::move(times));
    block.add_numbers(std::move(mean));
    block.add_numbers(std::move(lower));
    block.add_numbers(std::move(upper));
    reply(&block);
}

void SeriesWork::backtest() {
    Backtest backtest(resources_, status_, predictor_, {queue_timeout_ms_, pool_share_});
    const std::vector<BacktestRow> scores = backtest.run(folds_, horizon_, level_);
    charge_.resize(charge_.bytes() + scores.size() * kBytesPerRow);
    ResultBlock block(scores.size());
    std::vector<std::int64_t> row_series;
    std::vector<protocol::TextReference> methods;
    std::vector<std::int64_t> points;
    std::array<std::vector<double>, kBacktestMetrics.size()> values;
    for (const BacktestRow& row : scores) {
        row_series.push_back(row.series);
        methods.push_back(block.text(row.method));
        points.push_back(row.points);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i].push_back(row.values[i]);
    }
    add_keys(block, predictor_.table(), row_series);
    block.add_texts(std::move(methods));
    block.add_counts(std::move(points));
    for (std::vector<double>& column : values)
        block.add_numbers(std::move(column));
    reply(&block);
}

void SeriesWork::describe_series() {
    const SeriesData& known = predictor_.data();
    const auto count = static_cast<std::size_t>(known.table.series());
    charge_.resize(charge_.bytes() + count * kBytesPerRow);
    ResultBlock block(count);
    std::vector<std::int64_t> row_series;
    std::vector<std::int64_t> first;
    std::vector<std::int64_t> last;
    std::vector<std::uint8_t> without;
    std::vector<std::int64_t> observed;
    std::vector<std::int64_t> missing;
    std::vector<protocol::TextReference> status;
    for (std::size_t i = 0; i < count; ++i) {
        const SeriesSummary& summary = known.report.series[i];
        row_series.push_back(static_cast<std::int64_t>(i));
        first.push_back(known.table.axis.at(std::max<std::int64_t>(summary.first, 0)));
        last.push_back(known.table.axis.at(std::max<std::int64_t>(summary.last, 0)));
        without.push_back(summary.first < 0 ? 1 : 0);
        observed.push_back(summary.observed);
        missing.push_back(summary.missing());
        status.push_back(block.text(name_of(summary.status)));
    }
    add_keys(block, known.table, row_series);
    block.add_times(std::move(first), without);
    block.add_times(std::move(last), without);
    block.add_counts(std::move(observed));
    block.add_counts(std::move(missing));
    block.add_texts(std::move(status));
    reply(&block);
}

void SeriesWork::add_keys(ResultBlock& block, const SeriesTable& table, std::span<const std::int64_t> series) const {
    for (std::size_t mode = 0; mode < table.modes.size(); ++mode) {
        std::vector<protocol::TextReference> keys(series.size());
        std::vector<std::uint8_t> nulls;
        for (std::size_t row = 0; row < series.size(); ++row) {
            if (series[row] < 0) {
                nulls.resize(series.size());
                nulls[row] = 1;
            } else if (row > 0 && series[row] == series[row - 1]) {
                keys[row] = keys[row - 1];
            } else {
                const auto key = static_cast<std::size_t>(table.keys_of(series[row])[mode]);
                keys[row] = block.text(table.modes[mode].keys[key]);
            }
        }
        block.add_texts(std::move(keys), std::move(nulls));
    }
}

void SeriesWork::reply(ResultBlock* block) {
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto describe = [&builder](const SeriesColumns::Column& column) {
        const auto name = builder.CreateString(column.description.name);
        return protocol::CreateSeriesMode(builder, name, builder.CreateString(column.description.type_name));
    };
    const SeriesColumns& columns = predictor_.columns();
    std::vector<flatbuffers::Offset<protocol::SeriesMode>> modes;
    for (const SeriesColumns::Column& mode : columns.modes)
        modes.push_back(describe(mode));
    const auto mode_list = builder.CreateVector(modes);
    const auto time = describe(columns.time);
    const auto step = builder.CreateString(predictor_.table().axis.step.to_string());
    if (block == nullptr) return port_.send(protocol::CreateSeriesReply(builder, mode_list, time, step));
    const std::size_t bytes = block->finish();
    ChargedSegment segment = port_.create_segment(bytes);
    block->write(segment.segment.bytes());
    const auto rows = protocol::CreateRows(builder, 0, bytes);
    port_.send(protocol::CreateSeriesReply(builder, mode_list, time, step, rows), std::move(segment));
}

}  // namespace tensile
