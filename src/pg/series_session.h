// One piece of work on the series of a stored model: sends the model where the engine lacks it, the rows of a query
// where one is given, and waits for the result.
//
// Runs in PostgreSQL frames: it may ereport and holds no C++ destructors.
#pragma once

#include "client/replies.h"
#include "client/requests.h"

#include "pg/pg_api.h"

namespace tensile {

// The result lives as long as `context`. Errors: those of find_version() and of the query, and whatever the engine
// answers (0A000: the model does not forecast series).
const client::SeriesResult& work_on_series(MemoryContext context, const char* model,
                                           const client::SeriesDeclaration& declaration, const char* query);

// Arguments of the functions on series; 22004 for NULL, 22023 out of range.
double level_argument(FunctionCallInfo fcinfo, int index, const char* function);
std::int64_t horizon_argument(FunctionCallInfo fcinfo, int index, const char* function);

}  // namespace tensile
