// Reading of catalog.h: index scans under the active snapshot.
#include <cstring>

#include "pg/catalog.h"

extern "C" {
#include "port/pg_crc32c.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
}

namespace tensile {
namespace {

// Positions of columns in control/sql/catalog.sql; columns are only ever appended there.
enum ModelColumn : AttrNumber { kModelId = 1, kModelName = 2, kModelCurrentVersion = 3 };
enum VersionColumn : AttrNumber {
    kVersionId = 1,
    kVersionModel = 2,
    kVersionNumber = 3,
    kVersionMethod = 4,
    kVersionTargets = 5,
    kVersionColumns = 6,
    kVersionColumnTypes = 7,
    kVersionOptions = 8,
    kVersionQuery = 9,
    kVersionManifest = 10,
    kVersionSha256 = 11,
    kVersionWeightBytes = 12,
    kVersionCostProfile = 19
};
enum PlanColumn : AttrNumber { kPlanVersion = 1, kPlanProgram = 3 };
enum WeightColumn : AttrNumber { kWeightVersion = 1, kWeightPart = 2, kWeightChecksum = 3, kWeightBytes = 4 };

// An index scan over one of our tables; plain values, so that an error may jump over it.
struct Scan {
    Relation table;
    SysScanDesc scan;

    HeapTuple next() const { return systable_getnext(scan); }
    Datum column(HeapTuple tuple, AttrNumber number) const {
        bool is_null = false;
        const Datum value = heap_getattr(tuple, number, RelationGetDescr(table), &is_null);
        if (is_null)
            elog(ERROR, "unexpected null in column %d of table \"%s\"", number, RelationGetRelationName(table));
        return value;
    }
    void close() const {
        systable_endscan(scan);
        table_close(table, AccessShareLock);
    }
};

Oid store_relation(const char* name) {
    const Oid schema = get_namespace_oid(kStoreSchema, true);
    const Oid relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
    if (!OidIsValid(relation))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"tensile\" is not installed in this database"),
                 errhint("Run CREATE EXTENSION tensile.")));
    return relation;
}

Scan begin_scan(const char* table, const char* index, int key_count, ScanKey keys) {
    Scan scan{};
    const Oid index_oid = store_relation(index);
    scan.table = table_open(store_relation(table), AccessShareLock);
    scan.scan = systable_beginscan(scan.table, index_oid, true, GetActiveSnapshot(), key_count, keys);
    return scan;
}

void key_equals_uuid(ScanKeyData& key, AttrNumber column, const pg_uuid_t& value) {
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&value));
}

[[noreturn]] void refuse_unknown(const char* model_name) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", model_name)));
    pg_unreachable();
}

[[noreturn]] void refuse_vanished() {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a version of a model has vanished")));
    pg_unreachable();
}

const char** text_elements(Datum array, int& count) {
    Datum* elements = nullptr;
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
    auto** texts = static_cast<const char**>(palloc(sizeof(char*) * static_cast<std::size_t>(count + 1)));
    for (int i = 0; i < count; ++i)
        texts[i] = TextDatumGetCString(elements[i]);
    return texts;
}

void find_number(const char* model_name, ModelVersion& version) {
    StoredModel model{};
    if (!find_stored_model(model_name, model)) refuse_unknown(model_name);
    version.model = model.id;
    version.number = model.current_version;
    version.carrier = find_carrier(model.id);
    if (!OidIsValid(version.carrier)) refuse_unknown(model_name);
}

}  // namespace

bool find_stored_model(const char* model_name, StoredModel& model) {
    ScanKeyData key{};
    // The column's collation is "C", as ScanKeyInit assumes.
    ScanKeyInit(&key, kModelName, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(model_name));
    const Scan scan = begin_scan("model", "model_name_key", 1, &key);
    HeapTuple tuple = scan.next();
    const bool found = HeapTupleIsValid(tuple);
    if (found) {
        model.id = *DatumGetUUIDP(scan.column(tuple, kModelId));
        model.current_version = DatumGetInt32(scan.column(tuple, kModelCurrentVersion));
    }
    scan.close();
    return found;
}

ModelVersion find_version(const char* model_name) {
    ModelVersion version{};
    find_number(model_name, version);
    require_usage(version.carrier, model_name);

    ScanKeyData keys[2]{};
    key_equals_uuid(keys[0], kVersionModel, version.model);
    ScanKeyInit(&keys[1], kVersionNumber, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(version.number));
    const Scan scan = begin_scan("version", "version_model_number_key", 2, keys);
    HeapTuple tuple = scan.next();
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("version %d of model \"%s\" is missing", version.number, model_name)));
    version.version = *DatumGetUUIDP(scan.column(tuple, kVersionId));
    version.weight_bytes = DatumGetInt64(scan.column(tuple, kVersionWeightBytes));
    const bytea* key = DatumGetByteaPP(scan.column(tuple, kVersionSha256));
    if (VARSIZE_ANY_EXHDR(key) != kKeyBytes)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("key of version %d of model \"%s\" is damaged", version.number, model_name)));
    std::memcpy(version.key, VARDATA_ANY(key), kKeyBytes);
    scan.close();
    return version;
}

ModelColumns read_columns(const pg_uuid_t& version, ColumnUse use) {
    ScanKeyData key{};
    key_equals_uuid(key, kVersionId, version);
    const Scan scan = begin_scan("version", "version_pkey", 1, &key);
    HeapTuple tuple = scan.next();
    if (!HeapTupleIsValid(tuple)) refuse_vanished();
    int target_count = 0;
    const char** targets = text_elements(scan.column(tuple, kVersionTargets), target_count);
    int type_count = 0;
    ModelColumns all{};
    all.names = text_elements(scan.column(tuple, kVersionColumns), all.count);
    all.types = text_elements(scan.column(tuple, kVersionColumnTypes), type_count);
    scan.close();
    if (type_count != all.count)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("columns of a model do not match their types")));
    if (use == ColumnUse::kFeaturesAndTargets) return all;
    int kept = 0;
    for (int i = 0; i < all.count; ++i) {
        bool is_target = false;
        for (int j = 0; j < target_count; ++j)
            is_target = is_target || strcmp(all.names[i], targets[j]) == 0;
        if (is_target) continue;
        all.names[kept] = all.names[i];
        all.types[kept++] = all.types[i];
    }
    all.count = kept;
    return all;
}

VersionSource read_source(const pg_uuid_t& version) {
    ScanKeyData key{};
    key_equals_uuid(key, kVersionId, version);
    const Scan scan = begin_scan("version", "version_pkey", 1, &key);
    HeapTuple tuple = scan.next();
    if (!HeapTupleIsValid(tuple)) refuse_vanished();
    const VersionSource source{TextDatumGetCString(scan.column(tuple, kVersionMethod)),
                               PointerGetDatum(DatumGetArrayTypePCopy(scan.column(tuple, kVersionTargets))),
                               TextDatumGetCString(scan.column(tuple, kVersionOptions)),
                               TextDatumGetCString(scan.column(tuple, kVersionQuery))};
    scan.close();
    return source;
}

std::span<const char> read_manifest(const pg_uuid_t& version) {
    ScanKeyData key{};
    key_equals_uuid(key, kVersionId, version);
    const Scan scan = begin_scan("version", "version_pkey", 1, &key);
    HeapTuple tuple = scan.next();
    if (!HeapTupleIsValid(tuple)) refuse_vanished();
    const char* manifest = text_to_cstring(DatumGetTextPP(scan.column(tuple, kVersionManifest)));
    scan.close();
    const char* utf8 = pg_server_to_any(manifest, static_cast<int>(strlen(manifest)), PG_UTF8);
    return {utf8, strlen(utf8)};
}

void read_weights(const pg_uuid_t& version, std::span<std::byte> buffer) {
    ScanKeyData key{};
    key_equals_uuid(key, kWeightVersion, version);
    const Scan scan = begin_scan("weight", "weight_pkey", 1, &key);
    std::size_t filled = 0;
    std::int32_t part = 0;
    while (HeapTuple tuple = scan.next()) {
        const Datum stored = scan.column(tuple, kWeightBytes);
        const bytea* bytes = DatumGetByteaPP(stored);
        const std::size_t length = VARSIZE_ANY_EXHDR(bytes);
        const pg_crc32c checksum = checksum_of({reinterpret_cast<const std::byte*>(VARDATA_ANY(bytes)), length});
        if (DatumGetInt32(scan.column(tuple, kWeightPart)) != part || length > buffer.size() - filled ||
            DatumGetInt64(scan.column(tuple, kWeightChecksum)) != static_cast<std::int64_t>(checksum))
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("part %d of a model's weights is damaged", part)));
        std::memcpy(buffer.data() + filled, VARDATA_ANY(bytes), length);
        filled += length;
        ++part;
        if (PointerGetDatum(bytes) != stored) pfree(const_cast<bytea*>(bytes));
    }
    scan.close();
    if (filled != buffer.size())
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("weights of a model are incomplete"),
                        errdetail("%zu of %zu bytes are there.", filled, buffer.size())));
}

bool append_plan(const pg_uuid_t& version, Tuplestorestate* store, TupleDesc columns) {
    ScanKeyData key{};
    key_equals_uuid(key, kPlanVersion, version);
    const Scan scan = begin_scan("training_plan", "training_plan_pkey", 1, &key);
    bool found = false;
    while (HeapTuple tuple = scan.next()) {
        Datum values[kPlanColumnCount];
        bool nulls[kPlanColumnCount];
        for (int i = 0; i < kPlanColumnCount; ++i)
            values[i] = heap_getattr(tuple, kPlanProgram + i, RelationGetDescr(scan.table), &nulls[i]);
        tuplestore_putvalues(store, columns, values, nulls);
        found = true;
    }
    scan.close();
    return found;
}

CostProfiles read_cost_profiles() {
    // Most versions have a profile; those looked at and the bytes taken are bounded all the same. The bytes must fit
    // into one packet beside the declaration of the widest table.
    constexpr int kMaxVersions = 32;
    constexpr std::size_t kMaxBytes = std::size_t{24} * 1024;
    CostProfiles profiles{};
    std::size_t bytes = 0;
    Relation table = table_open(store_relation("version"), AccessShareLock);
    Relation index = index_open(store_relation("version_created_index"), AccessShareLock);
    SysScanDesc scan = systable_beginscan_ordered(table, index, GetActiveSnapshot(), 0, nullptr);
    for (int i = 0; i < kMaxVersions && profiles.count < CostProfiles::kMax; ++i) {
        HeapTuple tuple = systable_getnext_ordered(scan, BackwardScanDirection);
        if (!HeapTupleIsValid(tuple)) break;
        bool is_null = false;
        const Datum stored = heap_getattr(tuple, kVersionCostProfile, RelationGetDescr(table), &is_null);
        if (is_null) continue;
        Jsonb* profile = DatumGetJsonbP(stored);
        const char* text = JsonbToCString(nullptr, &profile->root, VARSIZE(profile));
        bytes += strlen(text);
        if (bytes > kMaxBytes) break;
        profiles.texts[profiles.count++] = text;
    }
    systable_endscan_ordered(scan);
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    return profiles;
}

std::uint32_t checksum_of(std::span<const std::byte> bytes) {
    pg_crc32c checksum = 0;
    INIT_CRC32C(checksum);
    COMP_CRC32C(checksum, bytes.data(), bytes.size());
    FIN_CRC32C(checksum);
    return checksum;
}

}  // namespace tensile
