// The result set of train and evaluate: rows (task, metric, value), with counters as rows without a task.
#pragma once

#include "pg/pg_api.h"

namespace tensile {

// Appends a row to the function's tuple store; a null `task` is NULL.
void emit_metric(FunctionCallInfo fcinfo, const char* task, const char* metric, double value);

}  // namespace tensile
