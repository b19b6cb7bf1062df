-- The two schemas: tensile is what users see, tensile_store is where models are kept. A script that finds one of them there
-- already fails, so it cannot be made to work in a schema that somebody else owns.

CREATE SCHEMA tensile;
CREATE SCHEMA tensile_store;
COMMENT ON SCHEMA tensile IS 'functions and views of tensile';
COMMENT ON SCHEMA tensile_store IS 'models of tensile and their carriers';
GRANT USAGE ON SCHEMA tensile TO PUBLIC;
-- A carrier is named in GRANT and by pg_dump; tables give nothing away.
GRANT USAGE ON SCHEMA tensile_store TO PUBLIC;
