-- Trains one network for two tasks on the census data, checks it on rows it has not seen and predicts. Run after load.sql; the psql
-- variable `epochs` sets how long to train (default 5).

\set ON_ERROR_STOP on
\if :{?epochs}
\else
  \set epochs 5
\endif
\pset footer off

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS tensile;

\echo '* Train a network on two tasks at once: income over 50K, never married.'
SELECT format('{"epochs": %s, "seed": 1}', :epochs) AS options \gset
SELECT * FROM tensile.train('census', 'mlp', 'SELECT * FROM census_train',
                            target => '{income_over_50k,never_married}',
                            options => :'options',
                            replace => true);

\echo '* Epoch by epoch.'
SELECT epoch, task, metric, round(value::numeric, 4) AS value
FROM tensile.training_log JOIN tensile.models ON name = model AND models.version = training_log.version
WHERE model = 'census' AND metric IN ('train_loss', 'validation_loss', 'auc')
ORDER BY epoch, task, metric;

\echo '* How good is it on the rows held out?'
SELECT task, metric, round(value::numeric, 4) AS value
FROM tensile.evaluate('census', 'SELECT * FROM census_holdout')
ORDER BY task, metric;

\echo '* Predictions: probabilities beside the truth.'
SELECT c.id, c.age, c.education, c.income_over_50k AS "over 50K", p.income_over_50k AS predicted,
       round(p.probability_income_over_50k::numeric, 3) AS probability, c.never_married AS "never married",
       round(p.probability_never_married::numeric, 3) AS "probability "
FROM (SELECT * FROM census_holdout ORDER BY id LIMIT 10) c,
     tensile.predict_row('census', c)
         AS p(income_over_50k boolean, probability_income_over_50k float8, probability_never_married float8);

\echo '* The models of this database.'
SELECT name, version, method, owner, targets, weight_bytes, rows_used, epochs, round(seconds::numeric, 1) AS seconds
FROM tensile.models;

\echo '* The tensor pool that all sessions share.'
TABLE tensile.pool;
