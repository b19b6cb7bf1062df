-- Every type that a column may have, as feature and as target, with NULLs.
\pset format unaligned
CREATE TYPE test.mood AS ENUM ('sad', 'so-so', 'glad');
CREATE DOMAIN test.percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE test.types AS
SELECT i AS id,
       (i % 100)::smallint AS c_smallint, i AS c_integer, i * 10000000000 AS c_bigint,
       (i / 7.0)::real AS c_real, i / 9.0::double precision AS c_double, (i / 3.0)::numeric(12, 4) AS c_numeric,
       i % 2 = 0 AS c_boolean, 'text ' || i % 5 AS c_text, ('v' || i % 5)::varchar(10) AS c_varchar, ('c' || i % 5)::char(8) AS c_char,
       ('n' || i % 5)::name AS c_name, (ARRAY['sad', 'so-so', 'glad']::test.mood[])[1 + i % 3] AS c_enum,
       date '2020-01-01' + i AS c_date, timestamp '2020-01-01 10:00' + i * interval '1 hour' AS c_timestamp,
       timestamptz '2020-01-01 10:00+02' + i * interval '1 hour' AS c_timestamptz,
       ARRAY[i % 7, i % 11]::real[] AS c_real_array, ARRAY[i % 7, i % 11, i % 13]::double precision[] AS c_double_array,
       (i % 101)::test.percentage AS c_domain,
       (i % 50) / 50.0::double precision + i % 3 AS y
FROM generate_series(1, 600) AS i;

-- One feature at a time, every tenth value NULL, predicted for all rows and for one.
CREATE FUNCTION test.feature(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
    same boolean;
BEGIN
    PERFORM test.train('type_' || name,
        format('SELECT CASE WHEN id %% 10 <> 0 THEN %1$I END AS %1$I, y FROM test.types', name), '{y}');
    EXECUTE format('SELECT count(predicted_y) FROM tensile.predict_query(%L, %L) AS p(predicted_y float8)', 'type_' || name,
        format('SELECT %I FROM test.types', name)) INTO counted;
    EXECUTE format('SELECT p.predicted_y = tensile.predict(%L, s) FROM (SELECT %I FROM test.types WHERE id = 7) AS s,
        tensile.predict_query(%L, %L) AS p(predicted_y float8)', 'type_' || name, name, 'type_' || name,
        format('SELECT %I FROM test.types WHERE id = 7', name)) INTO same;
    RETURN format('%s: %s predictions, the same alone: %s', name, counted, same);
END $$;
SELECT test.feature(attname) FROM pg_catalog.pg_attribute
WHERE attrelid = 'test.types'::regclass AND attnum > 1 AND attname <> 'y' ORDER BY attnum;

-- All at once, and whole rows of the table.
SELECT * FROM test.train('types', 'SELECT * FROM test.types', '{y}');
SELECT count(tensile.predict('types', t)) FROM test.types AS t;
SELECT count(predicted_y) FROM tensile.predict_query('types', 'SELECT * FROM test.types') AS p(predicted_y float8);

-- Targets: a label comes back in the target's own type.
SELECT * FROM test.train('target_enum', 'SELECT c_integer, c_enum FROM test.types', '{c_enum}');
SELECT count(*) FROM tensile.predict_query('target_enum', 'SELECT * FROM test.types')
    AS p(c_enum test.mood, predicted_c_enum test.mood, probability_c_enum float8) WHERE predicted_c_enum >= 'sad';
SELECT * FROM test.train('target_text', 'SELECT c_integer, c_text FROM test.types', '{c_text}');
SELECT bool_and(predicted_c_text LIKE 'text _') FROM tensile.predict_query('target_text', 'SELECT * FROM test.types') AS p(predicted_c_text text);
SELECT * FROM test.train('target_char', 'SELECT c_integer, c_char FROM test.types', '{c_char}');
SELECT bool_and(predicted_c_char LIKE 'c_      ') FROM tensile.predict_query('target_char', 'SELECT * FROM test.types') AS p(predicted_c_char char(8));
SELECT * FROM test.train('target_numeric', 'SELECT c_integer, c_numeric FROM test.types', '{c_numeric}');
SELECT count(predicted_c_numeric) FROM tensile.predict_query('target_numeric', 'SELECT * FROM test.types') AS p(predicted_c_numeric float8);
SELECT * FROM test.train('target_integer', 'SELECT y, c_integer FROM test.types', '{c_integer}');
SELECT count(tensile.predict('target_integer', s)) FROM (SELECT y FROM test.types) AS s;
-- When the type is gone, the label is text.
ALTER TABLE test.types ALTER COLUMN c_enum TYPE text;
DROP TYPE test.mood;
SELECT bool_and(p.c_enum IN ('sad', 'so-so', 'glad')) FROM (SELECT c_integer FROM test.types) AS s, tensile.predict_row('target_enum', s) AS p(c_enum text);

-- A column of a model accepts any type of the same meaning.
SELECT count(tensile.predict('type_c_integer', s)) FROM (SELECT c_integer::bigint FROM test.types) AS s;
SELECT count(tensile.predict('type_c_integer', s)) FROM (SELECT c_integer::numeric FROM test.types) AS s;
SELECT count(tensile.predict('type_c_text', s)) FROM (SELECT c_text::varchar FROM test.types) AS s;

-- Limits: many columns, many categories, special numbers.
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE test.wide AS SELECT %s, i / 100.0::double precision AS y FROM generate_series(1, 50) AS i',
                           string_agg(format('((i * %s) %% 17)::real AS column_number_%s', n, n), ', '))
             FROM generate_series(1, 1599) AS n);
END $$;
SELECT * FROM test.train('wide', 'SELECT * FROM test.wide', '{y}');
SELECT count(tensile.predict('wide', w)) FROM test.wide AS w;
SELECT count(predicted_y) FROM tensile.predict_query('wide', 'SELECT * FROM test.wide') AS p(predicted_y float8);
-- A query may return more columns than a table can have, up to PostgreSQL's 1,664, and PostgreSQL refuses more.
SELECT * FROM test.train('widest', (SELECT 'SELECT *, ' || string_agg(format('column_number_%s + 1 AS extra_%s', n, n), ', ') || ' FROM test.wide'
    FROM generate_series(1, 64) AS n), '{y}');
\set VERBOSITY sqlstate
SELECT * FROM test.train('too_wide', (SELECT 'SELECT *, ' || string_agg(format('column_number_%s + 1 AS extra_%s', n, n), ', ') || ' FROM test.wide'
    FROM generate_series(1, 65) AS n), '{y}');
\set VERBOSITY default
SELECT * FROM test.train('categories', 'SELECT md5(i::text) AS c, i % 10 AS y FROM generate_series(1, 20000) AS i', '{y}', '{"epochs": 1}');
SELECT * FROM test.train('special', $$SELECT CASE id % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity' ELSE y END AS x,
    CASE id % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' ELSE date '2020-01-01' + id END AS d, y FROM test.types$$, '{y}');
SELECT count(tensile.predict('special', s)) FROM (SELECT 'NaN'::float8 AS x, 'infinity'::date AS d) AS s;
-- Arrays whose first values are NULL; the length of an array is part of the model.
SELECT * FROM test.train('late', 'SELECT CASE WHEN id > 100 THEN c_real_array END AS v, y FROM test.types ORDER BY id', '{y}');
SELECT tensile.predict('late', s) IS NOT NULL AS predicts FROM (SELECT '{1,2}'::real[] AS v) AS s;
SELECT tensile.predict('late', s) IS NOT NULL AS predicts FROM (SELECT NULL::real[] AS v) AS s;
-- The same where they are NULL throughout the first blocks, and where those rows fill a block once the length is known.
SELECT * FROM test.train('very_late', 'SELECT CASE WHEN i > 200000 THEN ARRAY[i % 7, i % 3]::real[] END AS v, i % 7 AS y
    FROM generate_series(1, 200500) AS i', '{y}', '{"epochs": 1, "batch_size": 10000}');
SELECT tensile.predict('very_late', s) IS NOT NULL AS predicts FROM (SELECT '{1,2}'::real[] AS v) AS s;
SELECT tensile.predict('very_late', s) FROM (SELECT '{1,2,3}'::real[] AS v) AS s;
SELECT count(predicted_y) FROM tensile.predict_query('very_late', 'SELECT CASE WHEN i > 150000 THEN ARRAY[i % 7, i % 3]::real[] END AS v
    FROM generate_series(1, 150500) AS i') AS p(predicted_y float8);
SELECT * FROM test.train('late_and_long', 'SELECT CASE WHEN i > 2000 THEN array_fill((i % 7)::real, ARRAY[400]) END AS v, i % 7 AS y
    FROM generate_series(1, 2100) AS i', '{y}', '{"epochs": 1}');
SELECT tensile.predict('late_and_long', s) IS NOT NULL AS predicts FROM (SELECT array_fill(1::real, ARRAY[400]) AS v) AS s;
\pset tuples_only on
SELECT test.error($$SELECT tensile.predict('late', s) FROM (SELECT '{1,2,3}'::real[] AS v) AS s$$);
SELECT test.error($$SELECT tensile.predict('late', s) FROM (SELECT '{}'::real[] AS v) AS s$$);
SELECT test.error($$SELECT tensile.predict('late', s) FROM (SELECT array_agg(i)::real[] AS v FROM generate_series(1, 20000) AS i) AS s$$);
SELECT test.error($$SELECT tensile.predict('type_c_text', s) FROM (SELECT repeat('x', 70000) AS c_text) AS s$$);
