-- tensile.train(): results, stored models, versions, options.
\pset format unaligned
\set VERBOSITY default
\set SHOW_CONTEXT never

-- One target of each kind, and all at once.
SELECT t.task, t.metric, t.value IS NOT NULL AS has_value
FROM tensile.train('number', 'mlp', 'SELECT a, b, kind, y FROM test.points', target => '{y}',
                   options => '{"epochs": 3, "hidden": [16], "seed": 7}') AS t
ORDER BY t.task COLLATE "C", t.metric COLLATE "C";
SELECT * FROM test.train('flag', 'SELECT a, b, kind, flag FROM test.points', '{flag}');
SELECT * FROM test.train('color', 'SELECT a, b, kind, color FROM test.points', '{color}');
SELECT * FROM test.train('all', 'SELECT a, b, kind, y, flag, color FROM test.points', '{y,flag,color}');

-- What is stored.
SELECT name, version, method, owner = current_user AS mine, targets, features, weight_bytes > 0 AS has_weights, rows_used, epochs,
       source_query, length(sha256)
FROM tensile.models ORDER BY name COLLATE "C";
SELECT options FROM tensile.models WHERE name = 'number';
SELECT m.name, k.key FROM tensile.models AS m, jsonb_object_keys(m.metrics) AS k(key)
ORDER BY m.name COLLATE "C", k.key COLLATE "C";
SELECT model, version, count(DISTINCT epoch) AS epochs, min(epoch), max(epoch)
FROM tensile.training_log GROUP BY model, version ORDER BY model COLLATE "C";
SELECT m.name, count(w.part) AS parts, sum(length(w.bytes)) = max(v.weight_bytes) AS complete
FROM tensile_store.model AS m JOIN tensile_store.version AS v ON v.model = m.id
JOIN tensile_store.weight AS w ON w.version = v.id GROUP BY m.name ORDER BY m.name COLLATE "C";
-- The key is the hash of what is stored.
SELECT m.name, v.sha256 = sha256(convert_to(v.manifest, 'UTF8') || (SELECT string_agg(w.bytes, '' ORDER BY w.part)
       FROM tensile_store.weight AS w WHERE w.version = v.id)) AS right_key
FROM tensile_store.model AS m JOIN tensile_store.version AS v ON v.model = m.id ORDER BY m.name COLLATE "C";

-- Same seed and data, same weights; another seed, others.
SELECT * FROM test.train('again', 'SELECT a, b, kind, flag FROM test.points', '{flag}');
SELECT count(DISTINCT sha256) FROM tensile.models WHERE name IN ('flag', 'again');
SELECT * FROM test.train('again', 'SELECT a, b, kind, flag FROM test.points', '{flag}', options => '{"seed": 2}', replace => true);
SELECT name, version FROM tensile.models WHERE name = 'again';
SELECT count(DISTINCT sha256) FROM tensile.models WHERE name IN ('flag', 'again');
SELECT m.name, array_agg(v.number ORDER BY v.number) AS versions, m.current_version
FROM tensile_store.model AS m JOIN tensile_store.version AS v ON v.model = m.id WHERE m.name = 'again' GROUP BY m.id;
-- replace makes the model when there is none.
SELECT * FROM test.train('fresh', 'SELECT a, flag FROM test.points', '{flag}', replace => true);
SELECT name, version FROM tensile.models WHERE name = 'fresh';

-- Rows without a target are not used.
SELECT * FROM test.train('partly', 'SELECT a, CASE WHEN id > 500 THEN y END AS y FROM test.points', '{y}');
-- A query may be anything that returns rows.
SELECT * FROM test.train('joined', 'WITH w AS (SELECT id, a FROM test.points) SELECT w.a, p.flag FROM w JOIN test.points AS p USING (id) ORDER BY id', '{flag}');
SELECT * FROM test.train('values', 'VALUES (1.0, true), (2.0, false), (3.0, true), (4.0, false), (5.0, true), (6.0, false), (7.0, true), (8.0, false), (9.0, true), (10.0, false)', '{column2}', options => '{"validation": 0}');
-- Names may be any text.
SELECT * FROM test.train('A "quoted" näme', 'SELECT a, flag FROM test.points', '{flag}');
SELECT tensile.predict('A "quoted" näme', s) IS NOT NULL AS predicts FROM (SELECT 0.5::float8 AS a) AS s;
