// tensile.drop_model() and tensile.rename_model().
#include "pg/arguments.h"
#include "pg/catalog.h"

extern "C" {

PG_FUNCTION_INFO_V1(tensile_drop_model);
PG_FUNCTION_INFO_V1(tensile_rename_model);

Datum tensile_drop_model(PG_FUNCTION_ARGS) {
    using namespace tensile;
    PreventCommandIfReadOnly("tensile.drop_model()");
    const char* name = text_argument(fcinfo, 0, "drop_model", "name");
    require_argument(fcinfo, 1, "drop_model", "if_exists");
    drop_model(name, PG_GETARG_BOOL(1));
    PG_RETURN_VOID();
}

Datum tensile_rename_model(PG_FUNCTION_ARGS) {
    using namespace tensile;
    PreventCommandIfReadOnly("tensile.rename_model()");
    const char* name = text_argument(fcinfo, 0, "rename_model", "name");
    rename_model(name, text_argument(fcinfo, 1, "rename_model", "new_name"));
    PG_RETURN_VOID();
}
}
