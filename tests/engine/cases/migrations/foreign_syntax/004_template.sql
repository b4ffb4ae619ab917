CREATE SCHEMA {{ schema }};
