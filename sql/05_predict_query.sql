-- tensile.predict_query(): a whole query at once.
\pset format unaligned

-- Any of the query's columns and of the predictions, in any order.
SELECT count(*), count(predicted_y), bool_and(p.kind = q.kind) AS same_rows
FROM tensile.predict_query('number', 'SELECT id, a, b, kind FROM test.points') AS p(id integer, predicted_y float8, kind text)
JOIN test.points AS q USING (id);
-- The same bits as one row at a time.
SELECT count(*) AS differences
FROM tensile.predict_query('number', 'SELECT id, a, b, kind FROM test.points') AS p(id integer, predicted_y float8)
JOIN (SELECT s.id, tensile.predict('number', s) AS single FROM (SELECT id, a, b, kind FROM test.points) AS s) AS q USING (id)
WHERE p.predicted_y IS DISTINCT FROM q.single;
-- The target may be among the columns.
SELECT count(*) > 1000 AS mostly_right
FROM tensile.predict_query('all', 'SELECT * FROM test.points') AS p(flag boolean, predicted_flag boolean, probability_flag float8, color text, predicted_color text)
WHERE (predicted_flag = (probability_flag >= 0.5)) AND predicted_color IN ('red', 'green', 'blue');
-- Columns that the model does not use are passed through, whatever their type and length.
SELECT count(DISTINCT u) AS keys, count(n) AS nulls, bool_and(length(t) = 100000) AS long, bool_and(j ->> 'k' = 'v') AS json
FROM tensile.predict_query('number', $$SELECT md5(id::text)::uuid AS u, NULL::text AS n, repeat('x', 100000) AS t, '{"k": "v"}'::jsonb AS j,
    a, b, kind FROM test.points WHERE id <= 300$$) AS p(u uuid, n text, t text, j jsonb, predicted_y float8);
-- Several blocks, with rows of very different length.
SELECT count(*), count(predicted_y), sum(length(pad)) FROM tensile.predict_query('number',
    'SELECT n, repeat(''p'', n % 50) AS pad, 0.5::float8 AS a, n / 50000.0::float8 AS b, ''x'' AS kind FROM generate_series(1, 50000) AS n')
    AS p(pad text, predicted_y float8);
-- No rows; without a list; nested in a query that itself predicts.
SELECT count(*) FROM tensile.predict_query('number', 'SELECT a, b, kind FROM test.points WHERE false') AS p(predicted_y float8);
SELECT count(*) FROM (SELECT tensile.predict_query('number', 'SELECT a, b, kind FROM test.points LIMIT 5')) AS p;
SELECT json_object_keys(to_json(p)) FROM (SELECT tensile.predict_query('flag', 'SELECT a, b, kind FROM test.points LIMIT 1') AS p) AS q;
SELECT count(*), count(predicted_y) FROM tensile.predict_query('number',
    'SELECT tensile.predict(''flag'', s) AS a, s.b, s.kind FROM (SELECT a, b, kind FROM test.points WHERE id <= 20) AS s')
    AS p(a float8, predicted_y float8);
SELECT count(*) FROM test.points AS q, LATERAL tensile.predict_query('number', format('SELECT %s::float8 AS a, 0.1::float8 AS b, ''x'' AS kind', q.a))
    AS p(predicted_y float8) WHERE q.id <= 20;

-- Errors.
\pset tuples_only on
SELECT test.error($$SELECT * FROM tensile.predict_query(NULL, 'SELECT 1 AS a') AS p(a int)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', NULL) AS p(a int)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('absent', 'SELECT 1 AS a') AS p(a int)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT a, kind FROM test.points') AS p(predicted_y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT a, b, 1 AS kind FROM test.points') AS p(predicted_y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT gen_random_uuid() AS b, a, kind FROM test.points') AS p(predicted_y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT gen_random_uuid() AS b') AS p(predicted_y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT a, b, kind FROM test.points') AS p(predicted_y integer)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT a, b, kind FROM test.points') AS p(a real, predicted_y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT a, b, kind FROM test.points') AS p(y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'DELETE FROM test.points') AS p(y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT 1.0::float8 / (1500 - id) AS a, b, kind FROM test.points') AS p(predicted_y float8)$$);
SELECT test.error($$SELECT * FROM tensile.predict_query('number', 'SELECT test.writes()::float8 AS a, b, kind FROM test.points') AS p(predicted_y float8)$$);
