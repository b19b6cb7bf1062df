-- Forecasts six pollutants at twelve stations: a neural network over the graph of the stations and closed forms beside it.
-- Run after load.sql; the psql variable `epochs` sets how long the network trains (default 20).

\set ON_ERROR_STOP on
\if :{?epochs}
\else
  \set epochs 20
\endif
\pset footer off

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tensile;

\echo '* Candidates are judged on the last days; the best of them is refitted to all rows.'
SELECT task AS method, metric, round(value::numeric, 3) AS value
FROM tensile.train('air', 'auto_forecast', 'SELECT ts, station, pollutant, value FROM air',
                   replace => true)
WHERE metric IN ('mase', 'rmse', 'coverage', 'cells_missing', 'series', 'seconds_training') ORDER BY task, metric;

\echo '* NET3 learns all 72 series at once, along the graph of the stations.'
SELECT task, metric, round(value::numeric, 3) AS value
FROM tensile.train('air_net3', 'net3', 'SELECT ts, station, pollutant, value FROM air',
                   options => format('{"graphs": {"station": "air_edge"}, "epochs": %s}', :epochs)::jsonb, replace => true)
WHERE metric IN ('mase', 'rmse', 'coverage', 'epochs', 'seconds_training') ORDER BY task, metric;

\echo '* The next hours of one series, with the interval that holds 90 % of the values.'
SELECT f.series, f.ts, round(f.mean::numeric, 1) AS mean, round(f.lo::numeric, 1) AS lo, round(f.hi::numeric, 1) AS hi
FROM tensile.forecast_local('air', horizon => 24) AS f
WHERE f.series = ARRAY['Dongsi', 'NO2'] ORDER BY f.step LIMIT 4;

\echo '* Some of the missing cells.'
SELECT series, ts, round(mean::numeric, 1) AS mean, round(lo::numeric, 1) AS lo, round(hi::numeric, 1) AS hi
FROM tensile.impute('air') ORDER BY series, ts LIMIT 4;

\echo '* Three days ago, two days ago and yesterday, forecast by a model that knew nothing of them.'
SELECT method, points, round(rmse::numeric, 1) AS rmse, round(mase::numeric, 3) AS mase, round(coverage::numeric, 3) AS coverage
FROM tensile.backtest('air', folds => 3, horizon => 24) WHERE series IS NULL;

-- What a BI tool reads.
DROP VIEW IF EXISTS air_forecast;
SELECT tensile.create_forecast_view('air_forecast', 'air', horizon => 48);
