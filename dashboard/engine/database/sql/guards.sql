-- create_fuse --
-- Two rows while a migration runs: their deferred checks make every COMMIT fail but the run's own.
CREATE TABLE IF NOT EXISTS {schema}.migration_fuse (secret text NOT NULL)

-- has_fuse_pair --
-- Whether the second fuse is there already.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
    WHERE n.nspname = %(schema)s AND c.conname = 'fuse_pair'
)

-- create_fuse_pair --
-- A second fuse, of another kind: the secret stands there twice, which no COMMIT passes. Whoever drops the trigger
-- still has this one; whoever deletes the rows still has the trigger, which fires for deleted rows too.
ALTER TABLE {schema}.migration_fuse
    DROP CONSTRAINT IF EXISTS migration_fuse_pkey,
    ADD CONSTRAINT fuse_pair UNIQUE (secret) DEFERRABLE INITIALLY DEFERRED

-- comment_fuse --
-- For whoever finds it.
COMMENT ON TABLE {schema}.migration_fuse IS 'Always empty, seen from outside: Signalbox puts a row in while a migration runs, so that a COMMIT inside the migration fails as a whole instead of committing half of it.'

-- create_fuse_function --
-- Passes only when the run itself has said so.
CREATE OR REPLACE FUNCTION {schema}.migration_fuse_check() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
    IF current_setting('signalbox.commit_allowed', true) IS DISTINCT FROM new.secret THEN
        RAISE EXCEPTION 'the migration tried to end the transaction of its run' USING ERRCODE = '25000';
    END IF;
    RETURN NULL;
END $body$

-- has_fuse_trigger --
-- Whether the trigger is there already.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = 'migration_fuse' AND t.tgname = 'fuse'
)

-- create_fuse_trigger --
-- Deferred to the COMMIT.
CREATE CONSTRAINT TRIGGER fuse AFTER INSERT ON {schema}.migration_fuse
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.migration_fuse_check()

-- always_fuse_trigger --
-- Also under session_replication_role = replica, which switches ordinary triggers off.
ALTER TABLE {schema}.migration_fuse ENABLE ALWAYS TRIGGER fuse

-- has_replica_identity --
-- Whether rows of our tables can be deleted and changed under a publication FOR ALL TABLES, which needs a key or the
-- whole row. Where this role owns none of them it is asked only if there is such a publication.
SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND c.relreplident NOT IN ('f', 'i')
      AND (c.relname = 'migration_fuse' OR c.relname = 'schema_migrations' AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))
      AND (pg_catalog.pg_has_role(c.relowner, 'USAGE')
           OR EXISTS (SELECT FROM pg_catalog.pg_publication WHERE puballtables))
)

-- give_replica_identity --
-- The whole row where there is no key that would do: the fuse has only a deferrable one.
DO $identity$
BEGIN
    ALTER TABLE {schema}.migration_fuse REPLICA IDENTITY FULL;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_index
                   WHERE indrelid = '{schema}.schema_migrations'::pg_catalog.regclass AND indisprimary) THEN
        ALTER TABLE {schema}.schema_migrations REPLICA IDENTITY FULL;
    END IF;
END $identity$

-- passes_row_security --
-- Whether no policy stands between this role and our tables: the database may force row-level security on every table
-- that is made in it.
SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname IN ('schema_migrations', 'migration_audit_log', 'migration_fuse')
      AND pg_catalog.row_security_active(c.oid)
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_policy p
          WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
            AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true'
            AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) r(oid)
                        WHERE r.oid = 0 OR pg_catalog.pg_has_role(r.oid, 'USAGE')))
)

-- let_role_pass --
-- A policy for this role alone, which gives nobody else anything.
DO $policy$
DECLARE
    ours pg_catalog.regclass;
    ours_alone name := 'signalbox_' || current_user;
BEGIN
    FOREACH ours IN ARRAY ARRAY['{schema}.schema_migrations', '{schema}.migration_audit_log',
                                '{schema}.migration_fuse']::pg_catalog.regclass[] LOOP
        IF pg_catalog.row_security_active(ours) AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = ours AND p.polname = ours_alone
        ) THEN
            EXECUTE pg_catalog.format('CREATE POLICY %I ON %s TO CURRENT_USER USING (true) WITH CHECK (true)',
                                      ours_alone, ours);
        END IF;
    END LOOP;
END $policy$

-- event_triggers --
-- What may have a say in what is made here.
SELECT evtname::text FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' ORDER BY evtname

-- beside --
-- What else is in our schema.
SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relname NOT IN ('schema_migrations', 'migration_audit_log', 'migration_fuse')

-- arm_fuse --
-- After BEGIN, both fuses.
INSERT INTO {schema}.migration_fuse VALUES (%(secret)s), (%(secret)s)
RETURNING pg_catalog.set_config('signalbox.commit_allowed', '', true)

-- seal --
-- Asked after BEGIN and after the body, and the answers compared: the transaction, where it has written, so that asking
-- is no writing (a replication slot is made only in a transaction that has not written); what our tables, functions,
-- triggers and sequences are, and how far the sequences have counted, which no transaction undoes; and whether this
-- session has locked a tracking table for writing or altering. ANALYZE and VACUUM take SHARE UPDATE EXCLUSIVE, with
-- which neither a row nor a column changes. By oid, so that a rename does not hide them.
WITH tables AS (
    SELECT c.oid, c.relname,
           ROW(c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity)::text AS part
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname IN ('schema_migrations', 'migration_audit_log', 'migration_fuse')
), sequences AS (
    SELECT s.seqrelid AS oid, ROW(s.seqrelid, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle,
        CASE WHEN pg_catalog.has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
             THEN pg_catalog.pg_sequence_last_value(s.seqrelid) END)::text AS part
    FROM pg_catalog.pg_depend d JOIN tables t ON t.oid = d.refobjid JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.objid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.deptype IN ('a', 'i')
), guards AS (
    SELECT part FROM tables
    UNION ALL
    SELECT part FROM sequences
    UNION ALL
    SELECT ROW(p.oid, p.prosrc, p.proconfig, p.proowner, p.prosecdef, p.prolang, p.probin)::text
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = %(schema)s
      AND p.proname IN ('migration_fuse_check', 'migration_audit_log_is_append_only')
    UNION ALL
    SELECT ROW(t.oid, t.tgrelid, t.tgname, t.tgenabled, t.tgfoid, t.tgtype, t.tgqual, t.tgargs)::text
    FROM pg_catalog.pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM tables)
    UNION ALL
    SELECT ROW(a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attidentity, a.attgenerated)::text
    FROM pg_catalog.pg_attribute a WHERE a.attrelid IN (SELECT oid FROM tables)
    UNION ALL
    SELECT ROW(d.adrelid, d.adnum, d.adbin)::text
    FROM pg_catalog.pg_attrdef d WHERE d.adrelid IN (SELECT oid FROM tables)
    UNION ALL
    SELECT ROW(k.oid, k.conrelid, k.contype, k.condeferrable, k.condeferred, k.convalidated, k.conbin)::text
    FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (SELECT oid FROM tables)
    UNION ALL
    SELECT ROW(r.oid, r.ev_class, r.ev_enabled, r.ev_qual, r.ev_action)::text
    FROM pg_catalog.pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM tables)
    UNION ALL
    SELECT ROW(p.oid, p.polrelid, p.polcmd, p.polroles, p.polqual, p.polwithcheck)::text
    FROM pg_catalog.pg_policy p WHERE p.polrelid IN (SELECT oid FROM tables)
    UNION ALL
    SELECT ROW(i.indrelid, i.indkey, i.indexprs, i.indpred)::text
    FROM pg_catalog.pg_index i WHERE i.indisvalid AND i.indrelid IN (SELECT oid FROM tables)
)
SELECT pg_catalog.pg_current_xact_id_if_assigned()::text,
       (SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
            pg_catalog.string_agg(part, ' ' ORDER BY part), pg_catalog.getdatabaseencoding())), 'hex') FROM guards),
       EXISTS (
           SELECT FROM pg_catalog.pg_locks l JOIN tables t ON t.oid = l.relation
           WHERE l.locktype = 'relation' AND l.pid = pg_catalog.pg_backend_pid() AND l.granted
             AND t.relname <> 'migration_fuse' AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareUpdateExclusiveLock')
       )

-- cursors_opened --
-- By this transaction, with an operator that no search path hides.
SELECT name FROM pg_catalog.pg_cursors
WHERE is_holdable AND creation_time OPERATOR(pg_catalog.>=) pg_catalog.transaction_timestamp()

-- allow_commit --
-- From here on the run's own COMMIT passes.
SELECT pg_catalog.set_config('signalbox.commit_allowed', %(secret)s, true)

-- disarm_fuse --
-- The rows go before the COMMIT; their trigger still fires, and passes.
DELETE FROM {schema}.migration_fuse WHERE secret = %(secret)s

-- defer_fuse --
-- A SET CONSTRAINTS ALL IMMEDIATE is over; the next rows are checked at COMMIT again.
SET CONSTRAINTS {schema}.fuse, {schema}.fuse_pair DEFERRED
