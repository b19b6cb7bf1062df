-- Forecasting: functions over the time series that a model was trained on. A model stores its series, so none of these
-- reads a table unless a query is given; they are STABLE like prediction, but a backtest, which trains, is VOLATILE.

CREATE FUNCTION tensile.forecast("model" text, horizon integer, query text DEFAULT NULL,
                                 level double precision DEFAULT 0.9)
    RETURNS TABLE (series text[], ts timestamptz, step integer, mean double precision, lo double precision,
                   hi double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_forecast';
COMMENT ON FUNCTION tensile.forecast IS
    'mean and interval of every series for the steps after its last value, in the stored rows or in those of the query';

CREATE FUNCTION tensile.forecast_local("model" text, horizon integer, query text DEFAULT NULL,
                                       level double precision DEFAULT 0.9)
    RETURNS TABLE (series text[], ts timestamp, step integer, mean double precision, lo double precision,
                   hi double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_forecast';
COMMENT ON FUNCTION tensile.forecast_local IS 'tensile.forecast() for models whose times have no time zone';

CREATE FUNCTION tensile.impute("model" text, query text DEFAULT NULL, level double precision DEFAULT 0.9)
    RETURNS TABLE (series text[], ts timestamptz, mean double precision, lo double precision, hi double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_impute';
COMMENT ON FUNCTION tensile.impute IS 'estimates for the missing cells of the series';

CREATE FUNCTION tensile.backtest("model" text, folds integer DEFAULT 5, horizon integer DEFAULT 24,
                                 level double precision DEFAULT 0.9)
    RETURNS TABLE (series text[], method text, points bigint, rmse double precision, mae double precision,
                   mase double precision, smape double precision, crps double precision, coverage double precision)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_backtest';
COMMENT ON FUNCTION tensile.backtest IS
    'scores of the method, fitted anew before each of several origins, and of naive rivals; series NULL: all together';

CREATE FUNCTION tensile.series("model" text)
    RETURNS TABLE (series text[], first timestamptz, last timestamptz, observed bigint, missing bigint, status text)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_series';
COMMENT ON FUNCTION tensile.series IS 'what each series of a model holds, and whether it can be forecast';

CREATE FUNCTION tensile.create_forecast_view(view text, "model" text, horizon integer,
                                             level double precision DEFAULT 0.9)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_create_forecast_view';
COMMENT ON FUNCTION tensile.create_forecast_view IS
    'create a view with a column for each key of the series, their time, and the forecast';

-- How well each version still forecast the rows that came after it, as measured when it was refreshed: "version" is the one
-- that was judged, one row a refresh.
CREATE VIEW tensile.forecast_drift WITH (security_barrier) AS
SELECT m.name AS model,
       v.number - 1 AS version,
       v.created AS measured,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'steps') AS steps,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'rmse') AS rmse,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'mae') AS mae,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'mase') AS mase,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'smape') AS smape,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'crps') AS crps,
       pg_catalog.max(x.value) FILTER (WHERE x.metric = 'coverage') AS coverage
FROM tensile_store.model AS m
JOIN tensile_store.version AS v ON v.model = m.id
JOIN tensile_store.metric AS x ON x.version = v.id AND x.task = 'previous_version'
JOIN pg_catalog.pg_type AS t
    ON t.typname = ('m_' || pg_catalog.replace(m.id::text, '-', ''))::pg_catalog.name
    AND t.typnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'tensile_store')
WHERE pg_catalog.has_type_privilege(t.oid, 'USAGE')
GROUP BY m.name, v.number, v.created;
COMMENT ON VIEW tensile.forecast_drift IS
    'errors of versions on the rows that came after them, measured by tensile.refresh()';
GRANT SELECT ON tensile.forecast_drift TO PUBLIC;
