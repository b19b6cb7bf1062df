-- Training, prediction, evaluation and administration of models. All are SECURITY INVOKER: queries run with the caller's
-- rights. The two predict functions are STABLE and not IMMUTABLE, because a model may get a new version.

CREATE FUNCTION tensile.train(name text, method text, query text, target text[] DEFAULT '{}',
                              options jsonb DEFAULT '{}', replace boolean DEFAULT false)
    RETURNS TABLE (task text, metric text, value double precision)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_train';
COMMENT ON FUNCTION tensile.train IS 'train a model on the rows of a query and store it';

CREATE FUNCTION tensile.refresh(name text, query text DEFAULT NULL, options jsonb DEFAULT '{}')
    RETURNS TABLE (task text, metric text, value double precision)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_refresh';
COMMENT ON FUNCTION tensile.refresh IS
    'go on training a model from its weights, on the rows that its query returns now, and store a new version';

CREATE FUNCTION tensile_store.predict_support(internal) RETURNS internal
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME', 'tensile_predict_support';

CREATE FUNCTION tensile.predict("model" text, "row" record, task text DEFAULT NULL) RETURNS double precision
    LANGUAGE c STABLE PARALLEL RESTRICTED
    SUPPORT tensile_store.predict_support
    AS 'MODULE_PATHNAME', 'tensile_predict';
COMMENT ON FUNCTION tensile.predict IS 'value of a regression, or probability of the positive class, for one row';

CREATE FUNCTION tensile.predict_row("model" text, "row" record) RETURNS record
    LANGUAGE c STABLE PARALLEL RESTRICTED
    SUPPORT tensile_store.predict_support
    AS 'MODULE_PATHNAME', 'tensile_predict_row';
COMMENT ON FUNCTION tensile.predict_row IS 'predictions of all tasks of a model for one row';

CREATE FUNCTION tensile.predict_query("model" text, query text) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_predict_query';
COMMENT ON FUNCTION tensile.predict_query IS 'columns of a query together with predictions for its rows';

CREATE FUNCTION tensile.evaluate("model" text, query text)
    RETURNS TABLE (task text, metric text, value double precision)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_evaluate';
COMMENT ON FUNCTION tensile.evaluate IS 'metrics of a model on the rows of a query';

CREATE FUNCTION tensile.explain_plan("model" text)
    RETURNS TABLE (program text, tensor text, kind text, bytes bigint, decision text, stays integer, copied_out bigint,
                   copied_in bigint, copy_seconds double precision, recompute_seconds double precision, first_op text,
                   last_op text)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_explain_plan';
COMMENT ON FUNCTION tensile.explain_plan IS
    'what the plan of a running training, or else of the current version''s training, decides for each tensor';

CREATE FUNCTION tensile.drop_model(name text, if_exists boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_drop_model';
COMMENT ON FUNCTION tensile.drop_model IS 'drop a model with all its versions';

CREATE FUNCTION tensile.rename_model(name text, new_name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_rename_model';
COMMENT ON FUNCTION tensile.rename_model IS 'give a model another name';
