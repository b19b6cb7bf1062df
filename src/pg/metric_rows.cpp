// See metric_rows.h.
#include "pg/metric_rows.h"

namespace tensile {

void emit_metric(FunctionCallInfo fcinfo, const char* task, const char* metric, double value) {
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    Datum values[] = {task != nullptr ? CStringGetTextDatum(task) : 0, CStringGetTextDatum(metric),
                      Float8GetDatum(value)};
    bool nulls[] = {task == nullptr, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace tensile
