\set ON_ERROR_STOP on
\echo 'checking users'
SELECT count(*) FROM users \gset
\echo :count
