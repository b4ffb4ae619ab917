-- relation_named --
-- Tables by name. Without a schema the search path decides; where that has none, it can be the one of any schema.
WITH found AS (
    SELECT c.oid, CASE WHEN %(schema)s = '' AND c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(%(name)s)) THEN 0
                       ELSE 1 END AS rank
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
      AND (n.nspname = %(schema)s OR %(schema)s = '' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
)
SELECT oid::bigint FROM found WHERE rank = (SELECT min(rank) FROM found)

-- relations_in_schema --
-- Whatever holds rows in it.
SELECT c.oid::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'm')

-- views_built_on --
-- Materialized views that go with a table when it is dropped with CASCADE, through views between them too.
WITH RECURSIVE dependent(oid) AS (
    SELECT %(oid)s::oid
    UNION
    SELECT r.ev_class FROM dependent b
    JOIN pg_catalog.pg_depend d ON d.refobjid = b.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
)
SELECT c.oid::bigint FROM dependent JOIN pg_catalog.pg_class c USING (oid) WHERE c.relkind = 'm' AND c.oid <> %(oid)s

-- tables_referring --
-- Tables whose rows go too: TRUNCATE ... CASCADE empties every one that refers here, ON DELETE CASCADE takes some rows.
WITH RECURSIVE referring(oid) AS (
    SELECT %(oid)s::oid
    UNION
    SELECT k.conrelid FROM referring b JOIN pg_catalog.pg_constraint k ON k.confrelid = b.oid
    WHERE k.contype = 'f' AND (%(every)s OR k.confdeltype = 'c')
)
SELECT oid::bigint FROM referring WHERE oid <> %(oid)s

-- columns_of_type --
-- What DROP TYPE ... CASCADE takes from tables: columns of the type, of its arrays and of domains over it.
WITH RECURSIVE types(oid) AS (
    SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typname = %(name)s AND (n.nspname = %(schema)s OR %(schema)s = '' AND pg_catalog.pg_type_is_visible(t.oid))
    UNION
    SELECT t.oid FROM pg_catalog.pg_type t JOIN types b ON t.typelem = b.oid OR t.typbasetype = b.oid
)
SELECT a.attrelid::bigint, a.attname::text
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.atttypid IN (SELECT oid FROM types) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped

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
       ARRAY(WITH RECURSIVE above(oid) AS (
                 SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid
                 UNION SELECT h.inhparent FROM above b JOIN pg_catalog.pg_inherits h ON h.inhrelid = b.oid
             ) SELECT oid::bigint FROM above)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s::oid

-- table_columns --
-- In order: the type as SQL writes it and by name, whether it is PostgreSQL's own (in a collation of its own too), the
-- default where it is a constant (written without its table, which would be locked), whether a row needs a value,
-- whether it is computed, and the sequence that counts it.
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
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), a.attname)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
