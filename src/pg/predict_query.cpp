// tensile.predict_query(): a whole query at once, its columns together with predictions. Rows stream through the engine
// in blocks, one being read while another is being predicted; the result is collected in a tuple store (memory up to
// work_mem, then a temporary file), as PostgreSQL does for any set-returning function in FROM.
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"
#include "tensor/error.h"

#include "pg/arguments.h"
#include "pg/catalog.h"
#include "pg/model_session.h"
#include "pg/owned.h"
#include "pg/prediction_result.h"
#include "pg/row_feed.h"

extern "C" {
#include "utils/datum.h"
}

namespace tensile {
namespace {

constexpr std::uint32_t kRowsPerBlock = 8192;
constexpr std::uint32_t kSlot = 1;

struct QueryPrediction;

void emit_rows(QueryPrediction& query, const protocol::BlockView& view);

class PredictionStream final : public BlockStream {
  public:
    explicit PredictionStream(QueryPrediction& query) : BlockStream(EngineSession::open()), query_(query) {}

    std::vector<client::OutputDeclaration> begin(const ColumnConverters& converters);

  private:
    void write_request(client::Connection& connection, const protocol::Segment& segment,
                       std::size_t used_bytes) override {
        client::request_predict(connection, kSlot, segment, used_bytes);
    }
    void take_answer(client::Reply reply) override;
    void process_answer() override {
        call_postgres([this] { emit_rows(query_, prediction_->view); });
        prediction_.reset();
    }
    void supply_model() override;

    QueryPrediction& query_;
    std::optional<client::Prediction> prediction_;
    std::vector<std::byte> inline_block_;
};

// Source columns of a block's rows that the result repeats, kept until the predictions are there.
struct KeptRows {
    MemoryContext context;  // of by-reference values
    std::size_t rows;
    std::size_t capacity;
    Datum* values;  // row by row
    bool* nulls;
};

struct QueryPrediction {
    RowFeed feed;  // must be first
    ReturnSetInfo* result;
    ModelVersion version;
    PredictionStream* stream;
    ModelOutputs outputs;
    ResultShape shape;
    TupleDesc source;
    Tuplestorestate* store;
    int kept_count;
    int* kept_attributes;  // of the query's row
    int* kept_results;     // the result column that each becomes
    KeptRows kept[2];
    int filling;
    Datum* values;
    bool* nulls;
};

std::vector<client::OutputDeclaration> PredictionStream::begin(const ColumnConverters& converters) {
    return open_prediction(session(), kSlot, query_.version, converters);
}

void PredictionStream::take_answer(client::Reply reply) {
    prediction_ = client::prediction(std::move(reply));
    if (!prediction_) throw Error(sqlstate::kProtocolViolation, "unexpected reply from the tensile engine");
    check_prediction(prediction_->view, query_.outputs, query_.kept[1 - query_.filling].rows);
    if (prediction_->segment) return;
    // The block lies in the connection's buffer, which the next request uses again.
    protocol::BlockView& view = prediction_->view;
    const std::byte* end = reinterpret_cast<const std::byte*>(view.heap) + view.heap_bytes;
    inline_block_.assign(view.base, end);
    view.heap =
        reinterpret_cast<const char*>(inline_block_.data()) + (view.heap - reinterpret_cast<const char*>(view.base));
    view.base = inline_block_.data();
}

void PredictionStream::supply_model() {
    load_model(session(), query_.version);
}

// PostgreSQL frames from here on.

QueryPrediction& query_of(RowFeed& feed) {
    return reinterpret_cast<QueryPrediction&>(feed);
}

// Appends the block's rows, with their kept columns, to the result.
void emit_rows(QueryPrediction& query, const protocol::BlockView& view) {
    KeptRows& kept = query.kept[1 - query.filling];
    const int columns = query.shape.descriptor->natts;
    MemoryContext caller = MemoryContextSwitchTo(kept.context);
    for (std::size_t row = 0; row < kept.rows; ++row) {
        const std::size_t first = row * static_cast<std::size_t>(query.kept_count);
        for (int i = 0; i < query.kept_count; ++i) {
            query.values[query.kept_results[i]] = kept.values[first + static_cast<std::size_t>(i)];
            query.nulls[query.kept_results[i]] = kept.nulls[first + static_cast<std::size_t>(i)];
        }
        for (int i = 0; i < columns; ++i) {
            if (query.shape.columns[i].part == ResultPart::kSource) continue;
            query.values[i] = result_value(query.shape, i, query.outputs, view, row, query.nulls[i]);
        }
        tuplestore_putvalues(query.store, query.shape.descriptor, query.values, query.nulls);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(kept.context);
    kept.rows = 0;
}

void turn_kept_rows(RowFeed& feed) {
    QueryPrediction& query = query_of(feed);
    query.filling = 1 - query.filling;
}

void reserve_row(QueryPrediction& query, KeptRows& kept) {
    if (kept.rows < kept.capacity) return;
    const std::size_t capacity = std::max<std::size_t>(kept.capacity * 2, 256);
    const std::size_t cells = capacity * static_cast<std::size_t>(query.kept_count + 1);
    MemoryContext context = query.feed.context;
    auto* values = static_cast<Datum*>(MemoryContextAllocHuge(context, sizeof(Datum) * cells));
    auto* nulls = static_cast<bool*>(MemoryContextAllocHuge(context, sizeof(bool) * cells));
    if (kept.values != nullptr) {
        const std::size_t used = kept.rows * static_cast<std::size_t>(query.kept_count);
        memcpy(values, kept.values, sizeof(Datum) * used);
        memcpy(nulls, kept.nulls, sizeof(bool) * used);
        pfree(kept.values);
        pfree(kept.nulls);
    }
    kept.values = values;
    kept.nulls = nulls;
    kept.capacity = capacity;
}

void keep_row(RowFeed& feed, TupleTableSlot* slot) {
    QueryPrediction& query = query_of(feed);
    KeptRows& kept = query.kept[query.filling];
    reserve_row(query, kept);
    const std::size_t first = kept.rows++ * static_cast<std::size_t>(query.kept_count);
    for (int i = 0; i < query.kept_count; ++i) {
        const int attribute = query.kept_attributes[i];
        const std::size_t cell = first + static_cast<std::size_t>(i);
        const Form_pg_attribute form = TupleDescAttr(query.source, attribute);
        kept.nulls[cell] = slot->tts_isnull[attribute];
        kept.values[cell] = slot->tts_values[attribute];
        if (!form->attbyval && !kept.nulls[cell]) {
            MemoryContext caller = MemoryContextSwitchTo(kept.context);
            kept.values[cell] = datumCopy(kept.values[cell], false, form->attlen);
            MemoryContextSwitchTo(caller);
        }
    }
}

// The columns are known: opens the prediction and settles the shape of the result.
void open_query(RowFeed& feed, TupleDesc columns) {
    QueryPrediction& query = query_of(feed);
    query.source = CreateTupleDescCopy(columns);
    run_cpp([&] {
        const std::vector<client::OutputDeclaration> outputs = query.stream->begin(feed.writer->converters);
        call_postgres([&] { query.outputs = copy_outputs(outputs); });
    });
    const ResultNaming naming{"predict_query", "predicted_", query.source};
    query.shape = query.result->expectedDesc != nullptr
                      ? shape_of_list(query.result->expectedDesc, query.outputs, naming)
                      : whole_shape(query.outputs, naming);
    const int count = query.shape.descriptor->natts;
    query.values = static_cast<Datum*>(palloc0(sizeof(Datum) * static_cast<std::size_t>(count + 1)));
    query.nulls = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<std::size_t>(count + 1)));
    query.kept_attributes = static_cast<int*>(palloc0(sizeof(int) * static_cast<std::size_t>(count + 1)));
    query.kept_results = static_cast<int*>(palloc0(sizeof(int) * static_cast<std::size_t>(count + 1)));
    for (int i = 0; i < count; ++i) {
        if (query.shape.columns[i].part != ResultPart::kSource) continue;
        const int attribute = query.shape.columns[i].source;
        query.kept_attributes[query.kept_count] = attribute;
        query.kept_results[query.kept_count++] = i;
        feed.attribute_limit = std::max(feed.attribute_limit, attribute + 1);
    }
    for (KeptRows& kept : query.kept)
        kept.context = AllocSetContextCreate(feed.context, "tensile kept rows", ALLOCSET_DEFAULT_SIZES);
}

ReturnSetInfo* materialized_result(FunctionCallInfo fcinfo) {
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (result == nullptr || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    MemoryContext caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    result->returnMode = SFRM_Materialize;
    MemoryContextSwitchTo(caller);
    return result;
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_predict_query);

Datum tensile_predict_query(PG_FUNCTION_ARGS) {
    using namespace tensile;
    QueryPrediction query{};
    const char* name = text_argument(fcinfo, 0, "predict_query", "model");
    const char* statement = text_argument(fcinfo, 1, "predict_query", "query");
    query.result = materialized_result(fcinfo);
    query.store = query.result->setResult;
    query.version = find_version(name);

    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "tensile predict_query", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    query.stream = make_owned<PredictionStream>(context, query);
    query.feed.stream = query.stream;
    const WantedColumns wanted = wanted_columns(query.version, ColumnUse::kFeatures);
    query.feed.wanted = &wanted;
    query.feed.row_limit = kRowsPerBlock;
    query.feed.opened = open_query;
    query.feed.sent = turn_kept_rows;
    query.feed.kept = keep_row;
    prepare_feed(query.feed);
    read_rows(statement, query.feed.consumer, ReadOrder::kAny);
    finish_feed(query.feed);

    MemoryContextSwitchTo(query.result->econtext->ecxt_per_query_memory);
    query.result->setDesc = CreateTupleDescCopy(query.shape.descriptor);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    return 0;
}
}
