// The only way to PostgreSQL's headers. It knows nothing of tensile but this rule:
//
//   C++ headers come first, this header comes last.
//
// PostgreSQL's headers define macros (Min, Max, Abs, ERROR, LOG, snprintf, ...) that break C++ headers read after them,
// sometimes silently. So a file in src/pg includes, in this order: C++ library and tensile headers, then pg/pg_api.h,
// then, where it needs one that is not listed here, further PostgreSQL headers in an extern "C" block.
//
// The compiler enforces it. C++ library headers that the extension uses are read here first, which makes a later
// #include of them harmless; any other one fails with "attempt to use poisoned _GLIBCXX_BEGIN_NAMESPACE_VERSION". Our
// own headers that need no PostgreSQL type start with #include "pg/cpp_only.h", which fails in the same situation.
// Headers that do need one include this header themselves, so whoever includes them has passed the same point.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/spi_priv.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/supportnodes.h"
#include "parser/parse_type.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
#include "utils/wait_event.h"
}

// Macros that a C++ file must not meet by accident. The standard library has functions of all these names.
#undef Abs
#undef Min
#undef Max
#undef _
#undef printf
#undef fprintf
#undef vfprintf
#undef vprintf
#undef sprintf
#undef snprintf
#undef vsprintf
#undef vsnprintf
#undef strerror
#undef strerror_r

// From here on a C++ library header that has not been read above is an error.
#undef _GLIBCXX_BEGIN_NAMESPACE_VERSION
#pragma GCC poison _GLIBCXX_BEGIN_NAMESPACE_VERSION
