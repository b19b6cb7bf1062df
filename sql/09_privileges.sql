-- A plain role owns what it trains; others need USAGE on the carrier; nobody reads the store.
\pset format unaligned
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_tensile_owner, regress_tensile_user, regress_tensile_heir;
RESET client_min_messages;
CREATE ROLE regress_tensile_owner;
CREATE ROLE regress_tensile_user;
CREATE ROLE regress_tensile_heir;
CREATE TABLE test.hidden AS SELECT a, y FROM test.points;

SET ROLE regress_tensile_owner;
SELECT * FROM test.train('hers', 'SELECT a, b, kind, flag FROM test.points', '{flag}');
SELECT name, owner FROM tensile.models;
SELECT count(*) > 0 AS log FROM tensile.training_log;
SELECT tensile.predict('hers', s) IS NOT NULL AS predicts FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s;
\pset tuples_only on
SELECT test.error($$SELECT * FROM test.train('x', 'SELECT * FROM test.hidden', '{y}')$$);
SELECT test.error($$SELECT * FROM test.train('number', 'SELECT a, flag FROM test.points', '{flag}', replace => true)$$);
SELECT test.error($$SELECT * FROM tensile_store.model$$);
SELECT test.error($$SELECT bytes FROM tensile_store.weight$$);
SELECT test.error($$DELETE FROM tensile_store.version$$);
SELECT test.error($$CREATE TABLE tensile_store.t (a int)$$);
SELECT test.error($$SELECT tensile.predict('number', s) FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT tensile.drop_model('number')$$);

SET ROLE regress_tensile_user;
SELECT count(*) FROM tensile.models;
SELECT count(*) FROM tensile.training_log;
SELECT test.error($$SELECT tensile.predict('hers', s) FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT p.* FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s, tensile.predict_row('hers', s) AS p(flag boolean)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('hers', 'SELECT * FROM test.points') AS p(predicted_flag boolean)$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('hers', 'SELECT * FROM test.points')$$);
SELECT test.error($$SELECT tensile.drop_model('hers')$$);
SELECT test.error($$SELECT tensile.rename_model('hers', 'his')$$);
SELECT test.error($$SELECT * FROM test.train('hers', 'SELECT a, flag FROM test.points', '{flag}')$$);
SELECT test.error($$SELECT * FROM test.train('hers', 'SELECT a, flag FROM test.points', '{flag}', replace => true)$$);
SELECT test.error(format('DROP TYPE %s', test.carrier('hers'))) ~ '^42501';
-- A view runs as its reader.
RESET ROLE;
CREATE VIEW test.scores AS SELECT id, tensile.predict('hers', s) AS score FROM (SELECT id, a, b, kind FROM test.points) AS s;
GRANT SELECT ON test.scores TO regress_tensile_user;
SET ROLE regress_tensile_user;
SELECT test.error('SELECT * FROM test.scores');

-- Granted.
SET ROLE regress_tensile_owner;
SELECT test.on_carrier('hers', 'GRANT USAGE ON TYPE %s TO regress_tensile_user');
SET ROLE regress_tensile_user;
SELECT name, owner FROM tensile.models;
SELECT count(score) FROM test.scores;
SELECT count(*) FROM tensile.predict_query('hers', 'SELECT * FROM test.points') AS p(predicted_flag boolean);
SELECT test.error($$SELECT tensile.drop_model('hers')$$);
-- Taken back in the middle of a transaction: the next statement sees it.
BEGIN;
SELECT count(score) FROM test.scores WHERE id <= 2;
SET LOCAL ROLE regress_tensile_owner;
SELECT test.on_carrier('hers', 'REVOKE USAGE ON TYPE %s FROM regress_tensile_user');
SET LOCAL ROLE regress_tensile_user;
SELECT test.error('SELECT * FROM test.scores WHERE id <= 2');
ROLLBACK;
RESET ROLE;

-- Training inside a SECURITY DEFINER function: what it makes belongs to the function's owner.
CREATE FUNCTION test.train_for_them() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
    SELECT count(*) FROM test.train('definers', 'SELECT a, flag FROM test.points', '{flag}')
$$;
ALTER FUNCTION test.train_for_them() OWNER TO regress_tensile_owner;
SET ROLE regress_tensile_user;
SELECT test.train_for_them();
RESET ROLE;
SELECT name, owner FROM tensile.models WHERE name = 'definers';

-- A search path that leads astray changes nothing: the catalog is written with qualified names as the extension's owner.
CREATE SCHEMA regress_tensile_trap AUTHORIZATION regress_tensile_owner;
SET ROLE regress_tensile_owner;
CREATE FUNCTION regress_tensile_trap.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''2000-01-01''::timestamptz';
CREATE FUNCTION regress_tensile_trap.replace(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT ''trapped''::text';
CREATE FUNCTION regress_tensile_trap.never(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR regress_tensile_trap.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = regress_tensile_trap.never);
SET search_path = regress_tensile_trap, pg_catalog;
SELECT * FROM test.train('straight', 'SELECT a, flag FROM test.points', '{flag}');
SELECT * FROM test.train('straight', 'SELECT a, flag FROM test.points', '{flag}', replace => true);
SELECT tensile.predict('straight', s) IS NOT NULL FROM (SELECT 0.5::float8 AS a) AS s;
RESET search_path;
SELECT name, version, created > '2020-01-01' AS now FROM tensile.models WHERE name = 'straight';
SET search_path = regress_tensile_trap, pg_catalog;
SELECT tensile.drop_model('straight');
RESET search_path;
RESET ROLE;
SELECT * FROM test.leftovers();

-- Ownership follows PostgreSQL's own commands.
SELECT test.error('DROP ROLE regress_tensile_owner') ~ '^2BP01';
REASSIGN OWNED BY regress_tensile_owner TO regress_tensile_heir;
SELECT name, owner FROM tensile.models WHERE owner LIKE 'regress%' ORDER BY name;
SET ROLE regress_tensile_heir;
SELECT tensile.rename_model('hers', 'heirs');
RESET ROLE;
DROP OWNED BY regress_tensile_owner, regress_tensile_user;
DROP OWNED BY regress_tensile_heir CASCADE;
SELECT count(*) FROM tensile_store.model WHERE name IN ('hers', 'heirs', 'definers', 'straight');
SELECT * FROM test.leftovers();
DROP ROLE regress_tensile_owner, regress_tensile_user, regress_tensile_heir;
