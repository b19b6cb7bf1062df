-- The views of the engine: their columns, and what they tell.
\pset format unaligned
SELECT state, engine_pid IS NOT NULL AS engine, pool_size > 0 AS pool, models_loaded >= 0 AS models FROM tensile.engine_status();
SELECT method, count(*) > 10 AS options, bool_and(help <> '') AS help FROM tensile.methods WHERE method = 'mlp' GROUP BY method;
SELECT option, type FROM tensile.methods
WHERE method = 'mlp' AND option IN ('hidden', 'epochs', 'batch_size', 'learning_rate', 'optimizer', 'weight_decay', 'dropout', 'validation', 'patience', 'seed', 'micro_batches')
ORDER BY option COLLATE "C";
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) AS columns
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'tensile'::regnamespace GROUP BY c.relname ORDER BY c.relname COLLATE "C";
SELECT count(*) AS running FROM tensile.progress;
SELECT count(*) AS tensors FROM tensile.tensors;
SELECT count(*) AS sessions FROM tensile.pool WHERE session <> 0;
