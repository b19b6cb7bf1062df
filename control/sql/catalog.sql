-- The state of the extension: models, their versions, weights and training log. Ordinary tables: transactional, replicated,
-- dumped. No column holds a role or an OID, keys are uuids and not sequences, so a restore can neither fail on a missing
-- role nor point at the wrong one. Who owns a model and who may use it is said by its carrier, the composite type
-- tensile_store.m_<id without dashes>: its owner, and USAGE on it.

CREATE TABLE tensile_store.model (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT model_name_key UNIQUE,
    current_version integer NOT NULL,
    last_version integer NOT NULL,
    created timestamptz NOT NULL
);

-- A version is immutable once written. Its identity is sha256, over manifest and weights, which the engine computes and
-- checks: "id" only ties rows together.
CREATE TABLE tensile_store.version (
    id uuid PRIMARY KEY,
    model uuid NOT NULL REFERENCES tensile_store.model ON DELETE CASCADE,
    number integer NOT NULL,
    method text NOT NULL,
    targets text[] NOT NULL,
    columns text[] NOT NULL, -- of the training query, targets included
    column_types text[] NOT NULL,
    options text NOT NULL,
    source_query text NOT NULL,
    manifest text COLLATE "C" NOT NULL,
    sha256 bytea NOT NULL CHECK (pg_catalog.length(sha256) = 32),
    weight_bytes bigint NOT NULL,
    rows_read bigint NOT NULL,
    rows_used bigint NOT NULL,
    rows_discarded bigint NOT NULL,
    epochs integer NOT NULL,
    seconds double precision NOT NULL,
    created timestamptz NOT NULL,
    cost_profile jsonb, -- times of ops that the training measured, for the plans of later ones; NULL: none
    CONSTRAINT version_model_number_key UNIQUE (model, number)
);
-- A training looks at the profiles of the most recent versions.
CREATE INDEX version_created_index ON tensile_store.version (created);

-- Weights in parts of at most 1 MB, stored as they are: floating-point numbers do not compress.
CREATE TABLE tensile_store.weight (
    version uuid NOT NULL REFERENCES tensile_store.version ON DELETE CASCADE,
    part integer NOT NULL,
    checksum bigint NOT NULL, -- CRC-32C
    bytes bytea NOT NULL CHECK (pg_catalog.length(bytes) BETWEEN 1 AND 1048576),
    PRIMARY KEY (version, part)
);
ALTER TABLE tensile_store.weight ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The metrics of a version on its validation rows.
CREATE TABLE tensile_store.metric (
    version uuid NOT NULL REFERENCES tensile_store.version ON DELETE CASCADE,
    task text COLLATE "C" NOT NULL,
    metric text COLLATE "C" NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (version, task, metric)
);

-- One line an epoch, task and metric; task '' is the whole network.
CREATE TABLE tensile_store.training_log (
    version uuid NOT NULL REFERENCES tensile_store.version ON DELETE CASCADE,
    epoch integer NOT NULL,
    task text COLLATE "C" NOT NULL,
    metric text COLLATE "C" NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (version, epoch, task, metric)
);

-- The plan that a version was trained with: one row a tensor of each program, at most some thousand; see
-- tensile.explain_plan().
CREATE TABLE tensile_store.training_plan (
    version uuid NOT NULL REFERENCES tensile_store.version ON DELETE CASCADE,
    position integer NOT NULL,
    program text COLLATE "C" NOT NULL,
    tensor text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    decision text COLLATE "C" NOT NULL,
    stays integer NOT NULL,
    copied_out bigint NOT NULL,
    copied_in bigint NOT NULL,
    copy_seconds double precision,
    recompute_seconds double precision NOT NULL,
    first_op text COLLATE "C",
    last_op text COLLATE "C",
    PRIMARY KEY (version, position)
);

REVOKE ALL ON ALL TABLES IN SCHEMA tensile_store FROM PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('tensile_store.model', '');
SELECT pg_catalog.pg_extension_config_dump('tensile_store.version', '');
SELECT pg_catalog.pg_extension_config_dump('tensile_store.weight', '');
SELECT pg_catalog.pg_extension_config_dump('tensile_store.metric', '');
SELECT pg_catalog.pg_extension_config_dump('tensile_store.training_log', '');
SELECT pg_catalog.pg_extension_config_dump('tensile_store.training_plan', '');

-- Dropping a carrier, by whatever command, deletes the model's rows.
CREATE FUNCTION tensile_store.delete_models_of_dropped_carriers() RETURNS event_trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tensile_delete_models_of_dropped_carriers';
REVOKE ALL ON FUNCTION tensile_store.delete_models_of_dropped_carriers() FROM PUBLIC;

CREATE EVENT TRIGGER tensile_delete_models ON sql_drop
    WHEN TAG IN ('DROP TYPE', 'DROP OWNED', 'DROP SCHEMA')
    EXECUTE FUNCTION tensile_store.delete_models_of_dropped_carriers();

-- The models that the reader may use. A security barrier, because the reader's own functions must not see other rows.
CREATE VIEW tensile.models WITH (security_barrier) AS
SELECT m.name,
       v.number AS version,
       v.method,
       pg_catalog.pg_get_userbyid(t.typowner) AS owner,
       v.targets,
       ARRAY(SELECT u.name FROM pg_catalog.unnest(v.columns) WITH ORDINALITY AS u(name, position)
             WHERE u.name <> ALL (v.targets) ORDER BY u.position) AS features,
       v.weight_bytes,
       v.rows_used,
       v.epochs,
       v.seconds,
       (SELECT pg_catalog.jsonb_object_agg(s.task, s.metrics)
        FROM (SELECT x.task, pg_catalog.jsonb_object_agg(x.metric, x.value) AS metrics
              FROM tensile_store.metric AS x WHERE x.version = v.id GROUP BY x.task) AS s) AS metrics,
       v.options,
       v.source_query,
       m.created,
       v.created AS version_created,
       pg_catalog.encode(v.sha256, 'hex') AS sha256
FROM tensile_store.model AS m
JOIN tensile_store.version AS v ON v.model = m.id AND v.number = m.current_version
JOIN pg_catalog.pg_type AS t
    ON t.typname = ('m_' || pg_catalog.replace(m.id::text, '-', ''))::pg_catalog.name
    AND t.typnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'tensile_store')
WHERE pg_catalog.has_type_privilege(t.oid, 'USAGE');
COMMENT ON VIEW tensile.models IS 'models that the current user may use, at their current version';

CREATE VIEW tensile.training_log WITH (security_barrier) AS
SELECT m.name AS model,
       v.number AS version,
       l.epoch,
       l.task,
       l.metric,
       l.value
FROM tensile_store.model AS m
JOIN tensile_store.version AS v ON v.model = m.id
JOIN tensile_store.training_log AS l ON l.version = v.id
JOIN pg_catalog.pg_type AS t
    ON t.typname = ('m_' || pg_catalog.replace(m.id::text, '-', ''))::pg_catalog.name
    AND t.typnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'tensile_store')
WHERE pg_catalog.has_type_privilege(t.oid, 'USAGE');
COMMENT ON VIEW tensile.training_log IS 'losses and metrics per epoch of the models that the current user may use';

GRANT SELECT ON tensile.models, tensile.training_log TO PUBLIC;
