-- relation_named --
-- Tables by name. Without a schema the search path that is given decides; where that has none, it can be the one of
-- any schema.
WITH found AS (
    SELECT c.oid, CASE WHEN %(schema)s = '' THEN coalesce(pg_catalog.array_position(
        nullif(pg_catalog.current_setting('signalbox.given_path', true), '')::name[], n.nspname), 1000) END AS rank
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
      AND (n.nspname = %(schema)s OR %(schema)s = '' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
)
SELECT oid::bigint FROM found WHERE rank IS NOT DISTINCT FROM (SELECT min(rank) FROM found)

-- located --
-- Anything that DROP can name, as pg_depend knows it. Of functions every one of the name; of what has no schema in its
-- name whatever can be seen, or where nothing of it can, the one of any schema.
WITH named(classid, objid, schema, by_path) AS (
    SELECT 'pg_catalog.pg_class'::regclass, oid, relnamespace, true
    FROM pg_catalog.pg_class WHERE relname = %(name)s::text AND %(kind)s::text IN ('sequence', 'index')
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, oid, typnamespace, true
    FROM pg_catalog.pg_type WHERE typname = %(name)s::text AND %(kind)s::text = 'type'
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass, oid, pronamespace, false
    FROM pg_catalog.pg_proc WHERE proname = %(name)s::text AND %(kind)s::text IN ('function', 'aggregate')
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::regclass, oid, oprnamespace, false
    FROM pg_catalog.pg_operator WHERE oprname = %(name)s::text AND %(kind)s::text = 'operator'
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::regclass, oid, collnamespace, false
    FROM pg_catalog.pg_collation WHERE collname = %(name)s::text AND %(kind)s::text = 'collation'
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::regclass, oid, connamespace, false
    FROM pg_catalog.pg_constraint WHERE conname = %(part)s::text AND %(kind)s::text = 'constraint'
    UNION ALL
    SELECT 'pg_catalog.pg_namespace'::regclass, oid, NULL, false
    FROM pg_catalog.pg_namespace WHERE nspname = %(name)s::text AND %(kind)s::text = 'schema'
    UNION ALL
    SELECT 'pg_catalog.pg_extension'::regclass, oid, NULL, false
    FROM pg_catalog.pg_extension WHERE extname = %(name)s::text AND %(kind)s::text = 'extension'
), fitting AS (
    SELECT classid, objid, CASE WHEN by_path AND %(schema)s::text = '' THEN pg_catalog.array_position(
        nullif(pg_catalog.current_setting('signalbox.given_path', true), '')::name[], n.nspname) END AS rank
    FROM named LEFT JOIN pg_catalog.pg_namespace n ON n.oid = named.schema
    WHERE n.oid IS NULL OR n.nspname <> 'pg_catalog' AND %(schema)s::text IN ('', n.nspname::text)
)
SELECT classid::oid::bigint, objid::bigint FROM fitting
WHERE rank IS NOT DISTINCT FROM (SELECT min(rank) FROM fitting)

-- relation_place --
-- The same of a relation or a column of it; no row where it has no such column.
SELECT 'pg_catalog.pg_class'::regclass::oid::bigint, coalesce(a.attnum, 0)
FROM (SELECT) one LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = %(oid)s::bigint::oid AND a.attname = %(column)s::text AND NOT a.attisdropped
WHERE %(column)s::text = '' OR a.attnum IS NOT NULL

-- dropped_with --
-- Tables, materialized views and columns that go with an object, through whatever lies between: without CASCADE only
-- what is a part of it. A rule goes with its view; a generated column goes with what it is computed by.
WITH RECURSIVE gone(classid, objid, sub) AS (
    SELECT %(classid)s::bigint::oid, %(objid)s::bigint::oid, %(sub)s::int
    UNION
    SELECT next.classid, next.objid, next.sub
    FROM gone
    JOIN pg_catalog.pg_depend d ON d.refclassid = gone.classid AND d.refobjid = gone.objid
        AND (gone.sub = 0 OR d.refobjsubid = gone.sub) AND (%(cascade)s::boolean OR d.deptype <> 'n')
    LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
        AND r.rulename = '_RETURN'
    LEFT JOIN pg_catalog.pg_attrdef f ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND f.oid = d.objid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.oid IS NOT NULL OR a.attnum IS NOT NULL THEN 'pg_catalog.pg_class'::regclass::oid
                    ELSE d.classid END AS classid,
               coalesce(r.ev_class, a.attrelid, d.objid) AS objid,
               CASE WHEN r.oid IS NOT NULL THEN 0 ELSE coalesce(a.attnum::int, d.objsubid) END AS sub
    ) next
)
SELECT c.oid::bigint, a.attname::text
FROM gone
JOIN pg_catalog.pg_class c ON gone.classid = 'pg_catalog.pg_class'::regclass AND c.oid = gone.objid
LEFT JOIN pg_catalog.pg_attribute a ON gone.sub <> 0 AND a.attrelid = c.oid AND a.attnum = gone.sub
    AND NOT a.attisdropped
WHERE CASE WHEN gone.sub = 0 THEN c.relkind IN ('r', 'p', 'm') ELSE c.relkind IN ('r', 'p') END
ORDER BY gone.sub <> 0, c.relkind = 'm', c.relname, a.attnum

-- children --
-- Tables that inherit from a table, all the way down. Partitions are left out: their rows are the parent's own.
WITH RECURSIVE child(oid) AS (
    SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhparent
    WHERE h.inhparent = %(oid)s::bigint::oid AND c.relkind <> 'p'
    UNION
    SELECT h.inhrelid FROM child b JOIN pg_catalog.pg_inherits h ON h.inhparent = b.oid
)
SELECT c.oid::bigint FROM child JOIN pg_catalog.pg_class c USING (oid) WHERE NOT c.relispartition

-- beneath --
-- The relation itself, its children and partitions, and where it is a view the tables that it shows.
WITH RECURSIVE beneath(oid) AS (
    SELECT %(oid)s::bigint::oid
    UNION
    SELECT next.oid FROM beneath b CROSS JOIN LATERAL (
        SELECT h.inhrelid AS oid FROM pg_catalog.pg_inherits h WHERE h.inhparent = b.oid
        UNION ALL
        SELECT d.refobjid FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
        WHERE r.ev_class = b.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
          AND EXISTS (SELECT FROM pg_catalog.pg_class v WHERE v.oid = b.oid AND v.relkind = 'v')
    ) next
)
SELECT oid::bigint FROM beneath

-- tables_emptied --
-- TRUNCATE ... CASCADE empties every table that refers here, directly or not.
WITH RECURSIVE referring(oid) AS (
    SELECT %(oid)s::bigint::oid
    UNION
    SELECT k.conrelid FROM referring b JOIN pg_catalog.pg_constraint k ON k.confrelid = b.oid WHERE k.contype = 'f'
)
SELECT oid::bigint FROM referring WHERE oid <> %(oid)s::bigint::oid

-- references_to --
-- Foreign keys that do something to their own table when a row here is deleted, or its key is changed: which table,
-- what (c: cascade, n: set null, d: set default), its columns and those that they refer to.
SELECT k.conrelid::bigint, (CASE WHEN %(deleted)s::boolean THEN k.confdeltype ELSE k.confupdtype END)::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) ORDER BY a.attnum),
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.confrelid = %(oid)s::bigint::oid AND NOT c.relispartition
  AND (CASE WHEN %(deleted)s::boolean THEN k.confdeltype ELSE k.confupdtype END) IN ('c', 'n', 'd')
ORDER BY c.relname, k.conname

-- unproven_functions --
-- Of the functions and operators that are named, those that are not proven to change nothing: all but PostgreSQL's own
-- and those of a few extensions. PostgreSQL's own that turn tables into XML read whatever they are told when they run,
-- also views that call a function of the project. A name that no function has is none, unless the plan has made an
-- extension before; one written as a column is only a function of a row.
SELECT wanted.at
FROM ROWS FROM (pg_catalog.unnest(%(schemas)s::text[]), pg_catalog.unnest(%(names)s::text[]),
                pg_catalog.unnest(%(operators)s::boolean[]), pg_catalog.unnest(%(attributes)s::boolean[]),
                pg_catalog.unnest(%(new)s::boolean[]))
    WITH ORDINALITY wanted(schema, name, is_operator, is_attribute, may_be_new, at)
WHERE EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE NOT wanted.is_operator AND p.proname = wanted.name AND wanted.schema IN ('', n.nspname::text)
      AND (NOT wanted.is_attribute OR p.pronargs - p.pronargdefaults <= 1 AND EXISTS (
               SELECT FROM pg_catalog.pg_type t WHERE t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'd', 'p')))
      AND NOT (n.nspname = 'pg_catalog' AND (p.provolatile <> 'v' AND p.proname !~ '^(table|schema|database)_to_xml(_and_xmlschema)?$'
                                      OR p.proname = ANY (%(harmless)s::text[])))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                        AND d.refclassid = 'pg_catalog.pg_extension'::regclass
                        AND e.extname = ANY (%(extensions)s::text[]))
    UNION ALL
    SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
    WHERE wanted.is_operator AND o.oprname = wanted.name AND n.nspname <> 'pg_catalog'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                      WHERE d.classid = 'pg_catalog.pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
                        AND d.refclassid = 'pg_catalog.pg_extension'::regclass
                        AND e.extname = ANY (%(converting)s::text[]))
    UNION ALL
    SELECT WHERE wanted.may_be_new AND NOT wanted.is_operator AND NOT wanted.is_attribute
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname = wanted.name)
)
ORDER BY wanted.at

-- unproven_writers --
-- What fires when rows of these tables are written, and is not proven to leave others alone: rules, triggers but those
-- that only stamp the row with the time, defaults that call a function of the project, and checks that call a volatile one.
SELECT pg_catalog.format('the rule %%I of %%s', r.rulename, r.ev_class::regclass)
FROM pg_catalog.pg_rewrite r
WHERE r.ev_class = ANY (%(oids)s::bigint[]) AND r.rulename <> '_RETURN' AND r.ev_enabled <> 'D'
  AND r.ev_type::text = %(rule)s::text
UNION ALL
SELECT pg_catalog.format('the trigger %%I of %%s', t.tgname, t.tgrelid::regclass)
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE t.tgrelid = ANY (%(oids)s::bigint[]) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  AND t.tgtype::int & %(bit)s::int <> 0
  AND NOT (n.nspname = 'pg_catalog'
           OR l.lanname = 'plpgsql' AND p.proname <> ALL (%(makes)s::text[]) AND p.prosrc ~* %(stamp)s::text)
UNION ALL
SELECT DISTINCT pg_catalog.format('the function %%s, which %%s calls', p.oid::regprocedure, e.relation::regclass)
FROM (
    SELECT adrelid, adbin::text, true FROM pg_catalog.pg_attrdef
    WHERE adrelid = ANY (%(oids)s::bigint[]) AND %(bit)s::int IN (4, 16)
    UNION ALL
    SELECT conrelid, conbin::text, false FROM pg_catalog.pg_constraint
    WHERE conrelid = ANY (%(oids)s::bigint[]) AND %(bit)s::int IN (0, 4, 16)
) e(relation, tree, is_default)
CROSS JOIN LATERAL pg_catalog.regexp_matches(e.tree, ':(?:op)?funcid (\d+)', 'g') m
JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
WHERE CASE WHEN p.pronamespace = 'pg_catalog'::regnamespace
           THEN p.provolatile = 'v' AND p.proname <> ALL (%(harmless)s::text[])
           ELSE p.provolatile = 'v' OR e.is_default END
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_extension n ON n.oid = x.refobjid
                  WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e'
                    AND x.refclassid = 'pg_catalog.pg_extension'::regclass
                    AND n.extname = ANY (%(extensions)s::text[]))

-- unproven_views --
-- The functions that the queries of these views call, and of the views behind them: all but PostgreSQL's own and those of
-- a few extensions. A materialized view calls them only when it is refreshed.
WITH RECURSIVE shown(at, oid) AS (
    SELECT wanted.at, c.oid
    FROM ROWS FROM (pg_catalog.unnest(%(schemas)s::text[]), pg_catalog.unnest(%(names)s::text[]),
                    pg_catalog.unnest(%(refreshed)s::boolean[])) WITH ORDINALITY wanted(schema, name, is_refreshed, at)
    JOIN pg_catalog.pg_class c ON c.relname = wanted.name
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND wanted.schema IN ('', n.nspname::text)
    WHERE c.relkind = 'v' OR c.relkind = 'm' AND wanted.is_refreshed
    UNION
    SELECT b.at, c.oid
    FROM shown b
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = b.oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind = 'v'
)
SELECT DISTINCT b.at, p.oid::regprocedure::text
FROM shown b
JOIN pg_catalog.pg_class c ON c.oid = b.oid
    AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
JOIN pg_catalog.pg_rewrite r ON r.ev_class = b.oid
CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::text, ':(?:op)?funcid (\d+)', 'g') m
JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE NOT (n.nspname = 'pg_catalog' AND (p.provolatile <> 'v' AND p.proname !~ '^(table|schema|database)_to_xml(_and_xmlschema)?$'
                                      OR p.proname = ANY (%(harmless)s::text[])))
  AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
                  WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e'
                    AND x.refclassid = 'pg_catalog.pg_extension'::regclass
                    AND e.extname = ANY (%(extensions)s::text[]))
ORDER BY b.at

-- unproven_policies --
-- The functions that row-level security calls when these relations are read or written, or what views and policies read
-- behind them: all but PostgreSQL's own and those of a few extensions. A view reads as its owner, unless it says otherwise.
WITH RECURSIVE reached(at, oid, reader) AS (
    SELECT wanted.at, c.oid, NULL::oid
    FROM ROWS FROM (pg_catalog.unnest(%(schemas)s::text[]), pg_catalog.unnest(%(names)s::text[]))
        WITH ORDINALITY wanted(schema, name, at)
    JOIN pg_catalog.pg_class c ON c.relname = wanted.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND wanted.schema IN ('', n.nspname::text)
    UNION
    SELECT b.at, behind.oid, behind.reader
    FROM reached b CROSS JOIN LATERAL (
        SELECT d.refobjid, CASE WHEN v.reloptions @> '{{security_invoker=true}}' OR v.reloptions @> '{{security_invoker=on}}'
                                THEN b.reader ELSE v.relowner END
        FROM pg_catalog.pg_class v
        JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
        WHERE v.oid = b.oid AND v.relkind IN ('v', 'm') AND v.relnamespace <> 'pg_catalog'::regnamespace
        UNION ALL
        SELECT d.refobjid, b.reader
        FROM pg_catalog.pg_policy p
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
        WHERE p.polrelid = b.oid
    ) behind(oid, reader)
)
SELECT DISTINCT b.at, p.polname::text, c.oid::regclass::text, f.oid::regprocedure::text
FROM reached b
JOIN pg_catalog.pg_class c ON c.oid = b.oid
JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
CROSS JOIN LATERAL pg_catalog.regexp_matches(
    pg_catalog.concat(p.polqual::text, p.polwithcheck::text), ':(?:op)?funcid (\d+)', 'g') m
JOIN pg_catalog.pg_proc f ON f.oid = m[1]::oid
JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
LEFT JOIN pg_catalog.pg_roles reader ON reader.oid = b.reader
WHERE CASE WHEN %(switched)s::boolean THEN true
           WHEN b.reader IS NULL THEN pg_catalog.row_security_active(c.oid)
           ELSE c.relrowsecurity AND NOT (reader.rolsuper OR reader.rolbypassrls)
                AND (c.relforcerowsecurity OR c.relowner <> b.reader) END
  AND NOT (n.nspname = 'pg_catalog' AND (f.provolatile <> 'v' AND f.proname !~ '^(table|schema|database)_to_xml(_and_xmlschema)?$'
                                      OR f.proname = ANY (%(harmless)s::text[])))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
                  WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = f.oid AND x.deptype = 'e'
                    AND x.refclassid = 'pg_catalog.pg_extension'::regclass
                    AND e.extname = ANY (%(extensions)s::text[]))
ORDER BY b.at

-- unproven_casts --
-- Functions of the project, and of extensions that are not known, that PostgreSQL calls by itself when it converts a
-- value: those of casts, and volatile ones that the check of a domain calls.
WITH called(what, oid) AS (
    SELECT pg_catalog.format('a cast from %%s to %%s', c.castsource::regtype, c.casttarget::regtype), c.castfunc
    FROM pg_catalog.pg_cast c WHERE c.castfunc <> 0
    UNION ALL
    SELECT pg_catalog.format('the domain %%s, whose check calls %%s', k.contypid::regtype, p.oid::regprocedure), p.oid
    FROM pg_catalog.pg_constraint k
    CROSS JOIN LATERAL pg_catalog.regexp_matches(k.conbin::text, ':(?:op)?funcid (\d+)', 'g') m
    JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid AND (p.provolatile = 'v' OR p.proname ~ '^(table|schema|database)_to_xml(_and_xmlschema)?$')
    WHERE k.contypid <> 0
)
SELECT called.what
FROM called JOIN pg_catalog.pg_proc p ON p.oid = called.oid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE NOT (n.nspname = 'pg_catalog' AND (p.provolatile <> 'v' AND p.proname !~ '^(table|schema|database)_to_xml(_and_xmlschema)?$'
                                      OR p.proname = ANY (%(harmless)s::text[])))
  AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
                  WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e'
                    AND x.refclassid = 'pg_catalog.pg_extension'::regclass
                    AND e.extname = ANY (%(converting)s::text[]))
ORDER BY called.what

-- unproven_event_triggers --
-- Event triggers that can fire and whose body is not proven to write nothing.
SELECT t.evtname::text
FROM pg_catalog.pg_event_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
WHERE t.evtenabled <> 'D' AND (t.evttags IS NULL OR NOT t.evttags <@ %(absent)s::text[])
  AND pg_catalog.regexp_replace(
          pg_catalog.regexp_replace(p.prosrc, $$'(''|[^'])*'$$, '', 'g'),
          'select\s+\*\s+from\s+(pg_catalog\.)?pg_event_trigger_\w+\s*\(\s*\)', '', 'gi')
      ~* '\m(insert|update|delete|merge|truncate|create|drop|alter|execute|perform|call|copy|select)\M'
ORDER BY t.evtname

-- can_copy --
-- Whether this role reads a table and may lock it against writers, and whether it sees every row.
SELECT pg_catalog.has_table_privilege(%(oid)s::bigint::oid, 'SELECT')
       AND pg_catalog.has_table_privilege(%(oid)s::bigint::oid, 'UPDATE, DELETE, TRUNCATE'),
       NOT pg_catalog.row_security_active(%(oid)s::bigint::oid)

-- relation_facts --
-- What is known of a table without reading or locking it. -1 rows: never analysed. The size is that of the last VACUUM
-- or ANALYZE: the server's own functions for it wait for locks.
SELECT n.nspname::text, c.relname::text,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), c.relkind::text,
       CASE WHEN c.relkind = 'p' THEN -1 ELSE c.reltuples::bigint END,
       (SELECT sum(part.relpages)::bigint * pg_catalog.current_setting('block_size')::bigint FROM pg_catalog.pg_class part
        WHERE part.oid IN (c.oid, c.reltoastrelid)
           OR part.oid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = c.oid)),
       ARRAY(SELECT a.attname::text
             FROM pg_catalog.pg_index i
             CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY k(attnum, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place),
       c.relispartition,
       ARRAY(WITH RECURSIVE above(oid) AS (
                 SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid
                 UNION SELECT h.inhparent FROM above b JOIN pg_catalog.pg_inherits h ON h.inhrelid = b.oid
             ) SELECT oid::bigint FROM above)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s::oid

-- table_columns --
-- In order: the type as SQL writes it and by name, whether it is PostgreSQL's own (in a collation of its own too), the
-- default where it is a constant (written without its table, which would be locked), whether a row needs a value,
-- whether it is computed, the sequence that counts it, its number, whether it refuses NULL, and whatever but its sequence.
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typname::text,
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
           AND (a.attcollation = 0 OR a.attcollation IN (
               SELECT oid FROM pg_catalog.pg_collation WHERE collnamespace = 'pg_catalog'::pg_catalog.regnamespace)),
       CASE WHEN d.adbin::text !~ 'SQLVALUEFUNCTION|NEXTVALUEEXPR|COERCEVIAIO' AND NOT EXISTS (
           SELECT FROM pg_catalog.regexp_matches(d.adbin::text, ':(?:op)?funcid (\d+)', 'g') m
           JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid WHERE p.provolatile <> 'i'
       ) THEN pg_catalog.pg_get_expr(d.adbin, 0) END,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
       a.attgenerated <> '',
       pg_catalog.pg_get_serial_sequence(
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), a.attname),
       a.attnum, a.attnotnull, a.attidentity = 'a'
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- relations_called --
-- The tables and views that have one of these names, in any schema; the catalog can be read by everybody.
SELECT n.nspname, c.relname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY (%(names)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\_temp%%'
