// Results of work on the series of a model as rows of an SQL function: the keys of a series become one text array, the
// columns that follow them are converted by position.
//
// Everything here runs in PostgreSQL frames: it may ereport and holds no C++ destructors.
#pragma once

#include "client/replies.h"

#include "pg/pg_api.h"

namespace tensile {

// Appends the rows of `result` to the function's tuple store, whose first column is text[]. Times become timestamps of
// the type that the function declares: from a model whose time column has no zone, a timestamptz is read in the
// session's time zone, as PostgreSQL's own casts do. Error 08P01 when the columns do not match.
void emit_series_rows(FunctionCallInfo fcinfo, const client::SeriesResult& result);

// Whether the type's values count microseconds from an instant, not from a local time.
bool has_time_zone(const char* type_name);

}  // namespace tensile
