-- CREATE EXTENSION, what it makes, and what the other tests use.
SET client_min_messages = warning;
CREATE EXTENSION tensile;
\pset format unaligned

-- The functions: none runs as its owner but the event trigger, which whoever drops a carrier fires.
SELECT p.oid::regprocedure AS function, p.provolatile AS volatility, p.proparallel AS parallel,
       p.prosecdef AS security_definer, pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname LIKE 'tensile%'
ORDER BY n.nspname, p.proname COLLATE "C";

-- Every stored table is dumped, holds no column that a restore could break on, and can be read by nobody else.
SELECT c.relname, c.oid = ANY (e.extconfig) AS dumped, pg_catalog.has_table_privilege('public', c.oid, 'SELECT') AS public
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_extension AS e ON e.extname = 'tensile'
WHERE c.relnamespace = 'tensile_store'::regnamespace AND c.relkind = 'r'
ORDER BY c.relname COLLATE "C";
SELECT count(*) AS unsafe_columns
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'tensile_store'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
    AND (a.attidentity <> '' OR a.atttypid IN ('oid'::regtype, 'regclass'::regtype, 'regtype'::regtype, 'regrole'::regtype,
                                               'regproc'::regtype, 'regnamespace'::regtype, 'aclitem'::regtype,
                                               'aclitem[]'::regtype));
SELECT count(*) AS sequences FROM pg_catalog.pg_class
WHERE relnamespace IN ('tensile'::regnamespace, 'tensile_store'::regnamespace) AND relkind = 'S';
SELECT pg_catalog.has_schema_privilege('public', 'tensile', 'USAGE') AS api, pg_catalog.has_schema_privilege('public', 'tensile', 'CREATE')
    AS api_create, pg_catalog.has_schema_privilege('public', 'tensile_store', 'CREATE') AS store_create;

-- The error of a statement, in one line: sqlstate, message, detail, hint.
CREATE SCHEMA test;
CREATE FUNCTION test.error(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS OR QUERY_CANCELED THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                            hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', state || ' ' || message, nullif('  detail: ' || detail, '  detail: '),
                     nullif('  hint: ' || hint, '  hint: '));
END $$;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- Runs a command on a model's carrier, whose name is different in each run: '%s' stands for it.
CREATE FUNCTION test.on_carrier(model text, command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(command, test.carrier(model));
END $$;
CREATE FUNCTION test.carrier(model text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT format('tensile_store.%I', 'm_' || replace(id::text, '-', '')) FROM tensile_store.model WHERE name = $1
$$;

-- Whether the sessions' share of the pool is given back within five seconds.
CREATE FUNCTION test.pool_is_given_back() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..250 LOOP
        IF NOT EXISTS (SELECT FROM tensile.pool WHERE session <> 0) THEN
            RETURN true;
        END IF;
        PERFORM pg_catalog.pg_sleep(0.02);
    END LOOP;
    RETURN false;
END $$;

-- A training with few steps; its counters.
CREATE FUNCTION test.train(name text, query text, target text[], options jsonb DEFAULT '{}', replace boolean DEFAULT false)
    RETURNS TABLE (metric text, value double precision) LANGUAGE sql AS $$
    SELECT t.metric, t.value
    FROM tensile.train(name, 'mlp', query, target, '{"epochs": 2, "hidden": [8], "seed": 1}'::jsonb || options, replace) AS t
    WHERE t.metric LIKE 'rows%' ORDER BY t.metric
$$;

-- 2,000 rows: y is a number, flag has two values, color three.
CREATE TABLE test.points AS
SELECT i AS id, a, b, kind, 3 * a - b + CASE kind WHEN 'x' THEN 1 ELSE 0 END AS y, a + b > 1 AS flag,
       CASE WHEN a > 0.6 THEN 'red' WHEN b > 0.5 THEN 'green' ELSE 'blue' END AS color
FROM (SELECT i, (i * 7919 % 1000) / 1000.0::double precision AS a, (i * 104729 % 997) / 997.0::double precision AS b,
             (ARRAY['x', 'y', 'z'])[1 + i % 3] AS kind
      FROM generate_series(1, 2000) AS i) AS generated;
GRANT SELECT ON test.points TO PUBLIC;
