-- Dropping and renaming models; the carrier.
\pset format unaligned
SET client_min_messages = notice;
SELECT * FROM test.train('old', 'SELECT a, flag FROM test.points', '{flag}');
SELECT tensile.rename_model('old', 'new');
SELECT name FROM tensile.models WHERE name IN ('old', 'new');
SELECT tensile.predict('new', s) IS NOT NULL AS predicts FROM (SELECT 0.5::float8 AS a) AS s;
SELECT count(*) > 0 AS log FROM tensile.training_log WHERE model = 'new';
SELECT tensile.drop_model('new');
SELECT count(*) FROM tensile.models WHERE name = 'new';
SELECT tensile.drop_model('new', if_exists => true);

-- A dropped model leaves nothing: no rows, no carrier.
CREATE FUNCTION test.leftovers() RETURNS TABLE (orphans bigint, versions bigint, weights bigint, metrics bigint, log bigint, plans bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM pg_catalog.pg_type AS t WHERE t.typnamespace = 'tensile_store'::regnamespace AND t.typname LIKE 'm\_%'
                AND NOT EXISTS (SELECT FROM tensile_store.model AS m WHERE t.typname = 'm_' || replace(m.id::text, '-', ''))),
           (SELECT count(*) FROM tensile_store.version WHERE model NOT IN (SELECT id FROM tensile_store.model)),
           (SELECT count(*) FROM tensile_store.weight WHERE version NOT IN (SELECT id FROM tensile_store.version)),
           (SELECT count(*) FROM tensile_store.metric WHERE version NOT IN (SELECT id FROM tensile_store.version)),
           (SELECT count(*) FROM tensile_store.training_log WHERE version NOT IN (SELECT id FROM tensile_store.version)),
           (SELECT count(*) FROM tensile_store.training_plan WHERE version NOT IN (SELECT id FROM tensile_store.version))
$$;
SELECT * FROM test.leftovers();

-- Dropping the carrier drops the model; something that depends on it prevents that.
SELECT * FROM test.train('carried', 'SELECT a, flag FROM test.points', '{flag}');
SELECT test.on_carrier('carried', 'CREATE TABLE test.depends (c %s)');
SELECT left(test.error($$SELECT tensile.drop_model('carried')$$), 5) AS state;
DROP TABLE test.depends;
SELECT test.on_carrier('carried', 'DROP TYPE %s');
SELECT count(*) FROM tensile_store.model WHERE name = 'carried';
SELECT * FROM test.leftovers();
-- A carrier dropped while event triggers do not fire: the model is gone for everyone, and its name is free.
SELECT * FROM test.train('orphan', 'SELECT a, flag FROM test.points', '{flag}');
ALTER EVENT TRIGGER tensile_delete_models DISABLE;
SELECT test.on_carrier('orphan', 'DROP TYPE %s');
ALTER EVENT TRIGGER tensile_delete_models ENABLE;
SELECT count(*) FROM tensile.models WHERE name = 'orphan';
SELECT test.error($$SELECT tensile.drop_model('orphan')$$);
SELECT * FROM test.train('orphan', 'SELECT a, flag FROM test.points', '{flag}');
SELECT name, version FROM tensile.models WHERE name = 'orphan';
SELECT tensile.drop_model('orphan');

-- Errors.
\pset tuples_only on
SELECT test.error($$SELECT tensile.drop_model(NULL)$$);
SELECT test.error($$SELECT tensile.drop_model('flag', NULL)$$);
SELECT test.error($$SELECT tensile.drop_model('absent')$$);
SELECT test.error($$SELECT tensile.rename_model('absent', 'x')$$);
SELECT test.error($$SELECT tensile.rename_model('flag', 'number')$$);
SELECT test.error($$SELECT tensile.rename_model('flag', 'flag')$$);
SELECT test.error($$SELECT tensile.rename_model('flag', '')$$);
SELECT test.error($$SELECT tensile.rename_model('flag', NULL)$$);
SELECT test.error($$SELECT tensile.rename_model('flag', repeat('x', 100))$$);
BEGIN READ ONLY;
SELECT test.error($$SELECT tensile.drop_model('flag')$$);
SELECT test.error($$SELECT tensile.rename_model('flag', 'x')$$);
SELECT tensile.predict('flag', s) IS NOT NULL FROM (SELECT 0.5::float8 AS a, 0.5::float8 AS b, 'x' AS kind) AS s;
COMMIT;
