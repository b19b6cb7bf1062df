// tensile.train(): reads the rows of a query, has the engine train a model on them, and stores it. The caller's rights
// hold for the query; the catalog is written when the training has ended, in the caller's transaction.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"
#include "pg/engine_monitor.h"
#include "pg/settings.h"

#include "pg/arguments.h"
#include "pg/catalog.h"
#include "pg/metric_rows.h"
#include "pg/model_session.h"
#include "pg/owned.h"
#include "pg/row_feed.h"

extern "C" {
#include "utils/jsonb.h"
}

namespace tensile {
namespace {

// The arguments, in the database's encoding.
struct TrainingArguments {
    const char* name;
    const char* method;
    const char* query;
    Datum target_array;
    const char** targets;
    int target_count;
    const char* options;
    bool replace;
    CostProfiles cost_profiles;
};

struct LoggedValue {
    std::int32_t epoch;
    std::string task;
    std::string metric;
    double value;
};

// The engine's side of one training.
class TrainingStream final : public BlockStream {
  public:
    TrainingStream() : BlockStream(EngineSession::open()) {}

    void begin(const TrainingArguments& arguments, const ColumnConverters& converters);
    void run();

    const client::TrainedModel& model() const { return *model_; }
    const std::vector<LoggedValue>& log() const { return log_; }
    // The plan's rows, as tensile_store.training_plan wants them.
    const std::vector<TextRow>& plan() const { return plan_; }

  private:
    void write_request(client::Connection& connection, const protocol::Segment& segment,
                       std::size_t used_bytes) override {
        client::request_append(connection, segment, used_bytes);
    }
    void take_answer(client::Reply reply) override { client::expect<protocol::Accepted>(reply); }

    std::optional<client::TrainedModel> model_;
    std::vector<LoggedValue> log_;
    std::vector<TextRow> plan_;
};

void TrainingStream::begin(const TrainingArguments& arguments, const ColumnConverters& converters) {
    const std::vector<client::ColumnDeclaration> columns = declare_columns(converters);
    const auto utf8 = [](const char* text) { return call_postgres([text] { return to_utf8(text); }); };
    std::vector<std::string_view> targets;
    for (int i = 0; i < arguments.target_count; ++i)
        targets.emplace_back(utf8(arguments.targets[i]));
    client::TrainingDeclaration declaration;
    declaration.model_name = utf8(arguments.name);
    declaration.method = utf8(arguments.method);
    declaration.options_json = utf8(arguments.options);
    declaration.targets = targets;
    declaration.columns = columns;
    declaration.queue_timeout_ms = queue_timeout_ms();
    const std::vector<std::string_view> profiles(arguments.cost_profiles.texts,
                                                 arguments.cost_profiles.texts + arguments.cost_profiles.count);
    declaration.cost_profiles = profiles;
    declaration.max_pool_share = max_pool_share();
    client::request_training(session().connection(), declaration);
    client::expect<protocol::Accepted>(session().exchange());
}

void TrainingStream::run() {
    client::request_run(session().connection());
    client::MonitorTable plan;
    client::Reply reply = session().exchange([this, &plan](const client::Reply& message) {
        if (const auto* part = message.as<protocol::TrainPlan>()) client::append_plan_rows(*part, plan);
        const auto* entry = message.as<protocol::LogEntry>();
        if (entry == nullptr) return;
        log_.push_back({entry->epoch(), std::string(protocol::text_of(entry->task())),
                        std::string(protocol::text_of(entry->metric())), entry->value()});
    });
    model_ = client::trained_model(std::move(reply));
    plan_ = arranged(std::move(plan), {std::begin(kPlanColumns), std::end(kPlanColumns)});
}

struct TrainingFeed {
    RowFeed feed;  // must be first
    TrainingArguments arguments;
    TrainingStream* stream;
};

void open_training(RowFeed& feed, TupleDesc) {
    auto& training = reinterpret_cast<TrainingFeed&>(feed);
    run_cpp([&] { training.stream->begin(training.arguments, feed.writer->converters); });
}

TrainingArguments read_arguments(FunctionCallInfo fcinfo) {
    TrainingArguments arguments{};
    arguments.name = text_argument(fcinfo, 0, "train", "name");
    arguments.method = text_argument(fcinfo, 1, "train", "method");
    arguments.query = text_argument(fcinfo, 2, "train", "query");
    require_argument(fcinfo, 3, "train", "target");
    require_argument(fcinfo, 4, "train", "options");
    require_argument(fcinfo, 5, "train", "replace");
    check_model_name(arguments.name);
    arguments.target_array = PG_GETARG_DATUM(3);
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    deconstruct_array(DatumGetArrayTypeP(arguments.target_array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
                      &arguments.target_count);
    arguments.targets =
        static_cast<const char**>(palloc(sizeof(char*) * static_cast<std::size_t>(arguments.target_count + 1)));
    for (int i = 0; i < arguments.target_count; ++i) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a target of tensile.train() is null")));
        arguments.targets[i] = TextDatumGetCString(elements[i]);
    }
    arguments.options = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(4)));
    arguments.replace = PG_GETARG_BOOL(5);
    return arguments;
}

// Names and types of the columns that were read, as text[].
void describe_columns(const ColumnConverters& converters, NewVersion& version) {
    const auto count = static_cast<std::size_t>(converters.count);
    auto* names = static_cast<Datum*>(palloc(sizeof(Datum) * count));
    auto* types = static_cast<Datum*>(palloc(sizeof(Datum) * count));
    for (int i = 0; i < converters.count; ++i) {
        names[i] = CStringGetTextDatum(converters.columns[i].name);
        types[i] = CStringGetTextDatum(converters.columns[i].type_name);
    }
    version.columns = PointerGetDatum(construct_array(names, converters.count, TEXTOID, -1, false, TYPALIGN_INT));
    version.column_types = PointerGetDatum(construct_array(types, converters.count, TEXTOID, -1, false, TYPALIGN_INT));
}

// Copies the engine's texts into PostgreSQL's memory and encoding.
void store(const TrainingArguments& arguments, const TrainingStream& stream, const ColumnConverters& converters) {
    const client::TrainedModel& model = stream.model();
    const std::size_t metric_count = model.metrics.size();
    auto* metrics = static_cast<MetricRow*>(palloc(sizeof(MetricRow) * (metric_count + 1)));
    for (std::size_t i = 0; i < metric_count; ++i) {
        const client::Metric& metric = model.metrics[i];
        metrics[i] = {from_utf8(metric.task.c_str()), from_utf8(metric.name.c_str()), metric.value};
    }
    const std::size_t log_count = stream.log().size();
    auto* log = static_cast<LogRow*>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(LogRow) * (log_count + 1)));
    for (std::size_t i = 0; i < log_count; ++i) {
        const LoggedValue& entry = stream.log()[i];
        log[i] = {entry.epoch, from_utf8(entry.task.c_str()), from_utf8(entry.metric.c_str()), entry.value};
    }
    NewVersion version{};
    version.name = arguments.name;
    version.replace = arguments.replace;
    version.method = arguments.method;
    version.targets = arguments.target_array;
    version.options = arguments.options;
    version.query = arguments.query;
    version.manifest = {model.manifest.data(), model.manifest.size()};
    version.weights = model.weights;
    version.key = reinterpret_cast<const std::uint8_t*>(model.key.data());
    version.rows_read = model.rows_read;
    version.rows_used = model.rows_used;
    version.rows_discarded = model.rows_discarded;
    version.epochs = model.epochs_run;
    version.seconds = model.seconds;
    version.metrics = {metrics, metric_count};
    version.log = {log, log_count};
    version.cost_profile = model.cost_profile.empty() ? nullptr : model.cost_profile.c_str();
    const std::size_t cell_count = stream.plan().size() * kPlanColumnCount;
    auto** cells = static_cast<const char**>(palloc(sizeof(char*) * (cell_count + 1)));
    std::size_t next = 0;
    for (const TextRow& row : stream.plan())
        for (const auto& cell : row)
            cells[next++] = cell ? from_utf8(cell->c_str()) : nullptr;
    version.plan = {cells, cell_count};
    describe_columns(converters, version);
    store_version(version);
}

void emit_result(FunctionCallInfo fcinfo, const client::TrainedModel& model, double seconds_reading) {
    for (const client::Metric& metric : model.metrics)
        emit_metric(fcinfo, from_utf8(metric.task.c_str()), from_utf8(metric.name.c_str()), metric.value);
    emit_metric(fcinfo, nullptr, "rows_read", static_cast<double>(model.rows_read));
    emit_metric(fcinfo, nullptr, "rows_used", static_cast<double>(model.rows_used));
    emit_metric(fcinfo, nullptr, "rows_discarded", static_cast<double>(model.rows_discarded));
    emit_metric(fcinfo, nullptr, "epochs", model.epochs_run);
    emit_metric(fcinfo, nullptr, "seconds_reading", seconds_reading);
    emit_metric(fcinfo, nullptr, "seconds_training", model.seconds);
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_train);

Datum tensile_train(PG_FUNCTION_ARGS) {
    using namespace tensile;
    InitMaterializedSRF(fcinfo, 0);
    PreventCommandIfReadOnly("tensile.train()");
    TrainingFeed training{};
    training.arguments = read_arguments(fcinfo);
    check_may_store(training.arguments.name, training.arguments.replace);
    training.arguments.cost_profiles = read_cost_profiles();

    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "tensile training", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    training.stream = make_owned<TrainingStream>(context);
    training.feed.stream = training.stream;
    training.feed.row_limit = kMaxRowsPerBlock;
    training.feed.opened = open_training;
    prepare_feed(training.feed);
    const TimestampTz start = GetCurrentTimestamp();
    read_rows(training.arguments.query, training.feed.consumer, ReadOrder::kRepeatable);
    finish_feed(training.feed);
    const double seconds_reading = static_cast<double>(GetCurrentTimestamp() - start) / USECS_PER_SEC;
    run_cpp([&] { training.stream->run(); });
    store(training.arguments, *training.stream, training.feed.writer->converters);
    emit_result(fcinfo, training.stream->model(), seconds_reading);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    return 0;
}
}
