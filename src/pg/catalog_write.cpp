// Writing of catalog.h: fixed statements through SPI, with every name qualified, inside the catalog window.
#include "pg/catalog.h"
#include "pg/catalog_window.h"

namespace tensile {
namespace {

constexpr std::size_t kPartBytes = 1024 * 1024;
constexpr std::size_t kMaxModelName = NAMEDATALEN - 1;

// One parameter of a statement.
struct Parameter {
    Oid type;
    Datum value;
    bool is_null = false;
};

// Runs a fixed statement that must end with `expected`; returns the rows it processed.
std::uint64_t run(const char* statement, int expected, std::span<const Parameter> parameters) {
    constexpr std::size_t kMaxParameters = 20;
    Oid types[kMaxParameters];
    Datum values[kMaxParameters];
    char nulls[kMaxParameters] = {};
    Assert(parameters.size() <= kMaxParameters);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        types[i] = parameters[i].type;
        values[i] = parameters[i].value;
        nulls[i] = parameters[i].is_null ? 'n' : ' ';
    }
    const int result =
        SPI_execute_with_args(statement, static_cast<int>(parameters.size()), types, values, nulls, false, 0);
    if (result != expected) elog(ERROR, "could not write the catalog: %s", SPI_result_code_string(result));
    return SPI_processed;
}

Datum first_column() {
    bool is_null = false;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null) elog(ERROR, "unexpected null from the catalog");
    return value;
}

pg_uuid_t make_uuid() {
    pg_uuid_t uuid{};
    if (!pg_strong_random(uuid.data, sizeof(uuid.data)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    uuid.data[6] = static_cast<unsigned char>((uuid.data[6] & 0x0f) | 0x40);  // version 4
    uuid.data[8] = static_cast<unsigned char>((uuid.data[8] & 0x3f) | 0x80);
    return uuid;
}

[[noreturn]] void refuse_taken(const char* name, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("model \"%s\" already exists", name),
                    hint != nullptr ? errhint("%s", hint) : 0));
    pg_unreachable();
}

constexpr const char* kReplaceHint =
    "Use replace => true to add a version to it, or tensile.drop_model() to remove it.";

// A model whose carrier was dropped while event triggers were off: nobody can see it, but it holds its name.
void delete_orphan(const char* name) {
    StoredModel model{};
    if (!find_stored_model(name, model) || OidIsValid(find_carrier(model.id))) return;
    const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&model.id)}};
    run("DELETE FROM tensile_store.model WHERE id OPERATOR(pg_catalog.=) $1", SPI_OK_DELETE, parameters);
}

// Inserts the model and its carrier, owned by `owner`.
pg_uuid_t create_model(const NewVersion& version, Oid owner) {
    const pg_uuid_t id = make_uuid();
    delete_orphan(version.name);
    const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&id)}, {TEXTOID, CStringGetTextDatum(version.name)}};
    if (run("INSERT INTO tensile_store.model (id, name, current_version, last_version, created) "
            "VALUES ($1, $2, 1, 1, pg_catalog.now()) ON CONFLICT (name) DO NOTHING",
            SPI_OK_INSERT, parameters) == 0)
        refuse_taken(version.name, kReplaceHint);
    create_carrier(id, owner);
    return id;
}

// Takes the next version number of an existing model; waits for whoever is adding another.
std::int32_t add_version_number(const pg_uuid_t& model, const char* name) {
    const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&model)}, {TEXTOID, CStringGetTextDatum(name)}};
    if (run("UPDATE tensile_store.model SET last_version = last_version OPERATOR(pg_catalog.+) 1, "
            "current_version = last_version OPERATOR(pg_catalog.+) 1 WHERE id OPERATOR(pg_catalog.=) $1 "
            "AND name OPERATOR(pg_catalog.=) $2 RETURNING last_version",
            SPI_OK_UPDATE_RETURNING, parameters) == 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name),
                        errdetail("It was dropped or renamed while the new version was being trained.")));
    return DatumGetInt32(first_column());
}

Parameter nullable_text(const char* text) {
    return {TEXTOID, text == nullptr ? 0 : CStringGetTextDatum(text), text == nullptr};
}

void insert_version(const NewVersion& version, const pg_uuid_t& id, const pg_uuid_t& model, std::int32_t number) {
    const char* manifest =
        pg_any_to_server(version.manifest.data(), static_cast<int>(version.manifest.size()), PG_UTF8);
    text* manifest_text = manifest == version.manifest.data()
                              ? cstring_to_text_with_len(manifest, static_cast<int>(version.manifest.size()))
                              : cstring_to_text(manifest);
    auto* key = static_cast<bytea*>(palloc(VARHDRSZ + kKeyBytes));
    SET_VARSIZE(key, VARHDRSZ + kKeyBytes);
    memcpy(VARDATA(key), version.key, kKeyBytes);
    const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&id)},
                                    {UUIDOID, UUIDPGetDatum(&model)},
                                    {INT4OID, Int32GetDatum(number)},
                                    {TEXTOID, CStringGetTextDatum(version.method)},
                                    {TEXTARRAYOID, version.targets},
                                    {TEXTARRAYOID, version.columns},
                                    {TEXTARRAYOID, version.column_types},
                                    {TEXTOID, CStringGetTextDatum(version.options)},
                                    {TEXTOID, CStringGetTextDatum(version.query)},
                                    {TEXTOID, PointerGetDatum(manifest_text)},
                                    {BYTEAOID, PointerGetDatum(key)},
                                    {INT8OID, Int64GetDatum(static_cast<std::int64_t>(version.weights.size()))},
                                    {INT8OID, Int64GetDatum(version.rows_read)},
                                    {INT8OID, Int64GetDatum(version.rows_used)},
                                    {INT8OID, Int64GetDatum(version.rows_discarded)},
                                    {INT4OID, Int32GetDatum(version.epochs)},
                                    {FLOAT8OID, Float8GetDatum(version.seconds)},
                                    nullable_text(version.cost_profile)};
    run("INSERT INTO tensile_store.version (id, model, number, method, targets, columns, column_types, options, "
        "source_query, manifest, sha256, weight_bytes, rows_read, rows_used, rows_discarded, epochs, seconds, created, "
        "cost_profile) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
        "pg_catalog.now(), $18::pg_catalog.jsonb)",
        SPI_OK_INSERT, parameters);
}

void insert_weights(const NewVersion& version, const pg_uuid_t& id) {
    auto* bytes = static_cast<bytea*>(palloc(VARHDRSZ + kPartBytes));
    std::int32_t part = 0;
    for (std::size_t begin = 0; begin < version.weights.size(); begin += kPartBytes, ++part) {
        CHECK_FOR_INTERRUPTS();
        const auto slice = version.weights.subspan(begin, std::min(kPartBytes, version.weights.size() - begin));
        SET_VARSIZE(bytes, VARHDRSZ + slice.size());
        memcpy(VARDATA(bytes), slice.data(), slice.size());
        const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&id)},
                                        {INT4OID, Int32GetDatum(part)},
                                        {INT8OID, Int64GetDatum(static_cast<std::int64_t>(checksum_of(slice)))},
                                        {BYTEAOID, PointerGetDatum(bytes)}};
        run("INSERT INTO tensile_store.weight (version, part, checksum, bytes) VALUES ($1, $2, $3, $4)", SPI_OK_INSERT,
            parameters);
    }
    pfree(bytes);
}

Datum text_array(Datum* texts, std::size_t count) {
    return PointerGetDatum(construct_array(texts, static_cast<int>(count), TEXTOID, -1, false, TYPALIGN_INT));
}

void insert_metrics(const NewVersion& version, const pg_uuid_t& id) {
    const std::size_t count = version.metrics.size();
    auto* tasks = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* metrics = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    for (std::size_t i = 0; i < count; ++i) {
        tasks[i] = CStringGetTextDatum(version.metrics[i].task);
        metrics[i] = CStringGetTextDatum(version.metrics[i].metric);
        values[i] = Float8GetDatum(version.metrics[i].value);
    }
    const Parameter parameters[] = {
        {UUIDOID, UUIDPGetDatum(&id)},
        {TEXTARRAYOID, text_array(tasks, count)},
        {TEXTARRAYOID, text_array(metrics, count)},
        {FLOAT8ARRAYOID, PointerGetDatum(construct_array(values, static_cast<int>(count), FLOAT8OID, sizeof(double),
                                                         FLOAT8PASSBYVAL, TYPALIGN_DOUBLE))}};
    run("INSERT INTO tensile_store.metric (version, task, metric, value) "
        "SELECT $1, u.task, u.metric, u.value FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), "
        "pg_catalog.unnest($4)) AS u(task, metric, value) ON CONFLICT DO NOTHING",
        SPI_OK_INSERT, parameters);
}

void insert_log(const NewVersion& version, const pg_uuid_t& id) {
    const std::size_t count = version.log.size();
    auto* epochs = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* tasks = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* metrics = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    for (std::size_t i = 0; i < count; ++i) {
        epochs[i] = Int32GetDatum(version.log[i].epoch);
        tasks[i] = CStringGetTextDatum(version.log[i].task);
        metrics[i] = CStringGetTextDatum(version.log[i].metric);
        values[i] = Float8GetDatum(version.log[i].value);
    }
    const Parameter parameters[] = {
        {UUIDOID, UUIDPGetDatum(&id)},
        {INT4ARRAYOID, PointerGetDatum(construct_array(epochs, static_cast<int>(count), INT4OID, sizeof(std::int32_t),
                                                       true, TYPALIGN_INT))},
        {TEXTARRAYOID, text_array(tasks, count)},
        {TEXTARRAYOID, text_array(metrics, count)},
        {FLOAT8ARRAYOID, PointerGetDatum(construct_array(values, static_cast<int>(count), FLOAT8OID, sizeof(double),
                                                         FLOAT8PASSBYVAL, TYPALIGN_DOUBLE))}};
    run("INSERT INTO tensile_store.training_log (version, epoch, task, metric, value) "
        "SELECT $1, u.epoch, u.task, u.metric, u.value FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), "
        "pg_catalog.unnest($4), pg_catalog.unnest($5)) AS u(epoch, task, metric, value) ON CONFLICT DO NOTHING",
        SPI_OK_INSERT, parameters);
}

void insert_plan(const NewVersion& version, const pg_uuid_t& id) {
    const auto rows = static_cast<int>(version.plan.size() / kPlanColumnCount);
    if (rows == 0) return;
    auto* cells = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(rows)));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * static_cast<std::size_t>(rows)));
    Parameter parameters[1 + kPlanColumnCount] = {{UUIDOID, UUIDPGetDatum(&id)}};
    for (int column = 0; column < kPlanColumnCount; ++column) {
        for (int row = 0; row < rows; ++row) {
            const char* cell = version.plan[static_cast<std::size_t>(row * kPlanColumnCount + column)];
            nulls[row] = cell == nullptr;
            cells[row] = cell == nullptr ? 0 : CStringGetTextDatum(cell);
        }
        int bounds[] = {1};
        int lengths[] = {rows};
        parameters[1 + column] = {TEXTARRAYOID, PointerGetDatum(construct_md_array(cells, nulls, 1, lengths, bounds,
                                                                                   TEXTOID, -1, false, TYPALIGN_INT))};
    }
    run("INSERT INTO tensile_store.training_plan (version, position, program, tensor, kind, bytes, decision, stays, "
        "copied_out, copied_in, copy_seconds, recompute_seconds, first_op, last_op) "
        "SELECT $1, u.position, u.program, u.tensor, u.kind, u.bytes::pg_catalog.int8, u.decision, "
        "u.stays::pg_catalog.int4, u.copied_out::pg_catalog.int8, u.copied_in::pg_catalog.int8, "
        "u.copy_seconds::pg_catalog.float8, u.recompute_seconds::pg_catalog.float8, u.first_op, u.last_op "
        "FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), "
        "pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9), "
        "pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12), pg_catalog.unnest($13)) "
        "WITH ORDINALITY AS u(program, tensor, kind, bytes, decision, stays, copied_out, copied_in, copy_seconds, "
        "recompute_seconds, first_op, last_op, position)",
        SPI_OK_INSERT, parameters);
}

// The model of that name if the current user owns it; 42704 and 42501 otherwise.
bool find_owned(const char* name, StoredModel& model) {
    if (!find_stored_model(name, model)) return false;
    const Oid carrier = find_carrier(model.id);
    if (!OidIsValid(carrier)) return false;
    require_ownership(carrier, name);
    return true;
}

// Waits for whoever is changing the model; false if it is gone then, or has another name.
bool lock_model(const pg_uuid_t& id, const char* name) {
    const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&id)}, {TEXTOID, CStringGetTextDatum(name)}};
    SPI_connect();
    const bool found = run("SELECT FROM tensile_store.model WHERE id OPERATOR(pg_catalog.=) $1 "
                           "AND name OPERATOR(pg_catalog.=) $2 FOR UPDATE",
                           SPI_OK_SELECT, parameters) > 0;
    SPI_finish();
    return found;
}

// Returns the number of models renamed. Another session may be giving the name away at this moment; the unique index
// tells when it has committed.
std::uint64_t update_name(const pg_uuid_t& id, const char* new_name) {
    const Parameter parameters[] = {{UUIDOID, UUIDPGetDatum(&id)}, {TEXTOID, CStringGetTextDatum(new_name)}};
    MemoryContext caller = CurrentMemoryContext;
    std::uint64_t updated = 0;
    PG_TRY();
    {
        updated = run("UPDATE tensile_store.model SET name = $2 WHERE id OPERATOR(pg_catalog.=) $1", SPI_OK_UPDATE,
                      parameters);
    }
    PG_CATCH();
    {
        if (geterrcode() != ERRCODE_UNIQUE_VIOLATION) PG_RE_THROW();
        MemoryContextSwitchTo(caller);
        FlushErrorState();
        refuse_taken(new_name, nullptr);
    }
    PG_END_TRY();
    return updated;
}

[[noreturn]] void refuse_unknown(const char* name) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name)));
    pg_unreachable();
}

}  // namespace

void check_model_name(const char* name) {
    if (name[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("model name must not be empty")));
    if (strlen(name) > kMaxModelName)
        ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG), errmsg("model name is too long"),
                        errdetail("It has %zu bytes; the limit is %zu.", strlen(name), kMaxModelName)));
    for (const char* at = name; *at != '\0'; ++at) {
        if (static_cast<unsigned char>(*at) < 0x20 || *at == 0x7f)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("model name must not contain control characters")));
    }
}

void check_may_store(const char* name, bool replace) {
    StoredModel model{};
    if (!find_stored_model(name, model)) return;
    const Oid carrier = find_carrier(model.id);
    if (!OidIsValid(carrier)) return;
    if (!replace) refuse_taken(name, kReplaceHint);
    require_ownership(carrier, name);
}

void store_version(const NewVersion& version) {
    // What others have committed while this one was being trained counts.
    PushActiveSnapshot(GetTransactionSnapshot());
    check_may_store(version.name, version.replace);
    StoredModel existing{};
    const bool exists = version.replace && find_owned(version.name, existing);
    const CatalogWindow window = open_catalog_window();
    SPI_connect();
    const pg_uuid_t id = make_uuid();
    const pg_uuid_t model = exists ? existing.id : create_model(version, window.user);
    const std::int32_t number = exists ? add_version_number(model, version.name) : 1;
    insert_version(version, id, model, number);
    insert_weights(version, id);
    insert_metrics(version, id);
    insert_log(version, id);
    insert_plan(version, id);
    SPI_finish();
    close_catalog_window(window);
    PopActiveSnapshot();
}

void drop_model(const char* name, bool if_exists) {
    StoredModel model{};
    bool found = find_owned(name, model);
    if (found) {
        const CatalogWindow window = open_catalog_window();
        found = lock_model(model.id, name);
        if (found) drop_carrier(model.id);  // the event trigger deletes the rows
        close_catalog_window(window);
    }
    if (found) return;
    if (!if_exists) refuse_unknown(name);
    ereport(NOTICE, (errmsg("model \"%s\" does not exist, skipping", name)));
}

void rename_model(const char* name, const char* new_name) {
    check_model_name(new_name);
    StoredModel model{};
    if (!find_owned(name, model)) refuse_unknown(name);
    StoredModel taken{};
    if (find_stored_model(new_name, taken) && OidIsValid(find_carrier(taken.id))) refuse_taken(new_name, nullptr);
    const CatalogWindow window = open_catalog_window();
    SPI_connect();
    delete_orphan(new_name);
    if (!lock_model(model.id, name) || update_name(model.id, new_name) == 0) refuse_unknown(name);
    SPI_finish();
    close_catalog_window(window);
}

}  // namespace tensile
