// See row_reader.h.
#include "pg/row_reader.h"

namespace tensile {
namespace {

// What the executor sees of a consumer.
struct RowReceiver {
    DestReceiver receiver;  // must be first
    RowConsumer* consumer;
};

RowConsumer* consumer_of(DestReceiver* receiver) {
    return reinterpret_cast<RowReceiver*>(receiver)->consumer;
}

void start_rows(DestReceiver* self, int, TupleDesc columns) {
    RowConsumer* consumer = consumer_of(self);
    consumer->start(consumer, columns);
}

bool receive_row(TupleTableSlot* slot, DestReceiver* self) {
    RowConsumer* consumer = consumer_of(self);
    consumer->receive(consumer, slot);
    return true;
}

void ignore_end(DestReceiver*) {}

[[noreturn]] void refuse_statement(CommandTag tag) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("the query must be a SELECT, not %s", GetCommandTagName(tag)),
                    errhint("SELECT, TABLE, VALUES and WITH ... SELECT are accepted.")));
    pg_unreachable();
}

// Refuses what is not one plain SELECT before anything of it runs.
void check_statement(SPIPlanPtr plan) {
    List* sources = SPI_plan_get_plan_sources(plan);
    if (list_length(sources) != 1)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        sources == NIL ? errmsg("the query is empty") : errmsg("the query must be one statement"),
                        sources == NIL ? 0 : errdetail("It has %d statements.", list_length(sources))));
    auto* source = static_cast<CachedPlanSource*>(linitial(sources));
    if (source->commandTag != CMDTAG_SELECT) refuse_statement(source->commandTag);
    // A rule may turn a statement into several; a SELECT stays one.
    if (list_length(source->query_list) != 1) refuse_statement(source->commandTag);
    auto* query = linitial_node(Query, source->query_list);
    if (query->commandType != CMD_SELECT)  // SELECT INTO
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the query must not be SELECT INTO")));
    if (query->hasModifyingCTE)
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("the query must not write"),
                        errdetail("It contains INSERT, UPDATE or DELETE in WITH.")));
    if (query->rowMarks != NIL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the query must not lock rows"),
                        errhint("Remove FOR UPDATE or FOR SHARE.")));
}

void set_for_query(const char* name, const char* value) {
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

}  // namespace

std::uint64_t read_rows(const char* query, RowConsumer& consumer, ReadOrder order) {
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");

    // SPI's read_only looks at the statement only; a function it calls could still write. The setting catches that, and
    // leaving the level gives the caller's transaction its right to write back (an error does so at abort).
    const int level = NewGUCNestLevel();
    set_for_query("transaction_read_only", "on");
    if (order == ReadOrder::kRepeatable) set_for_query("synchronize_seqscans", "off");

    SPIPrepareOptions prepare{};
    prepare.parseMode = RAW_PARSE_DEFAULT;
    prepare.cursorOptions = order == ReadOrder::kAny ? CURSOR_OPT_PARALLEL_OK : 0;
    SPIPlanPtr plan = SPI_prepare_extended(query, &prepare);
    if (plan == nullptr) elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
    check_statement(plan);

    RowReceiver receiver{};
    receiver.receiver.receiveSlot = receive_row;
    receiver.receiver.rStartup = start_rows;
    receiver.receiver.rShutdown = ignore_end;
    receiver.receiver.rDestroy = ignore_end;
    receiver.receiver.mydest = DestTuplestore;  // SPI counts the rows of any but DestNone
    receiver.consumer = &consumer;

    SPIExecuteOptions options{};
    options.read_only = true;
    options.dest = &receiver.receiver;
    const int result = SPI_execute_plan_extended(plan, &options);
    if (result != SPI_OK_SELECT) elog(ERROR, "could not run the query: %s", SPI_result_code_string(result));
    const std::uint64_t rows = SPI_processed;

    AtEOXact_GUC(true, level);
    SPI_finish();
    return rows;
}

}  // namespace tensile
