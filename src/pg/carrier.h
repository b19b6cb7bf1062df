// A model as an SQL object: its carrier, the empty composite type tensile_store.m_<id>, whose owner owns the model and
// on which USAGE is the right to use it. So REASSIGN OWNED, DROP OWNED, DROP ROLE, GRANT and pg_dump work on models
// without knowing them. Knows only the id of a model; its rows are the catalog's.
#pragma once

#include "pg/pg_api.h"

namespace tensile {

inline constexpr const char* kStoreSchema = "tensile_store";

// The name of the carrier type, without schema.
NameData carrier_name(const pg_uuid_t& model);

// Its OID under the current catalog snapshot; InvalidOid when it has been dropped, and the model with it.
Oid find_carrier(const pg_uuid_t& model);

// Error 42501 unless the current user may use, or owns, the model.
void require_usage(Oid carrier, const char* model_name);
void require_ownership(Oid carrier, const char* model_name);

// Both run inside a catalog window (catalog_window.h). A new carrier belongs to `owner`, who alone may use it.
void create_carrier(const pg_uuid_t& model, Oid owner);
void drop_carrier(const pg_uuid_t& model);

}  // namespace tensile
