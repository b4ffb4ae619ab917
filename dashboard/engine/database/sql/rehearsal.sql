-- rehearsal_databases --
-- What rehearsals left on a server, and whether the one that made it is still at work there.
SELECT d.datname::text, EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = d.datname OR a.application_name = pg_catalog.regexp_replace(d.datname, '_kept$', '')
)
FROM pg_catalog.pg_database d
WHERE d.datname LIKE 'signalbox\_rehearsal\_%'

-- powers --
-- Of the role of this session, what leads out of a database.
SELECT current_user::text, r.rolsuper,
       (SELECT pg_catalog.string_agg(p.rolname, ', ' ORDER BY p.rolname) FROM pg_catalog.pg_roles p
        WHERE pg_catalog.pg_has_role(p.oid, 'MEMBER') AND (p.rolsuper OR p.rolname IN (
            'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')))
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user

-- settings_of_role --
-- Those of the role of this session, by the database in which they hold.
SELECT d.datname::text, s.setconfig
FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
WHERE s.setrole = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)

-- event_triggers_of_people --
-- Those that can stop or change what a migration does, without what an extension brought, and what Supabase keeps.
SELECT e.evtname::text
FROM pg_catalog.pg_event_trigger e
JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE e.evtenabled IN ('O', 'A') AND e.evtevent <> 'login'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  AND NOT (n.nspname = ANY (%(platform)s::text[])
           AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'supabase_admin'))
ORDER BY 1

-- relations --
-- Everything made by people that can be locked, the file each is kept in, and the table it is part of.
SELECT c.oid::bigint, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       c.relfilenode::bigint, i.indrelid::bigint, coalesce(i.indrelid, d.refobjid)::bigint
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_catalog.pg_depend d ON c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
  AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S', 'i', 'I')
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'

-- relation_locks --
-- What a backend holds on relations of this database.
SELECT l.relation::bigint, l.mode
FROM pg_catalog.pg_locks l
WHERE l.pid = %(pid)s AND l.granted AND l.locktype = 'relation'
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())

-- extensions --
-- By name; plpgsql is everywhere.
SELECT extname::text FROM pg_catalog.pg_extension ORDER BY 1

-- available_extensions --
-- What CREATE EXTENSION could make here.
SELECT name::text FROM pg_catalog.pg_available_extensions

-- roles --
-- Those that people made.
SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname NOT LIKE 'pg\_%' ORDER BY 1

-- database_owner --
-- Its objects are his, unless something else is said.
SELECT pg_catalog.pg_get_userbyid(datdba)::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()

-- sequential_scans --
-- How often this session read each table from end to end; not added up anywhere else before its transaction ends.
SELECT relid::bigint, seq_scan FROM pg_catalog.pg_stat_xact_user_tables WHERE seq_scan > 0

-- rights_of_role --
-- What the role of this session may not do here: relations it does not own, schemas it creates nothing in.
SELECT current_user::text, r.rolsuper, r.rolbypassrls,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       ARRAY(
           SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
             AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
       ),
       ARRAY(
           SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_namespace n
           WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'CREATE')
       ),
       ARRAY(SELECT DISTINCT name::text FROM pg_catalog.pg_available_extension_versions WHERE trusted)
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user

-- forced_row_security --
-- Relations whose row security holds for their owner too.
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND c.relforcerowsecurity

-- publications_of_all_tables --
-- Without a replica identity no row of a table can be changed or deleted then.
SELECT pubname::text FROM pg_catalog.pg_publication WHERE puballtables ORDER BY 1

-- maker --
-- Whether the role may make databases, and how SQL writes it.
SELECT r.rolcreatedb OR r.rolsuper, pg_catalog.quote_ident(r.rolname)
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user

-- catalog_look --
-- The query that adds up every row of every catalog that this role may read, without what other databases of the server
-- have there, what PostgreSQL writes by itself, what remains of dropped columns, and where words stood in
-- the text of a view.
SELECT 'SELECT pg_catalog.md5(pg_catalog.string_agg(word, '' '' ORDER BY word)) FROM ('
    || pg_catalog.string_agg(pg_catalog.format(
        'SELECT %L || pg_catalog.count(*) || '':'' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended((%s)::text, 0)), 0)'
        ' AS word FROM pg_catalog.%I t%s',
        c.relname || ':',
        CASE c.relname
            WHEN 'pg_class' THEN $$pg_catalog.to_jsonb(t) - ARRAY['relpages', 'reltuples', 'relallvisible',
                'relallfrozen', 'relfrozenxid', 'relminmxid', 'relhasindex', 'relnatts', 'relhasrules',
                'relhastriggers', 'relhassubclass']$$
            WHEN 'pg_index' THEN $$pg_catalog.to_jsonb(t) - 'indcheckxmin'$$
            WHEN 'pg_database' THEN $$pg_catalog.to_jsonb(t) - ARRAY['datfrozenxid', 'datminmxid']$$
            WHEN 'pg_rewrite' THEN $$pg_catalog.regexp_replace(t::text, ':(stmt_)?(location|len) -?[0-9]+', '', 'g')$$
            ELSE 't' END,
        c.relname,
        CASE c.relname
            WHEN 'pg_attribute' THEN ' WHERE NOT attisdropped'
            WHEN 'pg_database' THEN ' WHERE datname = pg_catalog.current_database()'
            WHEN 'pg_db_role_setting' THEN ' WHERE setdatabase = ' || d.oid
            WHEN 'pg_shdepend' THEN ' WHERE dbid = ' || d.oid
            ELSE '' END), ' UNION ALL ')
    || ') catalogs'
FROM pg_catalog.pg_class c, pg_catalog.pg_database d
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND d.datname = pg_catalog.current_database()
  AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_authid', 'pg_auth_members',
                        'pg_tablespace', 'pg_subscription', 'pg_subscription_rel', 'pg_replication_origin')
  AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
