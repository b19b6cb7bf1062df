-- tensile.explain_plan(), what versions keep of plans and measured times, tensile.link, tensile.max_pool_share.
\pset format unaligned
SELECT * FROM test.train('planned', 'SELECT a, b, kind, y, flag FROM test.points', '{y,flag}');
SELECT decision, count(*) > 10 AS many, bool_and(bytes >= 0) AS sized, bool_and(stays IN (0, 1)) AS once, sum(copied_out) AS copied_out,
       sum(copied_in) AS copied_in, sum(copy_seconds) AS copy_seconds, sum(recompute_seconds) AS recompute_seconds
FROM tensile.explain_plan('planned') GROUP BY decision;
SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) AS kinds FROM tensile.explain_plan('planned') WHERE kind IN ('input', 'variable', 'result', 'scratch');
SELECT count(*) = count(DISTINCT (program, tensor)) AS unique_tensors, bool_and(first_op IS NOT NULL) AS used
FROM tensile.explain_plan('planned') WHERE kind = 'result';
-- It is the plan of the current version.
SELECT count(*) AS tensors FROM tensile.explain_plan('planned') \gset
SELECT * FROM test.train('planned', 'SELECT a, y FROM test.points', '{y}', replace => true);
SELECT count(*) < :tensors AS fewer FROM tensile.explain_plan('planned');
SELECT count(DISTINCT p.version) AS versions FROM tensile_store.training_plan AS p JOIN tensile_store.version AS v ON v.id = p.version
JOIN tensile_store.model AS m ON m.id = v.model WHERE m.name = 'planned';
-- A transaction that goes back takes it along.
BEGIN;
SELECT * FROM test.train('gone', 'SELECT a, y FROM test.points', '{y}');
SELECT count(*) > 0 AS planned FROM tensile.explain_plan('gone');
ROLLBACK;
\pset tuples_only on
SELECT test.error($$SELECT * FROM tensile.explain_plan('gone')$$);
SELECT test.error($$SELECT * FROM tensile.explain_plan(NULL)$$);
-- A version of an earlier release has none.
BEGIN;
DELETE FROM tensile_store.training_plan;
SELECT test.error($$SELECT * FROM tensile.explain_plan('planned')$$);
ROLLBACK;
-- Damaged or foreign profiles do not keep anybody from training.
BEGIN;
UPDATE tensile_store.version SET cost_profile = '{"device": ["?"], "figures": 7}';
SELECT * FROM test.train('unharmed', 'SELECT a, y FROM test.points', '{y}');
UPDATE tensile_store.version SET cost_profile = to_jsonb(repeat('x', 100000));
SELECT * FROM test.train('unharmed', 'SELECT a, y FROM test.points', '{y}', replace => true);
ROLLBACK;
\pset tuples_only off

-- The share of the pool is an administrator's to set.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_tensile_small;
RESET client_min_messages;
CREATE ROLE regress_tensile_small;
SHOW tensile.max_pool_share;
SELECT test.error('SET tensile.max_pool_share = 2');
SELECT test.error('SET tensile.max_pool_share = 0');
ALTER ROLE regress_tensile_small SET tensile.max_pool_share = 0.25;
SET ROLE regress_tensile_small;
SELECT test.error('SET tensile.max_pool_share = 0.5');
SELECT test.error('ALTER ROLE regress_tensile_small SET tensile.max_pool_share = 1');
RESET ROLE;
-- Too small a share is an error that says what is needed, and how to get it.
SET tensile.max_pool_share = 0.01;
SELECT regexp_replace(test.error($$SELECT * FROM tensile.train('large', 'mlp', 'SELECT a, b, y FROM test.points', target => '{y}',
    options => '{"epochs": 1, "hidden": [2048, 2048, 2048]}')$$), '[0-9.]+ (MB|GB)', '# MB', 'g');
RESET tensile.max_pool_share;
SELECT count(*) FROM tensile.models WHERE name = 'large';

-- With a part of what it would like a training moves its tensors, says nothing of it, and gives the same bits.
CREATE FUNCTION test.train_deep(name text) RETURNS TABLE (metric text, value double precision) LANGUAGE sql AS $$
    SELECT t.metric, t.value FROM tensile.train(name, 'mlp', 'SELECT a, b, kind, y FROM test.points', target => '{y}', options =>
        '{"epochs": 2, "batch_size": 1024, "hidden": [256, 256, 256, 256, 256, 256, 256, 256], "seed": 1}') AS t
    WHERE t.metric LIKE 'rows%' ORDER BY 1
$$;
SELECT * FROM test.train_deep('comfortable');
SET tensile.max_pool_share = 0.01;
SELECT * FROM test.train_deep('cramped');
RESET tensile.max_pool_share;
SELECT count(DISTINCT sha256) AS different_models FROM tensile.models WHERE name IN ('comfortable', 'cramped');
SELECT string_agg(DISTINCT decision, ' ' ORDER BY decision) AS decisions FROM tensile.explain_plan('comfortable');
SELECT count(*) FILTER (WHERE decision <> 'keep') > 0 AS moves, bool_and(copy_seconds IS NOT NULL) AS timed
FROM tensile.explain_plan('cramped');
SELECT tier, direction, bytes_per_second > 0 AS rate, latency_seconds > 0 AS latency, bytes_moved > 0 AS moved, bytes_queued,
       measured_at <= now() + interval '1 minute' AS recent
FROM tensile.link ORDER BY direction COLLATE "C";
-- Both have left what they measured of their ops.
SELECT m.name, v.cost_profile ->> 'device' AS device, jsonb_array_length(v.cost_profile -> 'figures') > 5 AS figures
FROM tensile_store.model AS m JOIN tensile_store.version AS v ON v.model = m.id WHERE m.name IN ('comfortable', 'cramped')
ORDER BY m.name COLLATE "C";
SELECT tensile.drop_model('comfortable'), tensile.drop_model('cramped');

-- Rights: as for using the model.
SET ROLE regress_tensile_small;
SELECT test.error($$SELECT * FROM tensile.explain_plan('planned')$$);
SELECT test.error($$SELECT * FROM tensile_store.training_plan$$);
RESET ROLE;
SELECT test.on_carrier('planned', 'GRANT USAGE ON TYPE %s TO regress_tensile_small');
SET ROLE regress_tensile_small;
SELECT count(*) > 0 AS planned FROM tensile.explain_plan('planned');
SELECT count(*) AS moved FROM tensile.link;
RESET ROLE;
SELECT test.on_carrier('planned', 'REVOKE USAGE ON TYPE %s FROM regress_tensile_small');
ALTER ROLE regress_tensile_small RESET ALL;
DROP ROLE regress_tensile_small;
SELECT tensile.drop_model('planned');
SELECT count(*) AS left_behind FROM tensile_store.training_plan WHERE version NOT IN (SELECT id FROM tensile_store.version);
