-- Models are transactional, and a name means what the reader's snapshot says.
\pset format unaligned
CREATE FUNCTION test.version_of(model text) RETURNS integer LANGUAGE sql AS 'SELECT version FROM tensile.models WHERE name = $1';
CREATE FUNCTION test.at_half(model text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    RETURN round(tensile.predict(model, s)::numeric, 6) FROM (SELECT 0.5::float8 AS a) AS s;
END $$;
SELECT * FROM test.train('t', 'SELECT a, a * 2 AS y FROM test.points', '{y}');
SELECT test.at_half('t') AS first \gset

BEGIN;
SELECT * FROM test.train('t', 'SELECT a, a * -20 AS y FROM test.points', '{y}', replace => true);
SELECT test.at_half('t') <> :first AS other_in_here, test.version_of('t');
ROLLBACK;
SELECT test.at_half('t') = :first AS as_before, test.version_of('t');

BEGIN;
SAVEPOINT s;
SELECT * FROM test.train('t', 'SELECT a, a * -20 AS y FROM test.points', '{y}', replace => true);
SELECT * FROM test.train('u', 'SELECT a, a * 2 AS y FROM test.points', '{y}');
SELECT test.at_half('t') <> :first AS other_in_here;
ROLLBACK TO s;
SELECT test.at_half('t') = :first AS as_before, test.version_of('t'), test.version_of('u');
SELECT tensile.drop_model('t');
SELECT test.error('SELECT test.at_half(''t'')');
ROLLBACK;
SELECT test.at_half('t') = :first AS as_before;

-- One call site in a loop, through savepoints and in REPEATABLE READ: never a stale version.
CREATE FUNCTION test.loop() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first float8;
    second float8;
    third float8;
    row record;
    x float8;
BEGIN
    SELECT 0.5::float8 AS a INTO row;
    FOR i IN 1..3 LOOP
        x := tensile.predict('t', row);
        IF i = 1 THEN
            first := x;
            BEGIN
                PERFORM test.train('t', 'SELECT a, a * -20 AS y FROM test.points', '{y}', replace => true);
                RAISE EXCEPTION 'undone';
            EXCEPTION WHEN raise_exception THEN NULL;
            END;
        ELSIF i = 2 THEN
            second := x;
            PERFORM test.train('t', 'SELECT a, a * -20 AS y FROM test.points', '{y}', replace => true);
        ELSE
            third := x;
        END IF;
    END LOOP;
    RETURN format('undone changes nothing: %s, done changes: %s', first = second, second <> third);
END $$;
BEGIN;
SELECT test.loop();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT test.loop();
SELECT test.at_half('t') <> :first AS own_change_is_seen;
ROLLBACK;
-- A new version while a cursor is open: the cursor goes on with its own.
BEGIN;
DECLARE c CURSOR FOR SELECT round(tensile.predict('t', s)::numeric, 6) = :first FROM (SELECT 0.5::float8 AS a FROM generate_series(1, 2)) AS s;
FETCH c;
SELECT * FROM test.train('t', 'SELECT a, a * -20 AS y FROM test.points', '{y}', replace => true);
FETCH c;
ROLLBACK;
-- Prepared statements, generic plans.
SET plan_cache_mode = force_generic_plan;
PREPARE p(text) AS SELECT round(tensile.predict($1, s)::numeric, 6) FROM (SELECT 0.5::float8 AS a) AS s;
EXECUTE p('t') \gset
SELECT :round = :first AS prepared;
SELECT * FROM test.train('t', 'SELECT a, a * -20 AS y FROM test.points', '{y}', replace => true);
EXECUTE p('t') \gset
SELECT :round <> :first AS follows;
RESET plan_cache_mode;

-- A cancelled or failed training leaves nothing, in a subtransaction too, and the session goes on.
BEGIN;
SET LOCAL statement_timeout = '300ms';
SAVEPOINT s;
SELECT * FROM tensile.train('cancelled', 'mlp', 'SELECT a, b, kind, y FROM test.points', '{y}', '{"epochs": 100000, "patience": 0, "hidden": [256]}');
ROLLBACK TO s;
SET LOCAL statement_timeout = 0;
SELECT count(*) FROM tensile_store.model WHERE name = 'cancelled';
SELECT test.at_half('t') IS NOT NULL AS predicts;
COMMIT;
SELECT test.pool_is_given_back();
-- The same, caught.
SET statement_timeout = '300ms';
SELECT test.error($$SELECT * FROM tensile.train('cancelled', 'mlp', 'SELECT a, b, kind, y FROM test.points', '{y}', '{"epochs": 100000, "patience": 0, "hidden": [256]}')$$);
SELECT test.error($$SELECT * FROM tensile.train('cancelled', 'mlp', 'SELECT a, pg_sleep(1)::text AS s, y FROM test.points', '{y}')$$);
RESET statement_timeout;
SELECT test.pool_is_given_back();
SELECT * FROM test.leftovers();
-- Two portals at once, each with a prediction under way.
BEGIN;
DECLARE one CURSOR FOR SELECT count(predicted_y) FROM tensile.predict_query('number', 'SELECT * FROM test.points') AS p(predicted_y float8);
DECLARE two CURSOR FOR SELECT tensile.predict('number', s) IS NOT NULL FROM (SELECT a, b, kind FROM test.points) AS s;
FETCH two;
FETCH one;
FETCH two;
COMMIT;

-- An engine that is restarted between two rows of a query is given the model again.
BEGIN;
DECLARE c CURSOR FOR SELECT tensile.predict('number', s) IS NOT NULL AS predicts FROM (SELECT a, b, kind FROM test.points) AS s;
FETCH c;
SELECT tensile.restart_engine() IS NOT NULL AS restarted;
FETCH c;
COMMIT;
