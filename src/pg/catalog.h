// The stored models: finding a name's version under the active snapshot, reading its bytes, writing new versions. Knows
// the tables of control/sql/catalog.sql and the carrier; nothing of the engine, and never evaluates a user's
// expression.
//
// Everything here runs in PostgreSQL frames: it may ereport and holds no C++ destructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "pg/carrier.h"

namespace tensile {

inline constexpr std::size_t kKeyBytes = 32;  // SHA-256

// A row of tensile_store.model, whoever may use it, and whether or not its carrier still exists.
struct StoredModel {
    pg_uuid_t id;
    std::int32_t current_version;
};
bool find_stored_model(const char* model_name, StoredModel& model);

// CRC-32C, as stored with each part of the weights.
std::uint32_t checksum_of(std::span<const std::byte> bytes);

// A version that the current user may use.
struct ModelVersion {
    pg_uuid_t model;
    pg_uuid_t version;
    Oid carrier;
    std::int32_t number;
    std::uint8_t key[kKeyBytes];
    std::int64_t weight_bytes;
};

// The model's current version as the active snapshot sees it, by index scans and without SPI. Errors: 42704 no such
// model, 42501 no USAGE on its carrier.
ModelVersion find_version(const char* model_name);

// The columns that a version was trained with, in the current memory context.
struct ModelColumns {
    int count;
    const char** names;
    const char** types;  // as SQL writes them
};
enum class ColumnUse : std::uint8_t { kFeatures, kFeaturesAndTargets };
ModelColumns read_columns(const pg_uuid_t& version, ColumnUse use);

// What a version was trained with, in the current memory context.
struct VersionSource {
    const char* method;
    Datum targets;        // text[]
    const char* options;  // JSON, as the user gave them
    const char* query;
};
VersionSource read_source(const pg_uuid_t& version);

// The manifest (JSON, UTF-8) of a version, in the current memory context.
std::span<const char> read_manifest(const pg_uuid_t& version);

// Copies the weights to `buffer`, which must have the version's weight_bytes. XX001: parts are missing or damaged.
void read_weights(const pg_uuid_t& version, std::span<std::byte> buffer);

// The version's training plan, appended to a tuple store whose columns are those of tensile_store.training_plan from
// "program" on; false when none is stored with it.
bool append_plan(const pg_uuid_t& version, Tuplestorestate* store, TupleDesc columns);

// The cost profiles of the most recent versions of any model, in the current memory context, the most recent first:
// few, and bounded in bytes.
struct CostProfiles {
    static constexpr int kMax = 8;
    int count;
    const char* texts[kMax];  // JSON
};
CostProfiles read_cost_profiles();

// Error 22023 (empty), 42622 (too long) for what cannot be a model's name.
void check_model_name(const char* name);

// What store_version() would refuse, asked before the work: 42710 the name is taken and `replace` is not given, 42501
// the model belongs to another.
void check_may_store(const char* name, bool replace);

struct MetricRow {
    const char* task;
    const char* metric;
    double value;
};

struct LogRow {
    std::int32_t epoch;
    const char* task;
    const char* metric;
    double value;
};

// Columns of tensile_store.training_plan from "program" on.
inline constexpr const char* kPlanColumns[] = {
    "program",           "tensor",   "kind",   "bytes", "decision", "stays", "copied_out", "copied_in", "copy_seconds",
    "recompute_seconds", "first_op", "last_op"};
inline constexpr int kPlanColumnCount = static_cast<int>(std::size(kPlanColumns));

struct NewVersion {
    const char* name;
    bool replace;
    const char* method;
    Datum targets;       // text[]
    Datum columns;       // text[]
    Datum column_types;  // text[]
    const char* options;
    const char* query;
    std::span<const char> manifest;
    std::span<const std::byte> weights;
    const std::uint8_t* key;
    std::int64_t rows_read;
    std::int64_t rows_used;
    std::int64_t rows_discarded;
    std::int32_t epochs;
    double seconds;
    std::span<const MetricRow> metrics;
    std::span<const LogRow> log;
    const char* cost_profile;           // JSON; null: none
    std::span<const char* const> plan;  // kPlanColumnCount cells a row, in input syntax; a null cell is NULL
};

// Writes a version and makes it the model's current one; creates the model, owned by the current user, if need be. All
// within the transaction. Errors as of check_may_store(): another session may have been faster.
void store_version(const NewVersion& version);

// Errors: 42704 no such model (drop_model: a notice with `if_exists`), 42501 not its owner, 42710 the name is taken.
void drop_model(const char* name, bool if_exists);
void rename_model(const char* name, const char* new_name);

}  // namespace tensile
