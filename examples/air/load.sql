-- Loads the air-quality sample: one row an hour, station and pollutant, and a graph of the stations whose edges weigh more
-- the nearer the stations are.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
DROP TABLE IF EXISTS air, air_station, air_edge CASCADE;

CREATE TEMPORARY TABLE air_wide (
    ts timestamp, station text, "PM2.5" real, "PM10" real, "SO2" real, "NO2" real, "CO" real, "O3" real
);
\copy air_wide FROM PROGRAM 'gzip -dc examples/air/data/air.csv.gz' WITH (FORMAT csv, HEADER)

CREATE TABLE air AS
SELECT ts, station, pollutant, value
FROM air_wide,
     LATERAL (VALUES ('PM2.5', "PM2.5"), ('PM10', "PM10"), ('SO2', "SO2"), ('NO2', "NO2"), ('CO', "CO"), ('O3', "O3"))
         AS cell(pollutant, value);

CREATE TABLE air_station (station text PRIMARY KEY, latitude double precision, longitude double precision);
INSERT INTO air_station VALUES
    ('Aotizhongxin', 40.00, 116.41), ('Changping', 40.20, 116.23), ('Dingling', 40.29, 116.17), ('Dongsi', 39.93, 116.42),
    ('Guanyuan', 39.93, 116.34), ('Gucheng', 39.91, 116.18), ('Huairou', 40.33, 116.63), ('Nongzhanguan', 39.94, 116.46),
    ('Shunyi', 40.13, 116.66), ('Tiantan', 39.89, 116.41), ('Wanliu', 39.99, 116.29), ('Wanshouxigong', 39.88, 116.35);

-- exp(-(distance / 20 km)^2), where that is not next to nothing.
CREATE TABLE air_edge AS
SELECT a.station AS "from", b.station AS "to", exp(-squared / 400) AS weight
FROM air_station AS a, air_station AS b,
     LATERAL (SELECT ((a.latitude - b.latitude) * 111) ^ 2 + ((a.longitude - b.longitude) * 85) ^ 2 AS squared) AS distance
WHERE a.station <> b.station AND squared < 1600;
ANALYZE air;
