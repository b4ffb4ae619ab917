-- identity --
-- Which database this is, as the server tells it.
SELECT s.system_identifier::text, d.datname::text, d.oid::bigint
FROM pg_catalog.pg_control_system() s, pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()

-- may_tell_server --
-- Whether this role may ask for the system identifier.
SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')

-- identity_by_name --
-- Which database this is, where the role may not ask which server.
SELECT ''::text, d.datname::text, d.oid::bigint
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()

-- doctor --
-- What makes a run unsafe, in one look.
SELECT pg_catalog.current_setting('server_version_num')::int AS version,
       pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
       pg_catalog.pg_backend_pid() AS backend_pid

-- clock --
-- In whole milliseconds: extra_float_digits can cut a float to its first digit.
SELECT pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp())::numeric * 1000)::bigint

-- rights --
-- What the role may do: superuser; create a schema; create tables in ours (null: there is no such schema); write to
-- the tracking tables that are there. Then how SQL writes the database, the role and the schema.
SELECT r.rolname, r.rolsuper,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       (SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE') FROM pg_catalog.pg_namespace n
        WHERE n.nspname = %(schema)s),
       (SELECT pg_catalog.bool_and(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                                   AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                                   AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
                                   AND (c.relname = 'migration_audit_log'
                                        OR pg_catalog.has_table_privilege(c.oid, 'UPDATE')
                                           AND pg_catalog.has_table_privilege(c.oid, 'DELETE')))
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %(schema)s AND c.relkind = 'r'
          AND c.relname IN ('schema_migrations', 'migration_audit_log', 'migration_fuse')),
       pg_catalog.quote_ident(pg_catalog.current_database()),
       pg_catalog.quote_ident(r.rolname),
       pg_catalog.quote_ident(%(schema)s)
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user

-- grants --
-- What files need besides: to create schemas in the database, and tables in public (true: there is no such schema).
-- Then how SQL writes the database and the role.
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       coalesce((SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE')
                        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                 FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'), true),
       pg_catalog.quote_ident(pg_catalog.current_database()),
       pg_catalog.quote_ident(current_user)

-- reader --
-- Whether the role may do more than read: superuser, may create a schema, or may write to any table.
SELECT r.rolsuper
       OR pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
       OR EXISTS (
           SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
             AND pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user

-- long_transactions --
-- Transactions of this database that are older than a minute, the oldest first.
SELECT pid, usename, application_name, state,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - xact_start)::int
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
  AND backend_type = 'client backend' AND xact_start < pg_catalog.clock_timestamp() - interval '1 minute'
ORDER BY xact_start LIMIT 5

-- prepared_transactions --
-- They hold their locks until someone commits them or rolls them back.
SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()

-- hidden_sessions --
-- A role without pg_read_all_stats sees that others are connected, and nothing of what they do.
SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND query = '<insufficient privilege>'

-- try_lock --
-- Session-level and never waiting: the blocking form deadlocks with CREATE INDEX CONCURRENTLY.
SELECT pg_catalog.pg_try_advisory_lock(%(class)s, %(key)s)

-- unlock --
-- False means that the lock was not ours any more.
SELECT pg_catalog.pg_advisory_unlock(%(class)s, %(key)s)

-- lock_transaction --
-- The second hold: a file that frees all session locks does not free this one.
SELECT pg_catalog.pg_advisory_xact_lock(%(class)s, %(key)s)

-- lock_held --
-- Whether this session still holds the session lock.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND classid = %(class)s::bigint::oid AND objid = %(key)s::bigint::oid AND objsubid = 2
      AND pid = pg_catalog.pg_backend_pid() AND granted
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)

-- lock_holder --
-- Who holds it.
SELECT a.application_name, a.pid, pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %(class)s::bigint::oid AND l.objid = %(key)s::bigint::oid
  AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
LIMIT 1

-- schema_exists --
-- Checked first: CREATE SCHEMA IF NOT EXISTS asks for rights even where there is nothing to create.
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s)

-- sessions_of_run --
-- The backends a run left behind.
SELECT pid FROM pg_catalog.pg_stat_activity
WHERE application_name = %(name)s AND datname = pg_catalog.current_database()

-- terminate_run --
-- End them.
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE application_name = %(name)s AND datname = pg_catalog.current_database()

-- settings_given --
-- What ALTER DATABASE and ALTER ROLE ... SET give a new session of this role here, in one word.
SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(pg_catalog.string_agg(
    setdatabase || ' ' || setrole || ' ' || setconfig::text, ' ' ORDER BY setdatabase, setrole), ''), 'SQL_ASCII')), 'hex')
FROM pg_catalog.pg_db_role_setting
WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))

-- timeouts_given --
-- Of what a new session of this role is given here, the timeouts that a run sets itself; who gives them first.
SELECT CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'ALTER ROLE ALL' WHEN s.setrole = 0 THEN 'its database'
            WHEN s.setdatabase = 0 THEN 'the role ' || session_user
            ELSE 'the role ' || session_user || ' in this database' END,
       pg_catalog.split_part(value, '=', 1), pg_catalog.split_part(value, '=', 2)
FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) value
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
  AND pg_catalog.split_part(value, '=', 1) IN (
      SELECT name FROM pg_catalog.pg_settings
      WHERE context = 'user' AND name LIKE '%_timeout' AND name NOT LIKE '%.%' AND name <> 'tcp_user_timeout')
ORDER BY 1, 2

-- settings_at_start --
-- Without the timeouts, which are the run's own business.
SELECT name, reset_val FROM pg_catalog.pg_settings
WHERE context IN ('user', 'superuser') AND name <> 'application_name' AND (context <> 'user' OR name NOT LIKE '%_timeout')

-- invalid_indexes --
-- A build that is under way is no leftover.
SELECT i.indexrelid::bigint, c.relname::text,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = %(table)s::bigint::oid AND NOT i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)

-- index_state --
-- Valid or not; no row where there is no such index.
SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = %(index)s::bigint::oid

-- index_built --
-- The index of that name in the schema of the table: valid, of that table, and its number.
SELECT i.indisvalid, i.indrelid = t.oid, i.indexrelid::bigint
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace AND c.relname = %(name)s
JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE t.oid = %(table)s::bigint::oid

-- invalid_index --
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indexrelid = %(index)s::bigint::oid AND NOT i.indisvalid
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)

-- left_by_reindex --
-- Indexes that REINDEX CONCURRENTLY made beside the old ones, or did not come to drop, and that nobody is building: of
-- a table or an index, with its partitions and what is stored outside its rows; of a schema; or of the database.
WITH RECURSIVE named AS (
    SELECT coalesce(i.indrelid, c.oid) AS oid
    FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE c.oid = %(relation)s::bigint::oid
    UNION
    SELECT h.inhrelid FROM named b JOIN pg_catalog.pg_inherits h ON h.inhparent = b.oid
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND (%(whole)s AND n.nspname = coalesce(nullif(%(schema)s, ''), n.nspname)
       OR i.indrelid IN (SELECT oid FROM named)
       OR i.indrelid IN (SELECT t.reltoastrelid FROM pg_catalog.pg_class t JOIN named ON t.oid = named.oid))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)

-- pending_detach --
-- Written so that servers without the column (13) understand it.
SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname)
FROM pg_catalog.pg_inherits h
JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = h.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE h.inhparent = %(parent)s::bigint::oid AND h.inhrelid = %(partition)s::bigint::oid
  AND (pg_catalog.to_jsonb(h) ->> 'inhdetachpending')::boolean

-- partition_state --
-- Whether both tables are there, and whether the one is a partition of the other.
SELECT %(parent)s::bigint IS NOT NULL AND %(partition)s::bigint IS NOT NULL,
       EXISTS (SELECT FROM pg_catalog.pg_inherits
               WHERE inhparent = %(parent)s::bigint::oid AND inhrelid = %(partition)s::bigint::oid)

-- index_beside --
-- An index is in the schema of its table.
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(%(name)s)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(table)s::bigint::oid

-- blockers --
-- Whom a backend waits for. What another role's session does is hidden from a role that may not see it.
SELECT b.pid, coalesce(a.usename, ''), coalesce(nullif(a.application_name, ''), a.backend_type, ''),
       coalesce(pg_catalog.host(a.client_addr), ''), coalesce(a.state, ''),
       coalesce(pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS'), ''), coalesce(a.query, '')
FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(%(pid)s)) b(pid)
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
LIMIT 10

-- progress --
-- How far a backend is that builds an index, vacuums or writes a table anew, in PostgreSQL's own words.
SELECT phase, lockers_done, lockers_total, blocks_done, blocks_total, tuples_done, tuples_total
FROM pg_catalog.pg_stat_progress_create_index WHERE pid = %(pid)s
UNION ALL
SELECT phase, 0, 0, heap_blks_scanned, heap_blks_total, 0, 0
FROM pg_catalog.pg_stat_progress_cluster WHERE pid = %(pid)s
UNION ALL
SELECT phase, 0, 0, heap_blks_scanned, heap_blks_total, 0, 0
FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = %(pid)s
LIMIT 1

-- terminate --
-- One backend, known by pid and start, because pids are used again.
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE pid = %(pid)s AND application_name = %(name)s
