-- create_fuse --
-- One row while a migration runs: its deferred trigger makes every COMMIT fail but the run's own.
CREATE TABLE IF NOT EXISTS {schema}.migration_fuse (secret text PRIMARY KEY)

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

-- arm_fuse --
-- After BEGIN: the transaction id, and the tables to watch, by oid, so that a rename does not hide them.
WITH armed AS (
    INSERT INTO {schema}.migration_fuse VALUES (%(secret)s)
    RETURNING pg_catalog.set_config('signalbox.commit_allowed', '', true)
)
SELECT pg_catalog.pg_current_xact_id()::text,
       (SELECT pg_catalog.array_agg(c.oid::bigint) FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %(schema)s AND c.relname IN ('schema_migrations', 'migration_audit_log'))
FROM armed

-- seal --
-- After the body: are we still in that transaction, and did the body lock a tracking table for writing or altering?
SELECT pg_catalog.pg_current_xact_id()::text,
       EXISTS (
           SELECT FROM pg_catalog.pg_locks
           WHERE locktype = 'relation' AND pid = pg_catalog.pg_backend_pid() AND granted
             AND relation = ANY (%(tables)s::oid[])
             AND mode NOT IN ('AccessShareLock', 'RowShareLock')
       )

-- allow_commit --
-- From here on the run's own COMMIT passes.
SELECT pg_catalog.set_config('signalbox.commit_allowed', %(secret)s, true)

-- disarm_fuse --
-- The row goes before the COMMIT; its trigger still fires, and passes.
DELETE FROM {schema}.migration_fuse WHERE secret = %(secret)s

-- defer_fuse --
-- A SET CONSTRAINTS ALL IMMEDIATE is over; the next row is checked at COMMIT again.
SET CONSTRAINTS {schema}.fuse DEFERRED
