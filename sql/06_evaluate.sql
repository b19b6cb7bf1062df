-- tensile.evaluate().
\pset format unaligned
SELECT task, metric FROM tensile.evaluate('all', 'SELECT * FROM test.points') ORDER BY task COLLATE "C", metric COLLATE "C";
SELECT metric, value FROM tensile.evaluate('number', 'SELECT * FROM test.points WHERE id <= 100') WHERE task IS NULL ORDER BY metric;
-- The metrics are those of the predictions.
SELECT abs(e.value - (SELECT sqrt(avg((p.predicted_y - p.y) ^ 2))
                      FROM tensile.predict_query('number', 'SELECT * FROM test.points') AS p(y float8, predicted_y float8))) < 1e-9 AS rmse
FROM tensile.evaluate('number', 'SELECT * FROM test.points') AS e WHERE metric = 'rmse';
SELECT abs(e.value - (SELECT avg((p.predicted_flag = p.flag)::integer)
                      FROM tensile.predict_query('flag', 'SELECT * FROM test.points') AS p(flag boolean, predicted_flag boolean))) < 1e-9 AS accuracy
FROM tensile.evaluate('flag', 'SELECT * FROM test.points') AS e WHERE metric = 'accuracy';
-- Columns that the model does not use do not matter.
SELECT count(*) FROM tensile.evaluate('number', $$SELECT *, '{}'::jsonb AS j, repeat('x', 100000) AS t FROM test.points WHERE id <= 10$$);
-- Rows without a target are not used.
SELECT metric, value FROM tensile.evaluate('number', 'SELECT a, b, kind, CASE WHEN id % 2 = 0 THEN y END AS y FROM test.points')
WHERE task IS NULL ORDER BY metric;

-- Errors.
\pset tuples_only on
SELECT test.error($$SELECT * FROM tensile.evaluate(NULL, 'SELECT 1 AS a')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', NULL)$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('absent', 'SELECT 1 AS a')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', 'SELECT a, b, kind FROM test.points')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', 'SELECT a, y FROM test.points')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', 'SELECT a, b, kind, y::text AS y FROM test.points')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', 'SELECT * FROM test.points WHERE false')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', 'SELECT a, b, kind, NULL::float8 AS y FROM test.points')$$);
SELECT test.error($$SELECT * FROM tensile.evaluate('number', 'TRUNCATE test.points')$$);
