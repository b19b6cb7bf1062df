// Runs a user's query, read-only and with the user's rights, and hands its rows to a consumer as the executor produces
// them: a DestReceiver, without cursor, copy or tuple store. Knows nothing of blocks, models or the engine.
//
// Everything here runs in PostgreSQL frames: it may ereport and holds no C++ destructors.
#pragma once

#include <cstdint>

#include "pg/pg_api.h"

namespace tensile {

// What receives rows. The calls run inside the executor: slot contents are valid during receive() only. A consumer
// embeds this struct as its first member.
struct RowConsumer {
    // Once, before the first row, with the columns of the query.
    void (*start)(RowConsumer* self, TupleDesc columns);
    void (*receive)(RowConsumer* self, TupleTableSlot* slot);
};

enum class ReadOrder : std::uint8_t {
    kRepeatable,  // the same rows come in the same order again: no parallel plan, no synchronized scan
    kAny,
};

// Runs `query` under the active snapshot and returns the number of rows. Errors: 42601 not exactly one statement, 0A000
// not a SELECT (or one that locks rows), 25006 it writes, and whatever the query itself raises.
std::uint64_t read_rows(const char* query, RowConsumer& consumer, ReadOrder order);

}  // namespace tensile
