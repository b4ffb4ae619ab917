-- sizes --
-- A partitioned table is as large as its partitions. reltuples is negative where nothing was ever counted.
SELECT w.name, CASE WHEN bool_or(c.reltuples >= 0) THEN sum(greatest(c.reltuples, 0))::bigint END,
       sum(pg_catalog.pg_total_relation_size(c.oid))::bigint
FROM pg_catalog.unnest(%(names)s::text[]) w(name)
CROSS JOIN LATERAL (
    SELECT pg_catalog.to_regclass(w.name)::oid AS oid
    UNION SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(w.name))
) parts
JOIN pg_catalog.pg_class c ON c.oid = parts.oid AND c.relkind IN ('r', 'm', 'p')
GROUP BY w.name

-- holders --
-- Transactions that are open for a while and hold a lock on one of them.
SELECT DISTINCT w.name, coalesce(nullif(a.application_name, ''), a.usename::text, 'a session') || ' (backend ' || a.pid || ')',
       pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint
FROM pg_catalog.unnest(%(names)s::text[]) w(name)
JOIN pg_catalog.pg_locks l ON l.relation = pg_catalog.to_regclass(w.name) AND l.granted
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.datname = pg_catalog.current_database()
  AND a.xact_start < pg_catalog.clock_timestamp() - interval '5 seconds'
ORDER BY 3 DESC
LIMIT 20
