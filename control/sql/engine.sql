-- The engine: its state, stopping and restarting it, and what it tells about its work. Monitoring never starts an engine.

CREATE FUNCTION tensile.engine_status()
    RETURNS TABLE (state text, detail text, supervisor_pid integer, engine_pid integer, started_at timestamptz,
                   restarts bigint, last_failure text, last_failure_at timestamptz, device text, instruction_set text,
                   library text, device_name text, driver text, device_memory bigint, device_free bigint,
                   threads integer, pool_size bigint, pool_used bigint, pool_high_water bigint,
                   pool_largest_free bigint, host_limit bigint, host_used bigint, pinned_limit bigint,
                   pinned_used bigint, sessions integer, models_loaded integer, queued integer, build_id text, warnings text[])
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1
    AS 'MODULE_PATHNAME', 'tensile_engine_status';
COMMENT ON FUNCTION tensile.engine_status() IS
    'state of the engine and its supervisor: always one row; figures in bytes, NULL where no engine answers';

CREATE FUNCTION tensile.stop_engine() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_stop_engine';
COMMENT ON FUNCTION tensile.stop_engine() IS
    'stop the engine until restart_engine() or a restart of the server; false if none was running';
REVOKE ALL ON FUNCTION tensile.stop_engine() FROM PUBLIC;

CREATE FUNCTION tensile.restart_engine() RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tensile_restart_engine';
COMMENT ON FUNCTION tensile.restart_engine() IS
    'start the engine anew, ending what it works on; the process id of the new engine';
REVOKE ALL ON FUNCTION tensile.restart_engine() FROM PUBLIC;

CREATE FUNCTION tensile.engine_pool()
    RETURNS TABLE (session bigint, pid integer, purpose text, label text, state text, bytes bigint,
                   seconds double precision, waits_for text, state_bytes bigint, step_bytes bigint,
                   comfortable_bytes bigint, resident_bytes bigint, swapped_bytes bigint, copied_out bigint,
                   copied_in bigint, recompute_seconds double precision, stall_seconds double precision,
                   replans bigint)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_engine_pool';
COMMENT ON FUNCTION tensile.engine_pool() IS 'rows of the view tensile.pool';

CREATE VIEW tensile.pool AS SELECT * FROM tensile.engine_pool();
COMMENT ON VIEW tensile.pool IS 'who holds or waits for which share of the tensor pool; session 0 is shared by all';

CREATE FUNCTION tensile.engine_link()
    RETURNS TABLE (tier text, direction text, bytes_per_second double precision, latency_seconds double precision,
                   bytes_moved bigint, bytes_queued bigint, measured_at timestamptz)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_engine_link';
COMMENT ON FUNCTION tensile.engine_link() IS 'rows of the view tensile.link';

CREATE VIEW tensile.link AS SELECT * FROM tensile.engine_link();
COMMENT ON VIEW tensile.link IS
    'what swapping between the tensor pool and the next tier is measured to cost; no rows before anything was swapped';

CREATE FUNCTION tensile.engine_tensors()
    RETURNS TABLE (job text, program text, tensor text, kind text, bytes bigint, "offset" bigint)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_engine_tensors';
COMMENT ON FUNCTION tensile.engine_tensors() IS 'rows of the view tensile.tensors';

CREATE VIEW tensile.tensors AS SELECT * FROM tensile.engine_tensors();
COMMENT ON VIEW tensile.tensors IS 'tensors of the running jobs and where each lies in its job''s extent';

CREATE FUNCTION tensile.engine_progress()
    RETURNS TABLE (session bigint, pid integer, model text, method text, phase text, epoch integer, epochs integer,
                   step bigint, steps bigint, loss double precision, rows_per_second double precision,
                   seconds double precision)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_engine_progress';
COMMENT ON FUNCTION tensile.engine_progress() IS 'rows of the view tensile.progress';

CREATE VIEW tensile.progress AS SELECT * FROM tensile.engine_progress();
COMMENT ON VIEW tensile.progress IS 'trainings and evaluations that run now, in all sessions';

CREATE FUNCTION tensile.engine_methods()
    RETURNS TABLE (method text, option text, type text, "default" text, minimum double precision,
                   maximum double precision, choices text[], help text)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'tensile_engine_methods';
COMMENT ON FUNCTION tensile.engine_methods() IS 'rows of the view tensile.methods; starts the engine if need be';

CREATE VIEW tensile.methods AS SELECT * FROM tensile.engine_methods();
COMMENT ON VIEW tensile.methods IS 'methods and their options; the row without option describes the method';

GRANT SELECT ON tensile.pool, tensile.link, tensile.tensors, tensile.progress, tensile.methods TO PUBLIC;
