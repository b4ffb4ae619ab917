\set ON_ERROR_STOP on
CREATE TABLE a (i int);
\echo done, isn't it
