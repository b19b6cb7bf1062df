// See catalog_window.h.
#include "pg/catalog_window.h"

namespace tensile {
namespace {

Oid extension_owner() {
    const Oid extension = get_extension_oid("tensile", false);
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key{};
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(relation, ExtensionOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    const Oid owner =
        HeapTupleIsValid(tuple) ? reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner : InvalidOid;
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    if (!OidIsValid(owner)) elog(ERROR, "could not find the owner of extension \"tensile\"");
    return owner;
}

}  // namespace

CatalogWindow open_catalog_window() {
    CatalogWindow window{};
    const Oid owner = extension_owner();
    GetUserIdAndSecContext(&window.user, &window.security_context);
    SetUserIdAndSecContext(owner, window.security_context | SECURITY_RESTRICTED_OPERATION);
    window.settings_level = NewGUCNestLevel();
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);
    return window;
}

void close_catalog_window(const CatalogWindow& window) {
    AtEOXact_GUC(false, window.settings_level);
    SetUserIdAndSecContext(window.user, window.security_context);
}

}  // namespace tensile
