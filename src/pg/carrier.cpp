// See carrier.h.
#include "pg/carrier.h"

extern "C" {
#include "commands/typecmds.h"
}

namespace tensile {
namespace {

void run_utility(const char* command) {
    const int result = SPI_execute(command, false, 0);
    if (result != SPI_OK_UTILITY) elog(ERROR, "could not run \"%s\": %s", command, SPI_result_code_string(result));
}

}  // namespace

NameData carrier_name(const pg_uuid_t& model) {
    static constexpr char kDigits[] = "0123456789abcdef";
    NameData name{};
    char* out = NameStr(name);
    *out++ = 'm';
    *out++ = '_';
    for (const unsigned char byte : model.data) {
        *out++ = kDigits[byte >> 4];
        *out++ = kDigits[byte & 15];
    }
    return name;
}

Oid find_carrier(const pg_uuid_t& model) {
    const NameData name = carrier_name(model);
    const Oid schema = get_namespace_oid(kStoreSchema, true);
    if (!OidIsValid(schema)) return InvalidOid;
    return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, PointerGetDatum(NameStr(name)), ObjectIdGetDatum(schema));
}

void require_usage(Oid carrier, const char* model_name) {
    if (pg_type_aclcheck(carrier, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for model \"%s\"", model_name)));
}

void require_ownership(Oid carrier, const char* model_name) {
    if (!pg_type_ownercheck(carrier, GetUserId()))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of model \"%s\"", model_name)));
}

void create_carrier(const pg_uuid_t& model, Oid owner) {
    const NameData name = carrier_name(model);
    SPI_connect();
    run_utility(psprintf("CREATE TYPE %s.%s AS ()", kStoreSchema, NameStr(name)));
    run_utility(psprintf("REVOKE ALL ON TYPE %s.%s FROM PUBLIC", kStoreSchema, NameStr(name)));
    SPI_finish();
    CommandCounterIncrement();
    // ALTER TYPE ... OWNER would ask that the extension's owner be a member of the new owner.
    AlterTypeOwner_oid(find_carrier(model), owner, true);
    CommandCounterIncrement();
}

void drop_carrier(const pg_uuid_t& model) {
    SPI_connect();
    run_utility(psprintf("DROP TYPE %s.%s", kStoreSchema, NameStr(carrier_name(model))));
    SPI_finish();
}

}  // namespace tensile

extern "C" {

PG_FUNCTION_INFO_V1(tensile_delete_models_of_dropped_carriers);

// The sql_drop event trigger. It is SECURITY DEFINER: whoever may drop a carrier drops the model.
Datum tensile_delete_models_of_dropped_carriers(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function can only be called by an event trigger")));
    SPI_connect();
    const int result = SPI_execute(
        "DELETE FROM tensile_store.model AS m USING pg_catalog.pg_event_trigger_dropped_objects() AS d "
        "WHERE d.object_type IN ('type', 'composite type') AND d.schema_name = 'tensile_store' "
        "AND d.object_name = 'm_' || pg_catalog.replace(m.id::pg_catalog.text, '-', '')",
        false, 0);
    if (result != SPI_OK_DELETE) elog(ERROR, "could not delete models: %s", SPI_result_code_string(result));
    SPI_finish();
    PG_RETURN_NULL();
}
}
