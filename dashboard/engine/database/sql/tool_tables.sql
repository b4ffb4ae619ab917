-- tool_tables --
-- Tables that have the columns of one of the shapes, each written with blanks between its columns: with their columns and
-- the types of these, and whether this role may read them. Types that are not PostgreSQL's own have no name here. One
-- column of each shape is its mark, so that not every column of every table is looked at.
WITH shaped AS (
    SELECT c.oid, n.oid AS schema_oid, n.nspname, c.relname, c.relkind,
           pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS columns,
           pg_catalog.array_agg(CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE '' END
                                ORDER BY a.attnum) AS types
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE c.oid IN (SELECT m.attrelid FROM pg_catalog.pg_attribute m
                    WHERE m.attname = ANY (%(marks)s::name[]) AND m.attnum > 0 AND NOT m.attisdropped)
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relnatts <= 64
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    GROUP BY c.oid, n.oid, n.nspname, c.relname, c.relkind
)
SELECT s.nspname, s.relname, s.relkind, s.columns, s.types,
       pg_catalog.has_schema_privilege(s.schema_oid, 'USAGE') AND pg_catalog.has_table_privilege(s.oid, 'SELECT'),
       pg_catalog.row_security_active(s.oid)
FROM shaped s
WHERE s.relname = ANY (%(beside)s)
   OR EXISTS (SELECT FROM pg_catalog.unnest(%(shapes)s::text[]) shape
              WHERE pg_catalog.string_to_array(shape, ' ') <@ s.columns)
ORDER BY s.nspname, s.relname
LIMIT 1000
