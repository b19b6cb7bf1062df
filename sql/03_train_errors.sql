-- What tensile.train() refuses, with its sqlstate.
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION test.train_error(query text, target text[], options text DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT test.error(format('SELECT * FROM tensile.train(%L, %L, %L, %L, %L)', 'refused', 'mlp', query, target, options))
$$;

-- Arguments.
SELECT test.error($$SELECT * FROM tensile.train(NULL, 'mlp', 'SELECT 1 AS a', '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train('m', NULL, 'SELECT 1 AS a', '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train('m', 'mlp', NULL, '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train('m', 'mlp', 'SELECT 1 AS a', NULL)$$);
SELECT test.error($$SELECT * FROM tensile.train('m', 'mlp', 'SELECT 1 AS a', '{NULL}')$$);
SELECT test.error($$SELECT * FROM tensile.train('m', 'mlp', 'SELECT 1 AS a', '{a}', options => NULL)$$);
SELECT test.error($$SELECT * FROM tensile.train('', 'mlp', 'SELECT 1 AS a', '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train(repeat('n', 64), 'mlp', 'SELECT 1 AS a', '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train(E'two\nlines', 'mlp', 'SELECT 1 AS a', '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train('flag', 'mlp', 'SELECT 1 AS a', '{a}')$$);
SELECT test.error($$SELECT * FROM tensile.train('m', 'perceptron', 'SELECT a, y FROM test.points', '{y}')$$);

-- The query.
SELECT test.train_error('', '{a}');
SELECT test.train_error('SELECT', '{a}');
SELECT test.train_error('SELEC a', '{a}');
SELECT test.train_error('SELECT a FROM test.absent', '{a}');
SELECT test.train_error('SELECT 1 AS a; SELECT 2 AS a', '{a}');
SELECT test.train_error('INSERT INTO test.points (id) VALUES (0) RETURNING id', '{id}');
SELECT test.train_error('WITH w AS (DELETE FROM test.points RETURNING *) SELECT * FROM w', '{id}');
SELECT test.train_error('SELECT a, y INTO test.copy FROM test.points', '{y}');
SELECT test.train_error('SELECT a, y FROM test.points FOR UPDATE', '{y}');
SELECT test.train_error('SHOW work_mem', '{work_mem}');
SELECT test.train_error('EXPLAIN SELECT 1', '{a}');
CREATE FUNCTION test.writes() RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO test.points (id) VALUES (0);
    RETURN 1;
END $$;
SELECT test.train_error('SELECT test.writes() AS a, y FROM test.points', '{y}');
SELECT test.train_error('SELECT 1.0 / (id - 1500) AS a, y FROM test.points', '{y}');
SELECT test.train_error('SELECT a, a, y FROM test.points', '{y}');

-- Columns and types.
SELECT test.train_error('SELECT a FROM test.points', '{y}');
SELECT test.train_error('SELECT y FROM test.points', '{y}');
SELECT test.train_error('SELECT a, y FROM test.points', '{}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y,y}');
SELECT test.train_error('SELECT gen_random_uuid() AS u, y FROM test.points', '{y}');
SELECT test.train_error($$SELECT '{}'::jsonb AS j, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '1 day'::interval AS i, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '10:00'::time AS t, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '{1,2}'::int[] AS i, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '\x00'::bytea AS i, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '{}'::real[] AS v, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '{{1,2},{3,4}}'::real[] AS v, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '{1,NULL}'::real[] AS v, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT CASE WHEN id < 1000 THEN '{1,2}'::real[] ELSE '{1,2,3}' END AS v, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '{1e300,1}'::double precision[] AS v, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT '300000-01-01'::date AS d, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT repeat('x', 100000) AS t, y FROM test.points$$, '{y}');
SELECT test.train_error($$SELECT a, '{1,2}'::real[] AS v FROM test.points$$, '{v}');
SELECT test.train_error($$SELECT a, now() AS t FROM test.points$$, '{t}');

-- Rows that nothing can be learned from.
SELECT test.train_error('SELECT a, y FROM test.points WHERE false', '{y}');
SELECT test.train_error('SELECT a, y FROM test.points LIMIT 1', '{y}');
SELECT test.train_error('SELECT a, 5.0::float8 AS y FROM test.points', '{y}');
SELECT test.train_error('SELECT a, true AS flag FROM test.points', '{flag}');
SELECT test.train_error('SELECT a, NULL::float8 AS y FROM test.points', '{y}');
SELECT test.train_error($$SELECT a, 'NaN'::float8 AS y FROM test.points$$, '{y}');

-- Options.
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', 'epochs');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '[]');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"epoch": 3}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"epochs": 0}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"epochs": "many"}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"epochs": 2.5}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"optimizer": "sgdd"}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"dropout": 1.5}');
SELECT test.train_error('SELECT a, y FROM test.points', '{y}', '{"hidden": [0]}');

-- A network that no pool holds: an error before the first step, which says what it needs.
SELECT left(test.train_error('SELECT a, y FROM test.points', '{y}', '{"hidden": [65536, 65536]}'), 43);

-- Nothing was stored, and the rows are as they were.
SELECT count(*) FROM tensile_store.model WHERE name IN ('m', 'refused');
SELECT count(*) FROM test.points;
-- After a refused query the transaction can write.
BEGIN;
SELECT test.train_error('SELECT test.writes() AS a, y FROM test.points', '{y}');
CREATE TABLE test.written (a integer);
DROP TABLE test.written;
COMMIT;
-- In a read-only transaction.
BEGIN READ ONLY;
SELECT test.error($$SELECT * FROM tensile.train('m', 'mlp', 'SELECT a, y FROM test.points', '{y}')$$);
COMMIT;
