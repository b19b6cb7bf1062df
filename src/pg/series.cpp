// tensile.forecast(), impute(), backtest(), series() and forecast_local(): work on the time series of a stored model.
// They write nothing, so they run on a standby. Rows of a query, where one is given, go on where the stored ones end.
#include <optional>
#include <utility>
#include <vector>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"
#include "pg/settings.h"

#include "pg/arguments.h"
#include "pg/catalog.h"
#include "pg/model_session.h"
#include "pg/owned.h"
#include "pg/row_feed.h"
#include "pg/series_rows.h"
#include "pg/series_session.h"

namespace tensile {
namespace {

class SeriesStream final : public BlockStream {
  public:
    SeriesStream() : BlockStream(EngineSession::open()) {}

    void begin(const ModelVersion& version, client::SeriesDeclaration declaration, const ColumnConverters* converters);
    void run();
    const client::SeriesResult& result() const { return *result_; }

  private:
    void write_request(client::Connection& connection, const protocol::Segment& segment,
                       std::size_t used_bytes) override {
        client::request_append(connection, segment, used_bytes);
    }
    void take_answer(client::Reply reply) override { client::expect<protocol::Accepted>(reply); }

    std::optional<client::SeriesResult> result_;
};

void SeriesStream::begin(const ModelVersion& version, client::SeriesDeclaration declaration,
                         const ColumnConverters* converters) {
    std::vector<client::ColumnDeclaration> columns;
    if (converters != nullptr) columns = declare_columns(*converters);
    declaration.columns = columns;
    declaration.queue_timeout_ms = queue_timeout_ms();
    declaration.max_pool_share = max_pool_share();
    const client::Reply reply = exchange_with_model(session(), version, [&](client::Connection& connection) {
        client::request_series(connection, key_of(version), declaration);
    });
    client::expect<protocol::Accepted>(reply);
}

void SeriesStream::run() {
    client::request_run(session().connection());
    result_ = client::series_result(session().exchange());
}

struct SeriesFeed {
    RowFeed feed;  // must be first
    const ModelVersion* version;
    const client::SeriesDeclaration* declaration;
    SeriesStream* stream;
};

void open_series(RowFeed& feed, TupleDesc) {
    auto& series = reinterpret_cast<SeriesFeed&>(feed);
    run_cpp([&] { series.stream->begin(*series.version, *series.declaration, &feed.writer->converters); });
}

}  // namespace

const client::SeriesResult& work_on_series(MemoryContext context, const char* model,
                                           const client::SeriesDeclaration& declaration, const char* query) {
    const ModelVersion version = find_version(model);
    auto* stream = make_owned<SeriesStream>(context);
    if (query == nullptr) {
        run_cpp([&] { stream->begin(version, declaration, nullptr); });
    } else {
        SeriesFeed series{};
        series.version = &version;
        series.declaration = &declaration;
        series.stream = stream;
        series.feed.stream = stream;
        series.feed.row_limit = kMaxRowsPerBlock;
        series.feed.opened = open_series;
        prepare_feed(series.feed);
        read_rows(query, series.feed.consumer, ReadOrder::kRepeatable);
        finish_feed(series.feed);
    }
    run_cpp([&] { stream->run(); });
    return stream->result();
}

double level_argument(FunctionCallInfo fcinfo, int index, const char* function) {
    require_argument(fcinfo, index, function, "level");
    const double level = PG_GETARG_FLOAT8(index);
    if (!(level > 0 && level < 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"level\" is out of range"),
                        errdetail("It is %g; an interval holds a share between 0 and 1 of the values.", level)));
    return level;
}

std::int64_t horizon_argument(FunctionCallInfo fcinfo, int index, const char* function) {
    require_argument(fcinfo, index, function, "horizon");
    const std::int32_t horizon = PG_GETARG_INT32(index);
    if (horizon < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"horizon\" is out of range"),
                        errdetail("It is %d; a forecast reaches at least one step ahead.", horizon)));
    return horizon;
}

namespace {

void answer(FunctionCallInfo fcinfo, const char* model, const client::SeriesDeclaration& declaration,
            const char* query) {
    InitMaterializedSRF(fcinfo, 0);
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "tensile series", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    emit_series_rows(fcinfo, work_on_series(context, model, declaration, query));
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_forecast);
PG_FUNCTION_INFO_V1(tensile_impute);
PG_FUNCTION_INFO_V1(tensile_backtest);
PG_FUNCTION_INFO_V1(tensile_series);

// Also forecast_local(), which differs in the type of its column ts.
Datum tensile_forecast(PG_FUNCTION_ARGS) {
    using namespace tensile;
    const char* model = text_argument(fcinfo, 0, "forecast", "model");
    client::SeriesDeclaration declaration;
    declaration.task = protocol::SeriesTask::Forecast;
    declaration.horizon = horizon_argument(fcinfo, 1, "forecast");
    const char* query = PG_ARGISNULL(2) ? nullptr : text_argument(fcinfo, 2, "forecast", "query");
    declaration.level = level_argument(fcinfo, 3, "forecast");
    answer(fcinfo, model, declaration, query);
    return 0;
}

Datum tensile_impute(PG_FUNCTION_ARGS) {
    using namespace tensile;
    const char* model = text_argument(fcinfo, 0, "impute", "model");
    client::SeriesDeclaration declaration;
    declaration.task = protocol::SeriesTask::Impute;
    const char* query = PG_ARGISNULL(1) ? nullptr : text_argument(fcinfo, 1, "impute", "query");
    declaration.level = level_argument(fcinfo, 2, "impute");
    answer(fcinfo, model, declaration, query);
    return 0;
}

Datum tensile_backtest(PG_FUNCTION_ARGS) {
    using namespace tensile;
    const char* model = text_argument(fcinfo, 0, "backtest", "model");
    client::SeriesDeclaration declaration;
    declaration.task = protocol::SeriesTask::Backtest;
    require_argument(fcinfo, 1, "backtest", "folds");
    declaration.folds = PG_GETARG_INT32(1);
    if (declaration.folds < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"folds\" is out of range"),
                        errdetail("It is %d; at least one origin is needed.", declaration.folds)));
    declaration.horizon = horizon_argument(fcinfo, 2, "backtest");
    declaration.level = level_argument(fcinfo, 3, "backtest");
    answer(fcinfo, model, declaration, nullptr);
    return 0;
}

Datum tensile_series(PG_FUNCTION_ARGS) {
    using namespace tensile;
    const char* model = text_argument(fcinfo, 0, "series", "model");
    client::SeriesDeclaration declaration;
    declaration.task = protocol::SeriesTask::Series;
    answer(fcinfo, model, declaration, nullptr);
    return 0;
}
}
