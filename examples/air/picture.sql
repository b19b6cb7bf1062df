-- Rows for plot.py: the last days of some series, and their forecast.
SELECT station || ', ' || pollutant || ' (ug/m3)' AS panel, ts, value AS observed, NULL AS mean, NULL AS lo, NULL AS hi
FROM air
WHERE (station, pollutant) IN (('Dongsi', 'PM2.5'), ('Dongsi', 'NO2'), ('Huairou', 'O3'))
    AND ts > (SELECT max(ts) FROM air) - interval '5 days'
UNION ALL
SELECT station || ', ' || pollutant || ' (ug/m3)', ts, NULL, mean, lo, hi
FROM air_forecast
WHERE (station, pollutant) IN (('Dongsi', 'PM2.5'), ('Dongsi', 'NO2'), ('Huairou', 'O3'))
ORDER BY panel, ts;
