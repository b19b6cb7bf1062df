-- Time series: training, forecasts, missing cells, backtests, views, refresh.
\pset format unaligned
\set VERBOSITY default
\set SHOW_CONTEXT never

-- Two kinds at three places, hourly for twenty days: a daily cycle, a level of its own for each series, some noise.
CREATE TABLE test.hourly AS
SELECT timestamp '2026-01-01' + h * interval '1 hour' AS ts, place, kind,
       10 * p + k + 3 * sin(2 * pi() * (h % 24) / 24) + ((h * 7919 + p * 104729 + k * 31) % 100) / 200.0 AS value
FROM generate_series(0, 479) AS h, (VALUES (1, 'north'), (2, 'south'), (3, 'west')) AS places(p, place),
     (VALUES (1, 'cold'), (2, 'warm')) AS kinds(k, kind);

SELECT t.task, t.metric, t.value
FROM tensile.train('hourly', 'seasonal_naive', 'SELECT ts, place, kind, value FROM test.hourly') AS t
WHERE t.metric IN ('series', 'steps', 'rows_read', 'rows_used', 'cells_missing') ORDER BY t.task COLLATE "C", t.metric COLLATE "C";
SELECT name, method, version, targets FROM tensile.models WHERE name = 'hourly';
SELECT * FROM tensile.series('hourly') ORDER BY series;

-- The season was found; every series has its forecast, in its order, with an interval around it.
SELECT count(*) AS rows, count(DISTINCT series) AS series, min(ts) AS first, max(ts) AS last, min(step), max(step),
       bool_and(lo <= mean AND mean <= hi) AS ordered
FROM tensile.forecast_local('hourly', horizon => 24);
SELECT series, step, round(mean::numeric, 2) AS mean
FROM tensile.forecast('hourly', horizon => 2) WHERE series = ARRAY['north', 'cold'];
SELECT abs(f.mean - h.value) < 1 AS as_a_day_before, count(*)
FROM tensile.forecast_local('hourly', horizon => 24) AS f
JOIN test.hourly AS h ON ARRAY[h.place, h.kind] = f.series AND h.ts = f.ts - interval '1 day' GROUP BY 1;
-- A wider interval for a higher level.
SELECT bool_and(w.hi - w.lo >= n.hi - n.lo) AS wider
FROM tensile.forecast('hourly', horizon => 24, level => 0.99) AS w
JOIN tensile.forecast('hourly', horizon => 24, level => 0.5) AS n USING (series, step);

-- Fresh rows: the forecast begins behind them.
SELECT min(ts), max(ts) FROM tensile.forecast_local('hourly', horizon => 3,
    query => $$SELECT timestamp '2026-01-21' + h * interval '1 hour' AS ts, place, kind, 5.0 AS value
               FROM generate_series(0, 4) AS h, (SELECT DISTINCT place, kind FROM test.hourly) AS s$$);

-- Series need not end together: each is forecast from its own end.
SELECT t.value FROM tensile.train('ragged', 'seasonal_naive', $$SELECT ts, place, value FROM test.hourly
    WHERE kind = 'cold' AND (place <> 'west' OR ts < '2026-01-15')$$) AS t WHERE t.metric = 'series_early_end';
SELECT series, min(ts) AS first, max(ts) AS last, min(step), max(step)
FROM tensile.forecast_local('ragged', horizon => 12) GROUP BY series ORDER BY series;
SELECT bool_and(abs(f.mean - h.value) < 1) AS as_it_went_on
FROM tensile.forecast_local('ragged', horizon => 12) AS f
JOIN test.hourly AS h ON h.kind = 'cold' AND f.series = ARRAY[h.place] AND h.ts = f.ts;

-- A typed view.
SELECT tensile.create_forecast_view('test.hourly_forecast', 'hourly', horizon => 6);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'test.hourly_forecast'::regclass AND attnum > 0 ORDER BY attnum;
SELECT place, kind, ts, step FROM test.hourly_forecast WHERE step = 1 ORDER BY place, kind;

-- Gaps are reported and filled.
CREATE TABLE test.gappy AS SELECT ts, place, value FROM test.hourly
WHERE kind = 'cold' AND NOT (place = 'south' AND ts BETWEEN '2026-01-05 03:00' AND '2026-01-05 06:00');
SELECT t.metric, t.value FROM tensile.train('gappy', 'seasonal_naive', 'SELECT * FROM test.gappy') AS t
WHERE t.metric IN ('cells_missing', 'series');
SELECT series, observed, missing, status FROM tensile.series('gappy') ORDER BY series;
SELECT i.series, count(*), min(i.ts), max(i.ts), bool_and(abs(i.mean - h.value) < 1.5) AS near
FROM tensile.impute('gappy') AS i
JOIN test.hourly AS h ON h.kind = 'cold' AND h.place = i.series[1] AND h.ts = i.ts::timestamp GROUP BY i.series;

-- Rolling origins, with naive rivals beside; on a daily cycle the seasonal one is better.
SELECT series IS NULL AS all, method, points, mae < 1 AS good, coverage > 0.5 AS covers
FROM tensile.backtest('hourly', folds => 3, horizon => 24) WHERE series IS NULL ORDER BY method COLLATE "C";
SELECT count(*) AS rows, count(DISTINCT series) AS series FROM tensile.backtest('hourly', folds => 2, horizon => 12);

-- New rows, then refresh: a new version that ends later.
INSERT INTO test.hourly SELECT ts + interval '20 days', place, kind, value FROM test.hourly WHERE ts < '2026-01-02';
SELECT t.value FROM tensile.refresh('hourly') AS t WHERE t.task = 'series' AND t.metric = 'steps';
SELECT version FROM tensile.models WHERE name = 'hourly';
SELECT max(last) FROM tensile.series('hourly');
-- How well the first version had forecast the new rows.
SELECT model, version, steps, mae < 1 AS good FROM tensile.forecast_drift;

-- A graph that is given as a table.
CREATE TABLE test.edges ("from" text, "to" text, weight real);
INSERT INTO test.edges VALUES ('north', 'south', 1), ('south', 'west', 0.5);
SELECT t.value FROM tensile.train('with_graph', 'seasonal_naive', 'SELECT * FROM test.hourly',
                                  options => '{"graphs": {"place": "test.edges"}}') AS t WHERE t.metric = 'series';

-- What is refused.
\pset tuples_only on
CREATE FUNCTION test.series_error(query text, options text DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT test.error(format('SELECT * FROM tensile.train(%L, %L, %L, options => %L)', 'refused', 'seasonal_naive', query, options))
$$;
SELECT test.series_error('SELECT place, value FROM test.hourly');
SELECT test.series_error('SELECT extract(epoch FROM ts) AS ts, place, kind, value FROM test.hourly', '{"time": "ts"}');
SELECT test.series_error('SELECT ts, place, value FROM test.hourly');
SELECT test.series_error('SELECT ts, place, kind, value FROM test.hourly WHERE false');
SELECT test.series_error('SELECT ts, place, kind, value FROM test.hourly WHERE ts = ''2026-01-01''');
SELECT test.series_error('SELECT ts, place, kind, NULL::float8 AS value FROM test.hourly');
SELECT test.series_error('SELECT ts + random() * interval ''7 minutes'' AS ts, place, kind, value FROM test.hourly', '{"step": "1 hour"}') ~ '^22023';
SELECT test.series_error('SELECT ts, place, kind, value FROM test.hourly', '{"modes": ["town"]}');
SELECT test.series_error('SELECT ts, place, kind, value FROM test.hourly', '{"step": "an hour"}');
SELECT test.series_error('SELECT ts, place, kind, value FROM test.hourly', '{"graphs": {"place": "test.absent"}}');
INSERT INTO test.edges VALUES ('north', 'east', 1);
SELECT test.series_error('SELECT ts, place, kind, value FROM test.hourly', '{"graphs": {"place": "test.edges"}}');
SELECT test.error('SELECT * FROM tensile.forecast(''hourly'', horizon => 0)');
SELECT test.error('SELECT * FROM tensile.forecast(''hourly'', horizon => 2000000000)');
SELECT test.error('SELECT * FROM tensile.forecast(''hourly'', horizon => 1, level => 1)');
SELECT test.error('SELECT tensile.create_forecast_view(''test.none'', ''hourly'', horizon => 0)');
SELECT test.error('SELECT * FROM tensile.forecast(''absent'', horizon => 1)');
SELECT test.error('SELECT * FROM tensile.forecast(''number'', horizon => 1)');
SELECT test.error('SELECT * FROM tensile.backtest(''hourly'', folds => 100, horizon => 24)');
SELECT test.error('SELECT tensile.predict(''hourly'', h) FROM test.hourly AS h LIMIT 1');
SELECT test.error('SELECT * FROM tensile.refresh(''number'')');
SELECT count(*) FROM tensile_store.model WHERE name = 'refused';
