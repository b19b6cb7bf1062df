// Arguments of our SQL functions: most accept no NULL, and say which one was.
#pragma once

#include "pg/pg_api.h"

namespace tensile {

// Error 22004 if the argument is NULL.
void require_argument(FunctionCallInfo fcinfo, int index, const char* function, const char* argument);
// The text argument as a C string in the current memory context; 22004 if it is NULL.
const char* text_argument(FunctionCallInfo fcinfo, int index, const char* function, const char* argument);

}  // namespace tensile
