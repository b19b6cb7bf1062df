// The loading of the library: settings, and the supervisor when the library is preloaded.
#include "pg/settings.h"
#include "pg/supervisor.h"

#include "pg/pg_api.h"

#include "pg/compat.h"

extern "C" {

TENSILE_MODULE_MAGIC("0.1.0");

PGDLLEXPORT void _PG_init(void);

void _PG_init() {
    tensile::define_settings();
    // An upgrade of the cluster runs a server that must do nothing on its own.
    if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade) tensile::register_supervisor();
}
}
