// tensile.evaluate(): metrics of a stored model on the rows of a query. Writes nothing, so it works on a standby.
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
#include "pg/metric_rows.h"
#include "pg/model_session.h"
#include "pg/owned.h"
#include "pg/row_feed.h"

namespace tensile {
namespace {

class EvaluationStream final : public BlockStream {
  public:
    EvaluationStream() : BlockStream(EngineSession::open()) {}

    void begin(const ModelVersion& version, const ColumnConverters& converters) {
        const std::vector<client::ColumnDeclaration> columns = declare_columns(converters);
        const client::Reply reply = exchange_with_model(session(), version, [&](client::Connection& connection) {
            client::request_evaluation(connection, key_of(version), columns, queue_timeout_ms());
        });
        client::expect<protocol::Accepted>(reply);
    }
    void run() {
        client::request_run(session().connection());
        result_ = client::evaluation(session().exchange());
    }
    const client::Evaluation& result() const { return *result_; }

  private:
    void write_request(client::Connection& connection, const protocol::Segment& segment,
                       std::size_t used_bytes) override {
        client::request_append(connection, segment, used_bytes);
    }
    void take_answer(client::Reply reply) override { client::expect<protocol::Accepted>(reply); }

    std::optional<client::Evaluation> result_;
};

struct EvaluationFeed {
    RowFeed feed;  // must be first
    ModelVersion version;
    EvaluationStream* stream;
};

void open_evaluation(RowFeed& feed, TupleDesc) {
    auto& evaluation = reinterpret_cast<EvaluationFeed&>(feed);
    run_cpp([&] { evaluation.stream->begin(evaluation.version, feed.writer->converters); });
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_evaluate);

Datum tensile_evaluate(PG_FUNCTION_ARGS) {
    using namespace tensile;
    InitMaterializedSRF(fcinfo, 0);
    EvaluationFeed evaluation{};
    const char* name = text_argument(fcinfo, 0, "evaluate", "model");
    const char* query = text_argument(fcinfo, 1, "evaluate", "query");
    evaluation.version = find_version(name);

    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "tensile evaluation", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    evaluation.stream = make_owned<EvaluationStream>(context);
    evaluation.feed.stream = evaluation.stream;
    const WantedColumns wanted = wanted_columns(evaluation.version, ColumnUse::kFeaturesAndTargets);
    evaluation.feed.wanted = &wanted;
    evaluation.feed.row_limit = kMaxRowsPerBlock;
    evaluation.feed.opened = open_evaluation;
    prepare_feed(evaluation.feed);
    read_rows(query, evaluation.feed.consumer, ReadOrder::kRepeatable);
    finish_feed(evaluation.feed);
    run_cpp([&] { evaluation.stream->run(); });

    const client::Evaluation& result = evaluation.stream->result();
    for (const client::Metric& metric : result.metrics)
        emit_metric(fcinfo, from_utf8(metric.task.c_str()), from_utf8(metric.name.c_str()), metric.value);
    emit_metric(fcinfo, nullptr, "rows_read", static_cast<double>(result.rows_read));
    emit_metric(fcinfo, nullptr, "rows_used", static_cast<double>(result.rows_used));
    emit_metric(fcinfo, nullptr, "rows_discarded", static_cast<double>(result.rows_discarded));
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    return 0;
}
}
