-- saved_schema_exists --
-- Asked first, because the right to create a schema is needed only once.
SELECT pg_catalog.to_regclass('signalbox_saved.saves') IS NOT NULL

-- create_saved_schema --
-- Nobody but its owner looks in here, whatever default privileges say.
CREATE SCHEMA IF NOT EXISTS signalbox_saved

-- comment_saved_schema --
-- For whoever finds it.
COMMENT ON SCHEMA signalbox_saved IS 'Rows that Signalbox copied before a migration or a rollback destroyed them. The table saves says what, from where, when and by whom. Drop a copy once nobody needs it.'

-- create_saves --
-- The register: one row for each copy.
CREATE TABLE signalbox_saved.saves (
    id bigint PRIMARY KEY,
    saved_table text NOT NULL UNIQUE,
    from_schema text NOT NULL,
    from_table text NOT NULL,
    columns text[] NOT NULL,
    key text[] NOT NULL,
    rows bigint NOT NULL,
    action text NOT NULL,
    version text NOT NULL,
    name text NOT NULL,
    run_id text NOT NULL,
    attempt_id text NOT NULL DEFAULT '',
    saved_by text NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    brought_back_at timestamptz,
    brought_back_by text,
    brought_back_in text,
    brought_back_left bigint,
    saved_oid bigint NOT NULL DEFAULT 0,
    from_oid bigint NOT NULL DEFAULT 0,
    from_numbers int[] NOT NULL DEFAULT ARRAY[]::int[],
    with_nulls boolean NOT NULL DEFAULT false,
    planned_as text NOT NULL DEFAULT ''
)

-- revoke_from_everyone --
-- Default privileges can have given rights to anyone, on Supabase to roles that the internet speaks with.
SELECT pg_catalog.format('REVOKE ALL ON %%s %%s FROM %%s', %(kind)s::text, %(name)s::text,
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END)
FROM (
    SELECT nspacl AS acl, nspowner AS owner FROM pg_catalog.pg_namespace
    WHERE %(kind)s = 'SCHEMA' AND pg_catalog.quote_ident(nspname) = %(name)s
    UNION ALL
    SELECT relacl, relowner FROM pg_catalog.pg_class
    WHERE %(kind)s = 'TABLE' AND oid = pg_catalog.to_regclass(%(name)s)
) object, pg_catalog.aclexplode(object.acl) a
WHERE a.grantee <> object.owner
GROUP BY a.grantee

-- next_save --
-- Under the target lock, so nobody else takes it.
SELECT coalesce(max(id), 0) + 1 FROM signalbox_saved.saves

-- register_save --
-- Where a copy came from.
INSERT INTO signalbox_saved.saves
    (id, saved_table, from_schema, from_table, columns, key, rows, action, version, name, run_id, attempt_id, saved_by,
     saved_oid, from_oid, from_numbers, with_nulls, planned_as)
VALUES (%(id)s, %(saved)s, %(schema)s, %(table)s, %(columns)s, %(key)s, %(rows)s, %(action)s, %(version)s, %(name)s,
        %(run_id)s, %(attempt_id)s, %(by)s,
        pg_catalog.to_regclass('signalbox_saved.' || pg_catalog.quote_ident(%(saved)s))::oid::bigint,
        %(oid)s, %(numbers)s, %(with_nulls)s, %(planned_as)s)

-- read_saves --
-- With whether each copy is still there; the newest first. Where the copy itself has another number, the database was
-- restored from a dump, and the number of what it was saved from means nothing either.
SELECT saved_table, from_schema, from_table, columns, key, rows, action, version, name, run_id,
       coalesce(pg_catalog.to_jsonb(saves) ->> 'attempt_id', ''), saved_by, saved_at,
       brought_back_at, brought_back_by, brought_back_in,
       (pg_catalog.to_jsonb(saves) ->> 'brought_back_left')::bigint,
       CASE WHEN (pg_catalog.to_jsonb(saves) ->> 'saved_oid')::bigint
                 = pg_catalog.to_regclass('signalbox_saved.' || pg_catalog.quote_ident(saved_table))::oid::bigint
           THEN (pg_catalog.to_jsonb(saves) ->> 'from_oid')::bigint ELSE 0 END,
       ARRAY(SELECT n::int FROM pg_catalog.jsonb_array_elements_text(pg_catalog.to_jsonb(saves) -> 'from_numbers') n),
       coalesce((pg_catalog.to_jsonb(saves) ->> 'with_nulls')::boolean, false),
       coalesce(pg_catalog.to_jsonb(saves) ->> 'planned_as', ''),
       pg_catalog.to_regclass('signalbox_saved.' || pg_catalog.quote_ident(saved_table)) IS NOT NULL
FROM signalbox_saved.saves
ORDER BY id DESC

-- extend_saves --
-- A register of an earlier version has no place for what did not come back, and knows no attempts and no identities.
ALTER TABLE signalbox_saved.saves
    ADD COLUMN IF NOT EXISTS brought_back_left bigint,
    ADD COLUMN IF NOT EXISTS attempt_id text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS saved_oid bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS from_oid bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS from_numbers int[] NOT NULL DEFAULT ARRAY[]::int[],
    ADD COLUMN IF NOT EXISTS with_nulls boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS planned_as text NOT NULL DEFAULT ''

-- mark_brought_back --
-- The copy stays; only that it was used is noted.
UPDATE signalbox_saved.saves
SET brought_back_at = pg_catalog.clock_timestamp(), brought_back_by = %(by)s, brought_back_in = %(run_id)s,
    brought_back_left = %(left)s
WHERE saved_table = %(saved)s

-- refers_to --
-- Which of these tables refer to which others of them: parents come back first.
SELECT conrelid::bigint, confrelid::bigint
FROM pg_catalog.pg_constraint
WHERE contype = 'f' AND conrelid <> confrelid
  AND conrelid::bigint = ANY (%(tables)s::bigint[]) AND confrelid::bigint = ANY (%(tables)s::bigint[])

-- firing_triggers --
-- Triggers of a table and its partitions that fire in a plain session, and whether this role may switch them off.
WITH RECURSIVE part(oid) AS (
    SELECT %(oid)s::bigint::oid
    UNION SELECT h.inhrelid FROM part p JOIN pg_catalog.pg_inherits h ON h.inhparent = p.oid
    JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid WHERE c.relispartition
)
SELECT n.nspname::text, c.relname::text, t.tgname::text, t.tgenabled = 'A',
       pg_catalog.pg_has_role(c.relowner, 'USAGE')
FROM part JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
ORDER BY c.relname, t.tgname

-- references_among --
-- Foreign keys between these tables, whether each is checked at once, and whether this role may have it checked later;
-- and other keys of theirs that can be checked later.
SELECT k.conrelid::bigint, k.confrelid::bigint, n.nspname::text, c.relname::text, k.conname::text, k.condeferrable,
       pg_catalog.pg_has_role(c.relowner, 'USAGE')
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.conparentid = 0
  AND (k.contype = 'f' AND k.conrelid::bigint = ANY (%(tables)s::bigint[])
                       AND k.confrelid::bigint = ANY (%(tables)s::bigint[])
       OR k.condeferrable AND (k.conrelid::bigint = ANY (%(tables)s::bigint[])
                               OR k.confrelid::bigint = ANY (%(tables)s::bigint[])))

-- may_save --
-- Whether this role can make copies here.
SELECT CASE WHEN pg_catalog.to_regnamespace('signalbox_saved') IS NULL
    THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
    ELSE pg_catalog.has_schema_privilege('signalbox_saved', 'CREATE') END
