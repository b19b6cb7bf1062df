// See arguments.h.
#include "pg/arguments.h"

namespace tensile {

void require_argument(FunctionCallInfo fcinfo, int index, const char* function, const char* argument) {
    if (PG_ARGISNULL(index))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("argument \"%s\" of tensile.%s() must not be null", argument, function)));
}

const char* text_argument(FunctionCallInfo fcinfo, int index, const char* function, const char* argument) {
    require_argument(fcinfo, index, function, argument);
    return text_to_cstring(PG_GETARG_TEXT_PP(index));
}

}  // namespace tensile
