\set ON_ERROR_STOP on
\echo 'checking'
SELECT count(*) FROM shop.people;
