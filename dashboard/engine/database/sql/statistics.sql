-- rows_written --
-- Rows written since the statistics began, by table, named as a snapshot of the schema names it.
SELECT pg_catalog.quote_ident(schemaname) || '.' || pg_catalog.quote_ident(relname), n_tup_ins + n_tup_upd + n_tup_del
FROM pg_catalog.pg_stat_user_tables

-- counted_since --
-- When they began. A reset shows in the first, a crash of the server, which loses them all, in the second.
SELECT coalesce(d.stats_reset::text, '-') || ' ' || coalesce(b.stats_reset::text, '-')
FROM pg_catalog.pg_stat_database d, pg_catalog.pg_stat_bgwriter b
WHERE d.datname = pg_catalog.current_database()
