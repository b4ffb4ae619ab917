-- dual_write --
-- Whether a role may write a row to the table of another tool, and take it away; and the names, quoted.
SELECT
    pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
    pg_catalog.has_table_privilege(c.oid, 'SELECT')
        AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
        AND pg_catalog.has_table_privilege(c.oid, 'DELETE'),
    pg_catalog.row_security_active(c.oid),
    ARRAY(
        SELECT pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(s.relname)
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjid = c.oid
            AND d.deptype = 'a'
            AND NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE')
    ),
    pg_catalog.quote_ident(n.nspname),
    pg_catalog.quote_ident(c.relname),
    pg_catalog.quote_ident(CURRENT_USER)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
