-- Loads the census data: table census, views census_train and census_holdout. Run by psql from the project's root:
--     psql -f examples/census/load.sql

\set ON_ERROR_STOP on

SET client_min_messages = warning;
DROP TABLE IF EXISTS census CASCADE;
RESET client_min_messages;

-- The columns in the order of the file, named after UCI's documentation. Codes are text: they are categories, not quantities.
CREATE TABLE census (
    id                          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    age                         smallint NOT NULL,
    class_of_worker             text NOT NULL,
    industry_code               text NOT NULL,
    occupation_code             text NOT NULL,
    education                   text NOT NULL,
    wage_per_hour               integer NOT NULL,       -- cents
    enrolled_in_education       text NOT NULL,
    marital_status              text NOT NULL,
    major_industry              text NOT NULL,
    major_occupation            text NOT NULL,
    race                        text NOT NULL,
    hispanic_origin             text,
    sex                         text NOT NULL,
    union_member                text NOT NULL,
    reason_for_unemployment     text NOT NULL,
    employment_status           text NOT NULL,
    capital_gains               integer NOT NULL,
    capital_losses              integer NOT NULL,
    dividends                   integer NOT NULL,
    tax_filer_status            text NOT NULL,
    previous_region             text NOT NULL,
    previous_state              text,
    household_status            text NOT NULL,
    household_summary           text NOT NULL,
    instance_weight             numeric(7,2) NOT NULL,  -- people in the population that this one stands for; not a feature
    migration_msa               text,
    migration_region            text,
    migration_within_region     text,
    same_house_one_year_ago     text NOT NULL,
    previous_residence_sunbelt  text,
    employer_size               smallint NOT NULL,      -- 0 (not applicable) to 6 (1,000 persons and more)
    parents_present             text NOT NULL,
    birth_country_father        text,
    birth_country_mother        text,
    birth_country_self          text,
    citizenship                 text NOT NULL,
    own_business                text NOT NULL,
    veterans_questionnaire      text NOT NULL,
    veterans_benefits           text NOT NULL,
    weeks_worked                smallint NOT NULL,
    year                        smallint NOT NULL,
    income                      text NOT NULL,

    -- The two targets, and one row in five held out, chosen by a hash of the key.
    income_over_50k             boolean GENERATED ALWAYS AS (income = '50000+.') STORED,
    never_married               boolean GENERATED ALWAYS AS (marital_status = 'Never married') STORED,
    holdout                     boolean GENERATED ALWAYS AS (hashint4(id) & 1023 < 205) STORED
);

\copy census (age, class_of_worker, industry_code, occupation_code, education, wage_per_hour, enrolled_in_education, marital_status, major_industry, major_occupation, race, hispanic_origin, sex, union_member, reason_for_unemployment, employment_status, capital_gains, capital_losses, dividends, tax_filer_status, previous_region, previous_state, household_status, household_summary, instance_weight, migration_msa, migration_region, migration_within_region, same_house_one_year_ago, previous_residence_sunbelt, employer_size, parents_present, birth_country_father, birth_country_mother, birth_country_self, citizenship, own_business, veterans_questionnaire, veterans_benefits, weeks_worked, year, income) FROM PROGRAM 'zcat examples/census/data/census-income.test.gz | sed "s/ *, */,/g"' WITH (FORMAT csv, NULL '?')

ANALYZE census;

-- What a model may see: not the weight, nor the two columns that the targets are made of. The held-out
-- rows keep their key, so that a prediction can be traced back.
CREATE VIEW census_train AS
SELECT age, class_of_worker, industry_code, occupation_code, education, wage_per_hour, enrolled_in_education, major_industry,
       major_occupation, race, hispanic_origin, sex, union_member, reason_for_unemployment, employment_status, capital_gains,
       capital_losses, dividends, tax_filer_status, previous_region, previous_state, household_status, household_summary,
       migration_msa, migration_region, migration_within_region, same_house_one_year_ago, previous_residence_sunbelt,
       employer_size, parents_present, birth_country_father, birth_country_mother, birth_country_self, citizenship, own_business,
       veterans_questionnaire, veterans_benefits, weeks_worked, year, income_over_50k, never_married
FROM census
WHERE NOT holdout;

CREATE VIEW census_holdout AS
SELECT id, age, class_of_worker, industry_code, occupation_code, education, wage_per_hour, enrolled_in_education, major_industry,
       major_occupation, race, hispanic_origin, sex, union_member, reason_for_unemployment, employment_status, capital_gains,
       capital_losses, dividends, tax_filer_status, previous_region, previous_state, household_status, household_summary,
       migration_msa, migration_region, migration_within_region, same_house_one_year_ago, previous_residence_sunbelt,
       employer_size, parents_present, birth_country_father, birth_country_mother, birth_country_self, citizenship, own_business,
       veterans_questionnaire, veterans_benefits, weeks_worked, year, income_over_50k, never_married
FROM census
WHERE holdout;

SELECT count(*) AS rows, count(*) FILTER (WHERE NOT holdout) AS train, count(*) FILTER (WHERE holdout) AS holdout,
       round(100.0 * count(*) FILTER (WHERE income_over_50k) / count(*), 1) AS "income over 50K, %",
       round(100.0 * count(*) FILTER (WHERE never_married) / count(*), 1) AS "never married, %"
FROM census;
