-- A line that ends in a comment like "14+" is sent only to servers of that major version and later.
-- The first column of a query is the key of an object, the others are what is said of it, in the order of its text.
-- Parameters: schemas, relations, left_out_functions (lists of oids), schema_names, owners (see scope).

-- settings --
-- Whatever changes the text that the server writes of one and the same object. To write a view down the server locks
-- its tables; lock_timeout is how long it waits for one that is being altered.
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES
    ('search_path', ''), ('quote_all_identifiers', 'off'), ('standard_conforming_strings', 'on'), ('datestyle', 'ISO'),
    ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '3'), ('bytea_output', 'hex'),
    ('lc_monetary', 'C'), ('jit', 'off'), ('lock_timeout', '5s')
) AS setting(name, value)

-- scope --
-- What is looked at: schemas, relations in them, and the functions left out of them; no member of an extension.
WITH schemas AS (
    SELECT n.oid, n.nspname
    FROM pg_namespace n
    WHERE n.nspname NOT IN ('information_schema', 'signalbox_saved') AND n.nspname !~ '^pg_'
        AND (n.nspname NOT LIKE ALL (%(patterns)s::text[])
            OR (%(only_on_supabase)s AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'supabase_admin')))
        AND NOT EXISTS (
            SELECT FROM pg_depend e
            WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
), left_out AS (
    SELECT c.oid
    FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
    WHERE s.nspname || '.' || c.relname = ANY (%(left_out)s::text[])
), relations AS (
    SELECT c.oid
    FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
        AND c.oid NOT IN (SELECT oid FROM left_out)
        AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid IN ('pg_class'::regclass, 'pg_extension'::regclass)
                AND (d.deptype = 'e' OR d.deptype IN ('a', 'i') AND d.refobjid IN (SELECT oid FROM left_out)))
)
SELECT
    ARRAY(SELECT oid::bigint FROM schemas) AS schemas,
    ARRAY(SELECT unnest(ARRAY[nspname::text, quote_ident(nspname)]) FROM schemas) AS schema_names,
    ARRAY(SELECT oid::bigint FROM relations) AS relations,
    ARRAY(
        SELECT p.oid::bigint FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
        WHERE s.nspname || '.' || p.proname = ANY (%(left_out)s::text[])
    ) AS left_out_functions,
    ARRAY(
        SELECT datdba::bigint FROM pg_database WHERE datname = current_database()
        UNION ALL SELECT oid::bigint FROM pg_roles WHERE rolname = 'pg_database_owner'
    ) AS owners

-- versions --
-- Not part of the text: an extension's version is in no dump either.
SELECT extname::text, extversion FROM pg_extension ORDER BY 1

-- schemas --
SELECT
    'schema ' || quote_ident(n.nspname) AS key,
    CASE WHEN n.nspowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(n.nspowner) END AS owner
FROM pg_namespace n
WHERE n.oid = ANY (%(schemas)s::oid[])

-- extensions --
SELECT 'extension ' || quote_ident(extname) AS key, extnamespace::regnamespace::text AS schema
FROM pg_extension

-- tables --
SELECT
    CASE c.relkind WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || c.oid::regclass AS key,
    CASE WHEN c.relowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(c.relowner) END AS owner,
    c.relpersistence = 'u' AS unlogged,
    pg_get_partkeydef(c.oid) AS "partitioned by",
    CASE WHEN NOT c.relispartition THEN parents.names END AS inherits,
    CASE WHEN c.relispartition THEN parents.names END AS "partition of",
    parents.pending AS "detach pending",
    pg_get_expr(c.relpartbound, c.oid) AS bound,
    CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END AS "of type",
    NULLIF(m.amname, 'heap') AS "access method",
    s.spcname AS tablespace,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o) AS options,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(t.reloptions) o) AS "toast options",
    c.relrowsecurity AS "row level security",
    c.relforcerowsecurity AS "row level security for the owner too",
    CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END AS "replica identity",
    fs.srvname AS server,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(ft.ftoptions) o) AS "server options"
FROM pg_class c
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_foreign_table ft ON ft.ftrelid = c.oid
LEFT JOIN pg_foreign_server fs ON fs.oid = ft.ftserver
LEFT JOIN (
    SELECT
        inhrelid,
        string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) AS names,
        bool_or((to_jsonb(i) ->> 'inhdetachpending')::boolean) AS pending
    FROM pg_inherits i GROUP BY inhrelid
) parents ON parents.inhrelid = c.oid
WHERE c.oid = ANY (%(relations)s::oid[]) AND c.relkind IN ('r', 'p', 'f')

-- columns --
-- Of a view only those with a default; the view itself lists them all.
SELECT
    'column ' || c.oid::regclass || '.' || quote_ident(a.attname) AS key,
    format_type(a.atttypid, a.atttypmod) AS type,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation,
    a.attnotnull AS "not null",
    CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END AS "default",
    CASE a.attgenerated
        WHEN 's' THEN pg_get_expr(d.adbin, d.adrelid) || ' stored'
        WHEN 'v' THEN pg_get_expr(d.adbin, d.adrelid) || ' virtual'
    END AS generated,
    CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
    CASE WHEN a.attstorage <> t.typstorage THEN
        CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END
    END AS storage,
    CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression, -- 14+
    NULLIF(a.attstattarget, -1) AS statistics,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(a.attoptions) o) AS options,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(a.attfdwoptions) o) AS "server options",
    a.attinhcount > 0 AND NOT a.attislocal AND NOT c.relispartition AS inherited
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    AND (c.relkind IN ('r', 'p', 'f') OR c.relkind = 'v' AND d.oid IS NOT NULL)

-- column_orders --
SELECT
    'order of columns ' || c.oid::regclass AS key,
    string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    AND c.relkind IN ('r', 'p', 'f') AND (a.attislocal OR c.relispartition)
GROUP BY c.oid

-- constraints --
-- With what is said of the index behind it. Not those that only follow from a parent's.
SELECT
    'constraint ' || quote_ident(k.conname) || ' on ' || k.conrelid::regclass AS key,
    pg_get_constraintdef(k.oid) AS definition,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(x.reloptions) o) AS options,
    s.spcname AS tablespace,
    i.indisclustered AS clustered,
    i.indisreplident AS "replica identity",
    NOT i.indisvalid AS invalid,
    h.inhparent::regclass::text AS "attached to",
    (SELECT string_agg(DISTINCT g.tgrelid::regclass || ' ' || CASE g.tgenabled
            WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' ELSE 'always' END, ', ')
        FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgisinternal AND g.tgenabled <> 'O') AS "checked by triggers of"
FROM pg_constraint k
LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
WHERE k.conrelid = ANY (%(relations)s::oid[]) AND k.contype IN ('c', 'f', 'p', 'u', 'x', 'n')
    AND NOT (k.contype IN ('c', 'n') AND NOT k.conislocal)
    AND NOT (k.contype = 'f' AND k.conparentid <> 0)
    AND NOT (
        k.contype = 'n' AND k.convalidated AND NOT k.connoinherit AND k.conname = (
            SELECT c.relname || '_' || a.attname || '_not_null'
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
            WHERE c.oid = k.conrelid))

-- indexes --
-- Not those behind a constraint. An invalid one is what a failed CREATE INDEX CONCURRENTLY leaves.
SELECT
    'index ' || quote_ident(x.relname) || ' on ' || i.indrelid::regclass AS key,
    pg_get_indexdef(i.indexrelid) AS definition,
    s.spcname AS tablespace,
    i.indisclustered AS clustered,
    i.indisreplident AS "replica identity",
    NOT i.indisvalid AS invalid,
    (SELECT string_agg(a.attnum || ': ' || a.attstattarget, ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0) AS statistics,
    h.inhparent::regclass::text AS "attached to"
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE i.indrelid = ANY (%(relations)s::oid[]) AND k.oid IS NULL

-- views --
-- Whether a materialized view is populated is a matter of data, as in a dump.
SELECT
    CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || c.oid::regclass AS key,
    CASE WHEN c.relowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(c.relowner) END AS owner,
    NULLIF(m.amname, 'heap') AS "access method",
    s.spcname AS tablespace,
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o) AS options,
    (SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    pg_get_viewdef(c.oid) AS definition
FROM pg_class c
LEFT JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
WHERE c.oid = ANY (%(relations)s::oid[]) AND c.relkind IN ('v', 'm')

-- sequences --
-- How far it has counted is data.
SELECT
    'sequence ' || c.oid::regclass AS key,
    CASE WHEN c.relowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(c.relowner) END AS owner,
    c.relpersistence = 'u' AS unlogged,
    format_type(q.seqtypid, NULL) AS type,
    q.seqstart AS start,
    q.seqincrement AS increment,
    q.seqmin AS minimum,
    q.seqmax AS maximum,
    q.seqcache AS cache,
    q.seqcycle AS cycle,
    CASE d.deptype WHEN 'a' THEN d.refobjid::regclass || '.' || quote_ident(a.attname) END AS "owned by",
    CASE d.deptype WHEN 'i' THEN d.refobjid::regclass || '.' || quote_ident(a.attname) END AS "identity of"
FROM pg_sequence q
JOIN pg_class c ON c.oid = q.seqrelid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE q.seqrelid = ANY (%(relations)s::oid[])

-- functions --
SELECT
    CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure AS key,
    CASE WHEN p.proowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(p.proowner) END AS owner,
    rtrim(pg_get_functiondef(p.oid), E'\n') AS definition
FROM pg_proc p
WHERE p.pronamespace = ANY (%(schemas)s::oid[]) AND p.prokind <> 'a' AND p.oid <> ALL (%(left_out_functions)s::oid[])
    AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))

-- aggregates --
SELECT
    'aggregate ' || p.oid::regprocedure AS key,
    CASE WHEN p.proowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(p.proowner) END AS owner,
    pg_get_function_arguments(p.oid) AS arguments,
    pg_get_function_result(p.oid) AS returns,
    a.aggkind AS kind,
    concat_ws(' ', a.aggtransfn, format_type(a.aggtranstype, NULL), a.aggtransspace, a.agginitval) AS transition,
    concat_ws(' ', a.aggfinalfn, a.aggfinalextra, a.aggfinalmodify) AS final,
    concat_ws(' ', a.aggcombinefn, a.aggserialfn, a.aggdeserialfn) AS parallel,
    concat_ws(' ', a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn, format_type(NULLIF(a.aggmtranstype, 0), NULL),
        a.aggmtransspace, a.aggmfinalextra, a.aggmfinalmodify, a.aggminitval) AS moving,
    NULLIF(a.aggsortop, 0)::regoperator::text AS "sort operator",
    concat_ws(' ', p.provolatile, p.proparallel, p.proisstrict, p.prosecdef) AS properties
FROM pg_proc p
JOIN pg_aggregate a ON a.aggfnoid = p.oid
WHERE p.pronamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')

-- triggers --
-- Of a partition only those that are switched differently from their parent's.
SELECT
    'trigger ' || quote_ident(g.tgname) || ' on ' || g.tgrelid::regclass AS key,
    pg_get_triggerdef(g.oid) AS definition,
    CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END AS fires
FROM pg_trigger g
LEFT JOIN pg_trigger parent ON parent.oid = g.tgparentid
WHERE g.tgrelid = ANY (%(relations)s::oid[]) AND NOT g.tgisinternal AND g.tgenabled IS DISTINCT FROM parent.tgenabled

-- settings_of_roles --
-- What ALTER DATABASE ... SET, ALTER ROLE ... IN DATABASE ... SET and ALTER ROLE ALL SET say; the database by no name, as
-- it may have another elsewhere. A secret is kept in such a setting by some: then only that it is set.
SELECT
    CASE WHEN s.setdatabase = 0 THEN 'settings of all roles'
        WHEN s.setrole = 0 THEN 'settings of the database'
        ELSE 'settings of role ' || quote_ident(pg_get_userbyid(s.setrole)) || ' in the database' END AS key,
    (SELECT string_agg(
            CASE WHEN split_part(value, '=', 1) ~* '(secret|passw|pwd|token|jwt|api.?key|private.?key|credential|dsn|_url$)' THEN split_part(value, '=', 1) || '=(not shown)' ELSE value END,
            E'\n' ORDER BY value COLLATE "C")
        FROM unnest(s.setconfig) value) AS settings
FROM pg_db_role_setting s
WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    OR s.setdatabase = 0 AND s.setrole = 0

-- roles --
-- Of the roles that own something here or are granted something, and of whoever is a member of one: what lets them do
-- more than their grants say, and what they are given at sign-in. A role without any of it is not told. The owner of the
-- database by no name, as elsewhere.
WITH RECURSIVE roles AS (
    SELECT datdba AS oid FROM pg_database WHERE datname = current_database()
    UNION
    SELECT d.refobjid
    FROM pg_shdepend d JOIN pg_database b ON b.datname = current_database()
    WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype IN ('o', 'a', 'r')
        AND (d.dbid = b.oid OR d.dbid = 0 AND d.classid = 'pg_database'::regclass AND d.objid = b.oid)
        AND (d.classid <> 'pg_class'::regclass OR d.objid = ANY (%(relations)s::oid[]))
        AND (d.classid <> 'pg_proc'::regclass OR d.objid <> ALL (%(left_out_functions)s::oid[]))
    UNION
    SELECT m.member FROM roles r JOIN pg_auth_members m ON m.roleid = r.oid
), described AS (
    SELECT
        CASE WHEN r.oid = b.datdba THEN 'owner of the database' ELSE 'role ' || quote_ident(r.rolname) END AS key,
        r.rolsuper AS superuser,
        r.rolbypassrls AS "bypasses row level security",
        r.rolcreaterole AS "creates roles",
        r.rolcreatedb AS "creates databases",
        r.rolreplication AS replication,
        memberships.names AS "member of",
        (SELECT string_agg(
                CASE WHEN split_part(value, '=', 1) ~* '(secret|passw|pwd|token|jwt|api.?key|private.?key|credential|dsn|_url$)' THEN split_part(value, '=', 1) || '=(not shown)' ELSE value END,
                E'\n' ORDER BY value COLLATE "C")
            FROM pg_db_role_setting s, unnest(s.setconfig) value
            WHERE s.setrole = r.oid AND s.setdatabase = 0) AS settings
    FROM pg_roles r
    JOIN roles ON roles.oid = r.oid
    JOIN pg_database b ON b.datname = current_database()
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT concat_ws(' ', quote_ident(g.rolname),
            CASE WHEN m.admin_option THEN '(may grant it)' END,
            CASE WHEN NOT coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit) THEN '(without inheriting)' END,
            CASE WHEN to_jsonb(m) ->> 'set_option' = 'false' THEN '(without SET ROLE)' END) COLLATE "C", ', ') AS names
        FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = r.oid
    ) memberships ON true
)
SELECT * FROM described d
WHERE d.superuser OR d."bypasses row level security" OR d."creates roles" OR d."creates databases" OR d.replication
    OR d."member of" IS NOT NULL OR d.settings IS NOT NULL

-- event_triggers --
SELECT
    'event trigger ' || quote_ident(t.evtname) AS key,
    CASE WHEN t.evtowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(t.evtowner) END AS owner,
    t.evtevent AS event,
    array_to_string(t.evttags, ', ') AS tags,
    t.evtfoid::regprocedure::text AS function,
    CASE t.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END AS fires
FROM pg_event_trigger t
JOIN pg_proc p ON p.oid = t.evtfoid AND p.pronamespace = ANY (%(schemas)s::oid[])
WHERE NOT EXISTS (
    SELECT FROM pg_depend e WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = t.oid AND e.deptype = 'e')

-- rules --
SELECT
    'rule ' || quote_ident(r.rulename) || ' on ' || r.ev_class::regclass AS key,
    pg_get_ruledef(r.oid) AS definition,
    CASE r.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'on replicas' WHEN 'A' THEN 'always' END AS fires
FROM pg_rewrite r
WHERE r.ev_class = ANY (%(relations)s::oid[]) AND r.rulename <> '_RETURN'

-- policies --
SELECT
    'policy ' || quote_ident(p.polname) || ' on ' || p.polrelid::regclass AS key,
    CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END
        AS command,
    NOT p.polpermissive AS restrictive,
    (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', '
        ORDER BY pg_get_userbyid(role)) FROM unnest(p.polroles) role) AS roles,
    pg_get_expr(p.polqual, p.polrelid) AS "using",
    pg_get_expr(p.polwithcheck, p.polrelid) AS "with check"
FROM pg_policy p
WHERE p.polrelid = ANY (%(relations)s::oid[])

-- types --
-- A type that comes with a table, an array or a multirange follows from another.
SELECT
    'type ' || t.oid::regtype AS key,
    CASE WHEN t.typowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(t.typowner) END AS owner,
    CASE WHEN NOT t.typisdefined THEN 'shell' ELSE
        CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range' ELSE 'base' END
    END AS kind,
    (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
        FROM pg_enum l WHERE l.enumtypid = t.oid) AS labels,
    (SELECT string_agg(
            quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attcollation <> e.typcollation THEN ' collate ' || a.attcollation::regcollation ELSE '' END,
            ', ' ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
    CASE WHEN r.rngtypid IS NOT NULL THEN concat_ws(', ',
        format_type(r.rngsubtype, NULL), c.oid::regcollation, o.opcname, NULLIF(r.rngcanonical, 0)::regproc,
        NULLIF(r.rngsubdiff, 0)::regproc
        , r.rngmultitypid::regtype -- 14+
    ) END AS range,
    CASE WHEN t.typtype = 'b' AND t.typisdefined THEN concat_ws(', ',
        t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typlen, t.typbyval,
        t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typdelim, NULLIF(t.typelem, 0)::regtype, t.typdefault,
        NULLIF(t.typcollation, 0)::regcollation
    ) END AS base
FROM pg_type t
LEFT JOIN pg_class x ON x.oid = t.typrelid
LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_collation c ON c.oid = r.rngcollation
LEFT JOIN pg_opclass o ON o.oid = r.rngsubopc
WHERE t.typnamespace = ANY (%(schemas)s::oid[]) AND t.typtype IN ('e', 'c', 'r', 'b', 'p')
    AND (t.typrelid = 0 OR x.relkind = 'c')
    AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')

-- domains --
SELECT
    'domain ' || t.oid::regtype AS key,
    CASE WHEN t.typowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(t.typowner) END AS owner,
    format_type(t.typbasetype, t.typtypmod) AS type,
    CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END AS collation,
    t.typnotnull AS "not null",
    COALESCE(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), t.typdefault) AS "default",
    (SELECT string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), E'\n' ORDER BY k.conname)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') AS constraints
FROM pg_type t
JOIN pg_type b ON b.oid = t.typbasetype
WHERE t.typtype = 'd' AND t.typnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')

-- collations --
SELECT
    'collation ' || c.oid::regcollation AS key,
    CASE WHEN c.collowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(c.collowner) END AS owner,
    c.collprovider AS provider,
    NOT c.collisdeterministic AS nondeterministic,
    concat_ws(', ', c.collcollate, c.collctype,
        to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'collicurules') AS locale
FROM pg_collation c
WHERE c.collnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_collation'::regclass AND e.objid = c.oid AND e.deptype = 'e')

-- statistics_objects --
SELECT
    format('statistics %%I.%%I on %%s', n.nspname, s.stxname, s.stxrelid::regclass) AS key,
    CASE WHEN s.stxowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(s.stxowner) END AS owner,
    pg_get_statisticsobjdef(s.oid) AS definition,
    NULLIF(s.stxstattarget, -1) AS target
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE s.stxrelid = ANY (%(relations)s::oid[])

-- publications --
SELECT
    'publication ' || quote_ident(p.pubname) AS key,
    CASE WHEN p.pubowner <> ALL (%(owners)s::oid[]) THEN pg_get_userbyid(p.pubowner) END AS owner,
    p.puballtables AS "all tables",
    concat_ws(', ',
        CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
        CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END) AS publish,
    p.pubviaroot AS "via root",
    (SELECT string_agg(n.pnnspid::regnamespace::text, ', ' ORDER BY n.pnnspid::regnamespace::text COLLATE "C") -- 15+
        FROM pg_publication_namespace n WHERE n.pnpubid = p.oid) AS schemas, -- 15+
    (SELECT string_agg(
            concat_ws(' ', r.prrelid::regclass
                , (SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' -- 15+
                    FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) -- 15+
                , 'where ' || pg_get_expr(r.prqual, r.prrelid) -- 15+
            ), E'\n' ORDER BY r.prrelid::regclass::text COLLATE "C")
        FROM pg_publication_rel r WHERE r.prpubid = p.oid) AS tables
FROM pg_publication p

-- foreign_servers --
-- What a user mapping says is a secret; that it exists is not.
SELECT
    'foreign-data wrapper ' || quote_ident(w.fdwname) AS key,
    concat_ws(', ', NULLIF(w.fdwhandler, 0)::regproc, NULLIF(w.fdwvalidator, 0)::regproc, w.fdwoptions::text) AS definition
FROM pg_foreign_data_wrapper w
WHERE NOT EXISTS (
    SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e')
UNION ALL
SELECT 'server ' || quote_ident(s.srvname), concat_ws(', ', w.fdwname, s.srvtype, s.srvversion, s.srvoptions::text)
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL
SELECT 'user mapping for ' || usename || ' on ' || quote_ident(srvname), 'exists' FROM pg_user_mappings

-- others --
-- Rare kinds, told apart more than described.
SELECT
    'operator ' || o.oid::regoperator AS key,
    concat_ws(', ', o.oprcode::regprocedure, o.oprresult::regtype, NULLIF(o.oprcom, 0)::regoperator,
        NULLIF(o.oprnegate, 0)::regoperator, NULLIF(o.oprrest, 0)::regproc, NULLIF(o.oprjoin, 0)::regproc, o.oprcanmerge,
        o.oprcanhash) AS definition
FROM pg_operator o
WHERE o.oprnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_operator'::regclass AND e.objid = o.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('operator class %%s.%%I using %%I', o.opcnamespace::regnamespace, o.opcname, m.amname),
    concat_ws(', ', o.opcintype::regtype, f.opfname, o.opcdefault, NULLIF(o.opckeytype, 0)::regtype)
FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod JOIN pg_opfamily f ON f.oid = o.opcfamily
WHERE o.opcnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opclass'::regclass AND e.objid = o.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('operator family %%s.%%I using %%I', f.opfnamespace::regnamespace, f.opfname, m.amname),
    concat_ws(E'\n', 'family',
        (SELECT string_agg(concat_ws(' ', p.amopstrategy, p.amopopr::regoperator, p.amoppurpose), E'\n'
            ORDER BY p.amopstrategy, p.amopopr::regoperator::text COLLATE "C")
            FROM pg_amop p WHERE p.amopfamily = f.oid),
        (SELECT string_agg(concat_ws(' ', p.amprocnum, p.amproc::regprocedure), E'\n'
            ORDER BY p.amprocnum, p.amproc::regprocedure::text COLLATE "C")
            FROM pg_amproc p WHERE p.amprocfamily = f.oid))
FROM pg_opfamily f JOIN pg_am m ON m.oid = f.opfmethod
WHERE f.opfnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opfamily'::regclass AND e.objid = f.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('cast (%%s as %%s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)),
    concat_ws(', ', c.castmethod, c.castcontext, NULLIF(c.castfunc, 0)::regprocedure)
FROM pg_cast c
WHERE c.oid >= 16384
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_cast'::regclass AND e.objid = c.oid AND e.deptype IN ('e', 'i'))
UNION ALL
SELECT
    'text search configuration ' || c.oid::regconfig,
    concat_ws(E'\n', p.prsname,
        (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), E'\n' ORDER BY m.maptokentype, m.mapseqno)
            FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
FROM pg_ts_config c JOIN pg_ts_parser p ON p.oid = c.cfgparser
WHERE c.cfgnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_config'::regclass AND e.objid = c.oid AND e.deptype = 'e')
UNION ALL
SELECT 'text search dictionary ' || d.oid::regdictionary, concat_ws(', ', t.tmplname, d.dictinitoption)
FROM pg_ts_dict d JOIN pg_ts_template t ON t.oid = d.dicttemplate
WHERE d.dictnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_dict'::regclass AND e.objid = d.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('text search parser %%s.%%I', p.prsnamespace::regnamespace, p.prsname),
    concat_ws(', ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
FROM pg_ts_parser p
WHERE p.prsnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_parser'::regclass AND e.objid = p.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('text search template %%s.%%I', t.tmplnamespace::regnamespace, t.tmplname),
    concat_ws(', ', t.tmplinit, t.tmpllexize)
FROM pg_ts_template t
WHERE t.tmplnamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_template'::regclass AND e.objid = t.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('conversion %%s.%%I', c.connamespace::regnamespace, c.conname),
    concat_ws(', ', c.conforencoding, c.contoencoding, c.conproc, c.condefault)
FROM pg_conversion c
WHERE c.connamespace = ANY (%(schemas)s::oid[])
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_conversion'::regclass AND e.objid = c.oid AND e.deptype = 'e')
UNION ALL
SELECT
    format('transform for %%s language %%I', format_type(t.trftype, NULL), l.lanname),
    concat_ws(', ', NULLIF(t.trffromsql, 0)::regprocedure, NULLIF(t.trftosql, 0)::regprocedure)
FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_transform'::regclass AND e.objid = t.oid AND e.deptype = 'e')
UNION ALL
SELECT
    'language ' || quote_ident(l.lanname),
    concat_ws(', ', l.lanpltrusted, NULLIF(l.lanplcallfoid, 0)::regprocedure, NULLIF(l.laninline, 0)::regprocedure,
        NULLIF(l.lanvalidator, 0)::regprocedure)
FROM pg_language l
WHERE l.oid >= 16384
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_language'::regclass AND e.objid = l.oid AND e.deptype = 'e')
UNION ALL
SELECT 'access method ' || quote_ident(m.amname), concat_ws(', ', m.amtype, m.amhandler)
FROM pg_am m
WHERE m.oid >= 16384
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_am'::regclass AND e.objid = m.oid AND e.deptype = 'e')

-- grants --
-- What was granted beyond the default for its kind, and revoked from it: a default written out is a default.
WITH objects AS (
    SELECT 'schema ' || quote_ident(n.nspname) AS subject, n.nspowner AS owner, n.nspacl AS acl, 'n' AS kind
    FROM pg_namespace n WHERE n.oid = ANY (%(schemas)s::oid[])
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
            WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || c.oid::regclass,
        c.relowner, c.relacl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END
    FROM pg_class c WHERE c.oid = ANY (%(relations)s::oid[]) AND c.relkind <> 'c'
    UNION ALL
    SELECT 'column ' || c.oid::regclass || '.' || quote_ident(a.attname), c.relowner, a.attacl, 'c'
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT
        CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || p.oid::regprocedure,
        p.proowner, p.proacl, 'f'
    FROM pg_proc p
    WHERE p.pronamespace = ANY (%(schemas)s::oid[]) AND p.oid <> ALL (%(left_out_functions)s::oid[])
        AND p.proacl IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION ALL
    SELECT CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || t.oid::regtype, t.typowner, t.typacl, 'T'
    FROM pg_type t
    WHERE t.typnamespace = ANY (%(schemas)s::oid[]) AND t.typacl IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'foreign-data wrapper ' || quote_ident(fdwname), fdwowner, fdwacl, 'F' FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT 'server ' || quote_ident(srvname), srvowner, srvacl, 'S' FROM pg_foreign_server
    UNION ALL
    SELECT 'language ' || quote_ident(lanname), lanowner, lanacl, 'l' FROM pg_language
    UNION ALL
    SELECT 'the database', datdba, datacl, 'd' FROM pg_database WHERE datname = current_database()
), given AS (
    SELECT o.subject, o.owner, x.grantor, x.grantee, x.privilege_type, x.is_grantable
    FROM objects o, aclexplode(o.acl) x
    WHERE o.acl IS NOT NULL
), standard AS (
    SELECT o.subject, o.owner, x.grantor, x.grantee, x.privilege_type, x.is_grantable
    FROM objects o, aclexplode(acldefault(o.kind::"char", o.owner)) x
    WHERE o.acl IS NOT NULL
), differences AS (
    SELECT 'granted' AS change, beyond.* FROM (TABLE given EXCEPT TABLE standard) beyond
    UNION ALL
    SELECT 'revoked' AS change, missing.* FROM (TABLE standard EXCEPT TABLE given) missing
), named AS (
    SELECT
        subject, change,
        CASE grantee WHEN 0 THEN 'PUBLIC' WHEN owner THEN 'owner' ELSE quote_ident(pg_get_userbyid(grantee)) END
            || CASE WHEN is_grantable THEN ' (may grant it)' ELSE '' END
            || CASE WHEN grantor <> owner THEN ' (by ' || quote_ident(pg_get_userbyid(grantor)) || ')' ELSE '' END
            || ': ' || string_agg(privilege_type, ', ' ORDER BY privilege_type COLLATE "C") AS line
    FROM differences
    GROUP BY subject, change, owner, grantor, grantee, is_grantable
)
SELECT
    'grants on ' || subject AS key,
    string_agg(line, E'\n' ORDER BY line COLLATE "C") FILTER (WHERE change = 'granted') AS granted,
    string_agg(line, E'\n' ORDER BY line COLLATE "C") FILTER (WHERE change = 'revoked') AS revoked
FROM named
GROUP BY subject

-- default_privileges --
SELECT
    'default privileges of ' || quote_ident(pg_get_userbyid(d.defaclrole)) || ' on '
        || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
            WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END
        || CASE WHEN d.defaclnamespace <> 0 THEN ' in schema ' || d.defaclnamespace::regnamespace ELSE '' END AS key,
    COALESCE((
        SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
            SELECT
                CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
                || CASE WHEN x.is_grantable THEN ' (may grant it)' ELSE '' END
                || ': ' || string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type COLLATE "C") AS line
            FROM aclexplode(d.defaclacl) x
            GROUP BY x.grantee, x.is_grantable
        ) lines
    ), 'nobody') AS granted
FROM pg_default_acl d
WHERE d.defaclnamespace = 0 OR d.defaclnamespace = ANY (%(schemas)s::oid[])

-- comments --
SELECT
    'comment on ' || CASE
        WHEN x.indexrelid IS NOT NULL THEN 'index ' || quote_ident(c.relname) || ' on ' || x.indrelid::regclass
        WHEN p.oid IS NOT NULL THEN CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
            || p.oid::regprocedure
        WHEN d.objsubid > 0 THEN 'column ' || i.identity
        ELSE CASE i.type WHEN 'table constraint' THEN 'constraint' ELSE i.type END || ' ' || i.identity
    END AS key,
    d.description AS comment
FROM pg_description d
LEFT JOIN pg_class c ON d.classoid = 'pg_class'::regclass AND c.oid = d.objoid
LEFT JOIN pg_index x ON x.indexrelid = c.oid
LEFT JOIN pg_proc p ON d.classoid = 'pg_proc'::regclass AND p.oid = d.objoid
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
CROSS JOIN LATERAL pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) a
WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass)
    AND (c.oid IS NULL OR COALESCE(x.indrelid, c.oid) = ANY (%(relations)s::oid[]))
    AND (p.oid IS NULL OR p.oid <> ALL (%(left_out_functions)s::oid[]))
    AND (i.type IN ('extension', 'event trigger', 'language', 'cast', 'publication', 'server', 'foreign-data wrapper')
        OR COALESCE(i.schema, a.object_names[1]) = ANY (%(schema_names)s::text[]))
    AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
