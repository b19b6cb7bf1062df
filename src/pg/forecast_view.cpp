// tensile.create_forecast_view(): a typed view over tensile.forecast() for tools that want plain columns. It belongs to
// the caller and is an ordinary view: the model is found by name each time it is read.
#include <utility>

#include "client/replies.h"
#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"

#include "pg/arguments.h"
#include "pg/model_session.h"
#include "pg/series_rows.h"
#include "pg/series_session.h"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/varlena.h"
}

namespace tensile {
namespace {

// The type as this session may write it; text where it cannot be found any more.
const char* resolvable_type(const char* name) {
    Oid type = InvalidOid;
    std::int32_t modifier = -1;
    if (name[0] != '\0') parseTypeString(name, &type, &modifier, true);
    return OidIsValid(type)
               ? format_type_extended(type, modifier, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY)
               : "pg_catalog.text";
}

const char* column_name(const std::string& utf8) {
    return quote_identifier(from_utf8(utf8.c_str()));
}

const char* view_statement(const char* view, const char* model, std::int32_t horizon, double level,
                           const client::SeriesResult& series) {
    StringInfoData text{};
    initStringInfo(&text);
    appendStringInfo(&text, "CREATE VIEW %s AS SELECT ",
                     NameListToQuotedString(textToQualifiedNameList(cstring_to_text(view))));
    for (std::size_t i = 0; i < series.modes.size(); ++i)
        appendStringInfo(&text, "f.series[%zu]::%s AS %s, ", i + 1,
                         resolvable_type(from_utf8(series.modes[i].type_name.c_str())),
                         column_name(series.modes[i].name));
    const char* time_type = from_utf8(series.time.type_name.c_str());
    appendStringInfo(&text,
                     "f.ts::%s AS %s, f.step, f.mean, f.lo, f.hi FROM tensile.%s(%s, horizon => %d, level => %s) AS f",
                     resolvable_type(time_type), column_name(series.time.name),
                     has_time_zone(time_type) ? "forecast" : "forecast_local", quote_literal_cstr(model), horizon,
                     DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(level))));
    return text.data;
}

}  // namespace
}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_create_forecast_view);

Datum tensile_create_forecast_view(PG_FUNCTION_ARGS) {
    using namespace tensile;
    PreventCommandIfReadOnly("tensile.create_forecast_view()");
    const char* view = text_argument(fcinfo, 0, "create_forecast_view", "view");
    const char* model = text_argument(fcinfo, 1, "create_forecast_view", "model");
    const std::int64_t horizon = horizon_argument(fcinfo, 2, "create_forecast_view");
    const double level = level_argument(fcinfo, 3, "create_forecast_view");

    MemoryContext caller = CurrentMemoryContext;
    MemoryContext context = AllocSetContextCreate(caller, "tensile forecast view", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    const client::SeriesDeclaration declaration;  // asks what the series are
    const client::SeriesResult& series = work_on_series(context, model, declaration, nullptr);
    const char* statement = view_statement(view, model, static_cast<int>(horizon), level, series);
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "could not connect to SPI");
    const int result = SPI_execute(statement, false, 0);
    if (result != SPI_OK_UTILITY) elog(ERROR, "could not create the view: %s", SPI_result_code_string(result));
    SPI_finish();
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    PG_RETURN_VOID();
}
}
