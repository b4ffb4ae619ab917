\set ON_ERROR_STOP on
\echo 'people:'
SELECT count(*) FROM people;
