// Differences between PostgreSQL versions, so that no other file asks for a version. 15 is the oldest and the one
// tested.
#pragma once

#include "pg/pg_api.h"

#if PG_VERSION_NUM < 150000
#error "tensile needs PostgreSQL 15 or newer"
#endif

// The module's magic block; 18 can also show name and version.
#if PG_VERSION_NUM >= 180000
#define TENSILE_MODULE_MAGIC(version) PG_MODULE_MAGIC_EXT(.name = "tensile", .version = version)
#else
#define TENSILE_MODULE_MAGIC(version) PG_MODULE_MAGIC
#endif

namespace tensile {

// The wait event that pg_stat_activity shows: a name of our own since 17, "Extension" before.
inline uint32 wait_event([[maybe_unused]] const char* name) {
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

// A set that lives until it is freed, whatever happens to transactions.
inline WaitEventSet* create_lasting_wait_event_set(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

}  // namespace tensile
