-- tensile.predict() and tensile.predict_row().
\pset format unaligned
SET extra_float_digits = 0;

-- A regression gives its value, a binary target the probability of its positive class.
SELECT s.id, abs(tensile.predict('number', s) - p.y) < 3 AS near
FROM (SELECT id, a, b, kind FROM test.points) AS s JOIN test.points AS p USING (id) ORDER BY id LIMIT 3;
SELECT count(*), min(v) >= 0 AND max(v) <= 1 AS probability
FROM (SELECT tensile.predict('flag', s) AS v FROM (SELECT a, b, kind FROM test.points) AS s) AS predicted;
-- Columns are found by name: neither their order nor further ones matter, whatever their type.
SELECT count(DISTINCT v) FROM (
    SELECT tensile.predict('number', s) AS v FROM (SELECT 0.5::float8 AS a, 0.25::float8 AS b, 'x' AS kind) AS s
    UNION ALL
    SELECT tensile.predict('number', s) FROM (SELECT 'x' AS kind, gen_random_uuid() AS u, 0.25::float8 AS b, 7 AS c, 0.5::float8 AS a) AS s) AS u;
-- A table's row, also after its type has changed.
CREATE TABLE test.rows AS SELECT id, a, b, kind FROM test.points WHERE id <= 3;
CREATE TEMP TABLE expected AS SELECT tensile.predict('number', s) AS v, id FROM (SELECT id, a, b, kind FROM test.rows) AS s;
SELECT bool_and(tensile.predict('number', r) = e.v) FROM test.rows AS r JOIN expected AS e USING (id);
ALTER TABLE test.rows DROP COLUMN id, ADD COLUMN note text;
SELECT count(tensile.predict('number', r)) FROM test.rows AS r;
-- NULL, unseen categories and unusual numbers are inputs like others; no row, no prediction.
SELECT tensile.predict('number', s) IS NOT NULL AS null_input FROM (SELECT NULL::float8 AS a, NULL::float8 AS b, NULL::text AS kind) AS s;
SELECT tensile.predict('number', s) IS NOT NULL AS unseen FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'never seen' AS kind) AS s;
SELECT tensile.predict('number', s) = tensile.predict('number', s) AS finite
FROM (SELECT 'NaN'::float8 AS a, 'Infinity'::float8 AS b, '' AS kind) AS s;
SELECT tensile.predict('number', NULL) IS NULL AS no_row, tensile.predict_row('number', NULL) IS NULL AS no_row_either;
SELECT count(*) FROM (SELECT tensile.predict('absent', s) FROM (SELECT a FROM test.points WHERE false) AS s) AS nothing;

-- Several targets: one by name, or all.
SELECT tensile.predict('all', s, task => 'y') IS NOT NULL AS y, tensile.predict('all', s, task => 'flag') BETWEEN 0 AND 1 AS flag
FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s;
SELECT p.color IN ('red', 'green', 'blue') AS color, p.probability_color BETWEEN 0 AND 1 AS probability_color,
       p.flag IN (true, false) AS flag, p.y IS NOT NULL AS y
FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s,
     tensile.predict_row('all', s) AS p(probability_color float8, color text, flag boolean, y float8);
-- A label may be asked for as text; the probability belongs to the positive class.
SELECT count(*), bool_and((p.flag = 'true') = (p.probability_flag >= 0.5)) AS consistent
FROM (SELECT a, b, kind FROM test.points) AS s, tensile.predict_row('flag', s) AS p(flag text, probability_flag float8);
-- Without a list the record says itself what it holds.
SELECT to_json(p) -> 'probability_flag' IS NOT NULL AS probability, json_typeof(to_json(p) -> 'flag') AS flag
FROM (SELECT tensile.predict_row('flag', s) AS p FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s) AS predicted;
SELECT p.* FROM (SELECT NULL::float8 AS a WHERE false) AS s RIGHT JOIN (VALUES (1)) AS one ON true,
     tensile.predict_row('flag', CASE WHEN s.a IS NULL THEN NULL ELSE s END) AS p(flag boolean);

-- Where the planner may put it: filter, join, sort, aggregate, group, check against the same twice.
SELECT count(*) > 0 AS filtered FROM (SELECT a, b, kind FROM test.points) AS s WHERE tensile.predict('number', s) > 1;
SELECT bool_and(v <= next) AS sorted FROM (
    SELECT v, coalesce(lead(v) OVER (ORDER BY v), v) AS next
    FROM (SELECT tensile.predict('number', s) AS v FROM (SELECT a, b, kind FROM test.points) AS s ORDER BY 1) AS x) AS y;
SELECT kind, count(tensile.predict('number', s)) FROM (SELECT a, b, kind FROM test.points) AS s GROUP BY kind ORDER BY kind;
SELECT count(*) FROM (SELECT a, b, kind FROM test.points) AS s WHERE tensile.predict('number', s) IS DISTINCT FROM tensile.predict('number', s);
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT a, b, kind FROM test.points) AS s WHERE tensile.predict('number', s) > 1 AND s.a > 0.5;

-- Errors.
\pset tuples_only on
SELECT test.error($$SELECT tensile.predict(NULL, s) FROM (SELECT 1 AS a) AS s$$);
SELECT test.error($$SELECT tensile.predict('absent', s) FROM (SELECT 1 AS a) AS s$$);
SELECT test.error($$SELECT tensile.predict('number', s) FROM (SELECT 0.5::float8 AS a, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT tensile.predict('number', s) FROM (SELECT 0.5::float8 AS a, 1 AS "B", 'x' AS kind) AS s$$);
SELECT test.error($$SELECT tensile.predict('number', s) FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 3 AS kind) AS s$$);
SELECT test.error($$SELECT tensile.predict('number', s) FROM (SELECT 0.5::float8 AS a, '{}'::jsonb AS b, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT tensile.predict('number', ROW(0.5, 0.5, 'x'))$$);
SELECT test.error($$SELECT tensile.predict('number', ROW())$$);
SELECT test.error($$SELECT tensile.predict('all', s) FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT tensile.predict('all', s, 'absent') FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT tensile.predict('all', s, 'color') FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s$$);
SELECT test.error($$SELECT p.* FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s, tensile.predict_row('all', s) AS p(y integer)$$);
SELECT test.error($$SELECT p.* FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s, tensile.predict_row('all', s) AS p(color integer)$$);
SELECT test.error($$SELECT p.* FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s, tensile.predict_row('all', s) AS p(y float8, z float8)$$);
