-- history_kind --
-- What the table is, and whether something makes a version unique.
SELECT c.relkind::text, EXISTS (
    SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
      AND i.indnkeyatts = 1 AND a.attname = 'version'
)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = 'schema_migrations'

-- history_columns --
-- Its columns: the type as SQL writes it, the name and kind of the type below a domain, the longest text it takes, and
-- whether a row needs a value that nothing fills in.
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), b.typname::text, b.typcategory::text,
       CASE WHEN b.typname = 'varchar' AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE n.nspname = %(schema)s AND c.relname = 'schema_migrations' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
