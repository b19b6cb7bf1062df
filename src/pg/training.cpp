// See training.h.
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

#include "pg/catalog.h"
#include "pg/metric_rows.h"
#include "pg/model_session.h"
#include "pg/owned.h"
#include "pg/row_feed.h"
#include "pg/training.h"

extern "C" {
#include "utils/varlena.h"
}

namespace tensile {
namespace {

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
    // What the engine wants beside the rows of the query; known once begun.
    const std::vector<client::SideTable>& side_tables() const { return side_tables_; }
    // The rows that follow are those of a side table.
    void begin_side_table(std::uint32_t index, const ColumnConverters& converters);
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

    std::vector<client::SideTable> side_tables_;
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
    if (arguments.base == nullptr) {
        client::request_training(session().connection(), declaration);
        side_tables_ = client::side_tables(session().exchange());
        return;
    }
    const client::ModelKey base = key_of(*arguments.base);
    declaration.base = &base;
    side_tables_ =
        client::side_tables(exchange_with_model(session(), *arguments.base, [&](client::Connection& connection) {
            client::request_training(connection, declaration);
        }));
}

void TrainingStream::begin_side_table(std::uint32_t index, const ColumnConverters& converters) {
    client::request_side_table(session().connection(), index, declare_columns(converters));
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
    const TrainingArguments* arguments;
    TrainingStream* stream;
    std::uint32_t side_table;
};

void open_training(RowFeed& feed, TupleDesc) {
    auto& training = reinterpret_cast<TrainingFeed&>(feed);
    run_cpp([&] { training.stream->begin(*training.arguments, feed.writer->converters); });
}

void open_side_table(RowFeed& feed, TupleDesc) {
    auto& training = reinterpret_cast<TrainingFeed&>(feed);
    run_cpp([&] { training.stream->begin_side_table(training.side_table, feed.writer->converters); });
}

// Sends the rows of a query; returns the converters of its columns.
const ColumnConverters& send_rows(TrainingFeed& training, const char* query,
                                  void (*opened)(RowFeed& feed, TupleDesc columns)) {
    training.feed.stream = training.stream;
    training.feed.row_limit = kMaxRowsPerBlock;
    training.feed.opened = opened;
    prepare_feed(training.feed);
    read_rows(query, training.feed.consumer, ReadOrder::kRepeatable);
    finish_feed(training.feed);
    return training.feed.writer->converters;
}

// A relation as the user wrote it, quoted for use in a statement; 42602 for what is no name.
const char* quoted_relation(const char* written) {
    return NameListToQuotedString(textToQualifiedNameList(cstring_to_text(written)));
}

void send_side_tables(const TrainingArguments& arguments, TrainingStream& stream) {
    const auto count = static_cast<std::uint32_t>(stream.side_tables().size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const char* relation = from_utf8(stream.side_tables()[i].relation.c_str());
        TrainingFeed side{};
        side.arguments = &arguments;
        side.stream = &stream;
        side.side_table = i;
        send_rows(side, psprintf("TABLE %s", quoted_relation(relation)), open_side_table);
    }
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

void train_and_store(FunctionCallInfo fcinfo, TrainingArguments& arguments) {
    check_may_store(arguments.name, arguments.replace);
    arguments.cost_profiles = read_cost_profiles();

    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "tensile training", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    TrainingFeed training{};
    training.arguments = &arguments;
    training.stream = make_owned<TrainingStream>(context);
    const TimestampTz start = GetCurrentTimestamp();
    const ColumnConverters& converters = send_rows(training, arguments.query, open_training);
    send_side_tables(arguments, *training.stream);
    const double seconds_reading = static_cast<double>(GetCurrentTimestamp() - start) / USECS_PER_SEC;
    run_cpp([&] { training.stream->run(); });
    store(arguments, *training.stream, converters);
    emit_result(fcinfo, training.stream->model(), seconds_reading);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
}

}  // namespace tensile
