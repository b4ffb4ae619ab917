-- create_schema --
-- Where the tracking tables live.
CREATE SCHEMA IF NOT EXISTS {schema}

-- create_history --
-- The seed's columns exactly; a reader that knows only these keeps working.
CREATE TABLE IF NOT EXISTS {schema}.schema_migrations (
    version text PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    execution_time_ms integer,
    checksum text NOT NULL,
    success boolean NOT NULL DEFAULT true,
    error_message text,
    rollback_script text
)

-- extend_history --
-- Our columns, beside the seed's; of those the ones that may be empty are added to a table that was adopted too.
ALTER TABLE {schema}.schema_migrations
    ADD COLUMN IF NOT EXISTS execution_time_ms integer,
    ADD COLUMN IF NOT EXISTS error_message text,
    ADD COLUMN IF NOT EXISTS rollback_script text,
    ADD COLUMN IF NOT EXISTS forward_script text,
    ADD COLUMN IF NOT EXISTS checksum_sql text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS applied_by text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS run_id text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS attempt_id text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS installation text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT 'applied'
        CHECK (kind IN ('applied', 'baseline', 'skipped', 'repeatable'))

-- comment_history --
-- What each column means, for whoever reads the table by hand.
DO $comments$
BEGIN
    COMMENT ON TABLE {schema}.schema_migrations IS 'One row for each migration that stands in this database. Written by Signalbox in the transaction of the migration itself: no row without the work, no work without the row.';
    COMMENT ON COLUMN {schema}.schema_migrations.version IS 'Number of the migration, as in its file name; for a skipped file that shares its number with others, the whole name; of a repeatable migration R__ and its name or number.';
    COMMENT ON COLUMN {schema}.schema_migrations.name IS 'Name of the migration, the file name without number and ending.';
    COMMENT ON COLUMN {schema}.schema_migrations.applied_at IS 'When it was recorded, by the clock of this server.';
    COMMENT ON COLUMN {schema}.schema_migrations.execution_time_ms IS 'Milliseconds its statements took.';
    COMMENT ON COLUMN {schema}.schema_migrations.checksum IS 'sha256 of the text with LF line ends; "manual" means unknown.';
    COMMENT ON COLUMN {schema}.schema_migrations.success IS 'False: the last attempt failed, nothing of it remains, and no earlier success stands.';
    COMMENT ON COLUMN {schema}.schema_migrations.error_message IS 'Why the last attempt failed.';
    COMMENT ON COLUMN {schema}.schema_migrations.rollback_script IS 'The down SQL as it was when this was applied; a rollback runs exactly this.';
    COMMENT ON COLUMN {schema}.schema_migrations.forward_script IS 'The up SQL that ran.';
    COMMENT ON COLUMN {schema}.schema_migrations.checksum_sql IS 'sha256 of the tokens, comments and blanks left out.';
    COMMENT ON COLUMN {schema}.schema_migrations.applied_by IS 'Who started the run.';
    COMMENT ON COLUMN {schema}.schema_migrations.run_id IS 'The run in Signalbox, by its number there.';
    COMMENT ON COLUMN {schema}.schema_migrations.attempt_id IS 'The attempt of that run, by a UUID that never repeats; empty where an older Signalbox wrote the row.';
    COMMENT ON COLUMN {schema}.schema_migrations.installation IS 'The Signalbox that ran it, by the UUID of its installation.';
    COMMENT ON COLUMN {schema}.schema_migrations.kind IS 'applied, baseline (recorded without running), skipped (a decision, see error_message for the reason), repeatable (the text that ran last; it runs again when its file changes).';
END $comments$

-- create_log --
-- Every attempt, failures too. The first four columns after the key are the seed's.
CREATE TABLE IF NOT EXISTS {schema}.migration_audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL,
    executed_by text NOT NULL,
    executed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    source_ip text
)

-- extend_log --
-- Our columns, beside the seed's.
ALTER TABLE {schema}.migration_audit_log
    ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS action text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS outcome text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS run_id text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS attempt_id text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS installation text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS protected boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS checksum text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS statement integer,
    ADD COLUMN IF NOT EXISTS sqlstate text,
    ADD COLUMN IF NOT EXISTS message text

-- comment_log --
-- What each column means, for whoever reads the table by hand.
DO $comments$
BEGIN
    COMMENT ON TABLE {schema}.migration_audit_log IS 'Every attempt of Signalbox to change this database, failures too. Append-only.';
    COMMENT ON COLUMN {schema}.migration_audit_log.version IS 'Number of the migration.';
    COMMENT ON COLUMN {schema}.migration_audit_log.executed_by IS 'Who started the run.';
    COMMENT ON COLUMN {schema}.migration_audit_log.executed_at IS 'When the attempt ended, by the clock of this server.';
    COMMENT ON COLUMN {schema}.migration_audit_log.source_ip IS 'From where the run was started.';
    COMMENT ON COLUMN {schema}.migration_audit_log.name IS 'Name of the migration.';
    COMMENT ON COLUMN {schema}.migration_audit_log.action IS 'apply, rollback, skip, unskip and what else a run does with a migration.';
    COMMENT ON COLUMN {schema}.migration_audit_log.outcome IS 'succeeded, failed, partial, cancelled, retried, interrupted, glass_broken; of one statement: started, done, undone.';
    COMMENT ON COLUMN {schema}.migration_audit_log.run_id IS 'The run in Signalbox, by its number there.';
    COMMENT ON COLUMN {schema}.migration_audit_log.attempt_id IS 'The attempt of that run, by a UUID that never repeats; empty where an older Signalbox wrote the row.';
    COMMENT ON COLUMN {schema}.migration_audit_log.installation IS 'The Signalbox that ran it, by the UUID of its installation.';
    COMMENT ON COLUMN {schema}.migration_audit_log.protected IS 'Whether that Signalbox asks for approvals before it runs anything here.';
    COMMENT ON COLUMN {schema}.migration_audit_log.checksum IS 'sha256 of the text of the migration with LF line ends; empty where an older Signalbox wrote the row.';
    COMMENT ON COLUMN {schema}.migration_audit_log.statement IS 'Number of the statement that failed.';
    COMMENT ON COLUMN {schema}.migration_audit_log.sqlstate IS 'SQLSTATE of the failure.';
    COMMENT ON COLUMN {schema}.migration_audit_log.message IS 'Message of the failure, or the reason a person gave.';
END $comments$

-- refuse_log_changes --
-- The log is append-only for everyone who does not drop the trigger first.
CREATE OR REPLACE FUNCTION {schema}.migration_audit_log_is_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
    RAISE EXCEPTION 'migration_audit_log is append-only' USING ERRCODE = '42501';
END $body$

-- has_log_trigger --
-- Whether the trigger is there already.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = 'migration_audit_log' AND t.tgname = 'append_only'
)

-- create_log_trigger --
-- TRUNCATE too.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.migration_audit_log
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.migration_audit_log_is_append_only()

-- has_log_index --
-- Whether the rows of one attempt are found without reading the whole log, which only grows. Only its owner can see to it.
SELECT NOT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = 'migration_audit_log' AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                      WHERE i.indrelid = c.oid AND x.relname = 'migration_audit_log_of_attempt')
)

-- create_log_index --
-- What a run and recovery ask of single steps and statements.
CREATE INDEX IF NOT EXISTS migration_audit_log_of_attempt
    ON {schema}.migration_audit_log (run_id, attempt_id, version, name)

-- columns --
-- The columns of tables that may not exist.
SELECT c.relname, a.attname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s) AND a.attnum > 0 AND NOT a.attisdropped

-- read_history --
-- Every row as JSON, whatever columns the table has; the scripts only when asked for. A time without its zone is of the
-- zone that the server keeps.
SELECT (CASE WHEN %(scripts)s THEN pg_catalog.to_jsonb(t)
             ELSE pg_catalog.to_jsonb(t) - 'forward_script' - 'rollback_script' END)
       || pg_catalog.jsonb_build_object('has_rollback', pg_catalog.to_jsonb(t) ->> 'rollback_script' IS NOT NULL,
                                        'applied_at', t.applied_at::timestamptz)
FROM {schema}.schema_migrations t

-- fingerprint --
-- Every row and every column of the history, in one word: to see whether a migration changed it.
SELECT pg_catalog.encode(pg_catalog.sha256(coalesce(pg_catalog.string_agg(hash, ''::bytea ORDER BY hash), '')), 'hex')
FROM (
    SELECT pg_catalog.sha256(pg_catalog.convert_to(of_history::text, pg_catalog.getdatabaseencoding())) AS hash
    FROM {schema}.schema_migrations of_history
) rows

-- log_fingerprint --
-- The same of the log, without the row that each transaction of ours wrote; those are counted, so that none goes unseen.
SELECT pg_catalog.encode(pg_catalog.sha256(
           coalesce(pg_catalog.string_agg(hash, ''::bytea ORDER BY hash) FILTER (WHERE NOT is_own), '')), 'hex')
       || ' ' || (pg_catalog.count(*) FILTER (WHERE is_own) - pg_catalog.cardinality(%(own)s::bigint[]))
FROM (
    SELECT pg_catalog.sha256(pg_catalog.convert_to(of_log::text, pg_catalog.getdatabaseencoding())) AS hash,
           of_log.xmin::text::bigint = ANY (%(own)s::bigint[]) AS is_own
    FROM {schema}.migration_audit_log of_log
) rows

-- row_versions --
-- How many rows there are and the sum of the transactions that wrote them: a row that was written anew has a later one,
-- so that the sum is another unless rows are gone as well, and then their number is. A second sum, over hashes, for a
-- server that has begun to count its transactions again. Nothing of a row itself is read. From those of the log our own
-- are taken away.
SELECT (SELECT ROW(pg_catalog.count(*), pg_catalog.sum(writer), pg_catalog.sum(pg_catalog.hashint8(writer)))::text
        FROM (SELECT xmin::text::bigint AS writer FROM {schema}.schema_migrations) history),
       ROW(log.number - own.number, log.writers - own.writers, log.hashes - own.hashes)::text
FROM (SELECT pg_catalog.count(*) AS number, coalesce(pg_catalog.sum(writer), 0) AS writers,
             coalesce(pg_catalog.sum(pg_catalog.hashint8(writer)), 0) AS hashes
      FROM (SELECT xmin::text::bigint AS writer FROM {schema}.migration_audit_log) rows) log,
     (SELECT pg_catalog.count(*) AS number, coalesce(pg_catalog.sum(writer), 0) AS writers,
             coalesce(pg_catalog.sum(pg_catalog.hashint8(writer)), 0) AS hashes
      FROM pg_catalog.unnest(%(own)s::bigint[]) writers (writer)) own

-- transaction_number --
-- Of this transaction, never to come again.
SELECT pg_catalog.pg_current_xact_id()::text

-- own_rows --
-- Where each row of both tables lies and which transaction put it there, in one word. It changes with every row that is
-- written, and reads no text.
SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', tables.many, tables.places), ', ' ORDER BY tables.name)
FROM (
    SELECT 'history' AS name, pg_catalog.count(*) AS many,
        pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', h.ctid, h.xmin), 0)) AS places
    FROM {schema}.schema_migrations h
    UNION ALL
    SELECT 'log', pg_catalog.count(*),
        pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', l.ctid, l.xmin), 0))
    FROM {schema}.migration_audit_log l
) tables

-- set_log_sequence_right --
-- The log goes on behind its newest row, where its sequence was pushed away from there. It is ahead by a little whenever
-- a transaction was undone.
SELECT pg_catalog.setval(sequence, newest + 1, false)
FROM (
    SELECT pg_catalog.pg_get_serial_sequence('{schema}.migration_audit_log', 'id')::regclass AS sequence,
           (SELECT coalesce(pg_catalog.max(id), 0)::bigint FROM {schema}.migration_audit_log) AS newest
) log
WHERE sequence IS NOT NULL AND newest < 9223372036854000000
  AND pg_catalog.has_sequence_privilege(sequence, 'SELECT, USAGE')
  AND pg_catalog.has_sequence_privilege(sequence, 'UPDATE')
  AND coalesce(pg_catalog.pg_sequence_last_value(sequence), 0) NOT BETWEEN newest AND newest + 1000000

-- read_rolled_back --
-- Migrations whose last successful event was a rollback.
SELECT version, name FROM (
    SELECT DISTINCT ON (version, name) version, name, action
    FROM {schema}.migration_audit_log
    WHERE outcome = 'succeeded' AND action <> 'bring_back'
    ORDER BY version, name, id DESC
) last
WHERE action = 'rollback'

-- read_successes --
-- The last time that each migration came to each of its ends, in whatever columns the log has.
SELECT DISTINCT ON (l.version, l.name, l.action, l.outcome) pg_catalog.to_jsonb(l)
FROM {schema}.migration_audit_log l
WHERE l.outcome IN ('succeeded', 'failed', 'partial')
  AND l.action IN ('apply', 'rollback', 'skip', 'unskip', 'accept', 'accept_change', 'restore_record', 'mark_applied',
                   'baseline', 'import')
ORDER BY l.version, l.name, l.action, l.outcome, l.id DESC

-- record_success --
-- In the migration's own transaction. Replaces a failed attempt, and of a repeatable migration the text that ran before;
-- no other row that stands: one row, or someone was first.
INSERT INTO {schema}.schema_migrations AS row
    (version, name, applied_at, execution_time_ms, checksum, success, error_message, rollback_script,
     forward_script, checksum_sql, applied_by, run_id, attempt_id, installation, kind)
VALUES (%(key)s, %(name)s, coalesce(%(applied_at)s::timestamptz, pg_catalog.clock_timestamp()), %(ms)s, %(checksum)s,
        true, %(reason)s, %(down_sql)s, %(sql)s, %(checksum_sql)s, %(by)s, %(run_id)s, %(attempt_id)s, %(installation)s, %(kind)s)
ON CONFLICT (version) DO UPDATE SET
    name = excluded.name, applied_at = excluded.applied_at, execution_time_ms = excluded.execution_time_ms,
    checksum = excluded.checksum, success = true, error_message = excluded.error_message,
    rollback_script = excluded.rollback_script, forward_script = excluded.forward_script,
    checksum_sql = excluded.checksum_sql, applied_by = excluded.applied_by, run_id = excluded.run_id,
    attempt_id = excluded.attempt_id, installation = excluded.installation, kind = excluded.kind
WHERE NOT row.success
   OR excluded.kind = 'repeatable' AND row.name = excluded.name AND row.kind IN ('repeatable', 'applied', 'baseline')

-- record_failure --
-- Only where no success stands.
INSERT INTO {schema}.schema_migrations AS row
    (version, name, applied_at, checksum, success, error_message, checksum_sql, applied_by, run_id, attempt_id,
     installation, kind)
VALUES (%(key)s, %(name)s, pg_catalog.clock_timestamp(), %(checksum)s, false, %(message)s, %(checksum_sql)s,
        %(by)s, %(run_id)s, %(attempt_id)s, %(installation)s, %(kind)s)
ON CONFLICT (version) DO UPDATE SET
    name = excluded.name, applied_at = excluded.applied_at, checksum = excluded.checksum,
    error_message = excluded.error_message, checksum_sql = excluded.checksum_sql,
    applied_by = excluded.applied_by, run_id = excluded.run_id, attempt_id = excluded.attempt_id,
    installation = excluded.installation, kind = excluded.kind
WHERE NOT row.success

-- restore_record --
-- What the log says of the last apply, or of the word of a person or another tool that took its place, where its row is
-- gone, is marked as failed or has another checksum. Texts that were captured then stay; of a baseline none was. Nothing
-- where it was rolled back since: the history is the same before and after that.
INSERT INTO {schema}.schema_migrations AS row
    (version, name, applied_at, checksum, success, rollback_script, forward_script, checksum_sql, applied_by, run_id,
     attempt_id, installation, error_message, kind)
SELECT %(key)s, l.name, l.executed_at, %(checksum)s, true,
       CASE WHEN l.action NOT IN ('baseline', 'import') THEN %(down_sql)s END,
       CASE WHEN l.action NOT IN ('baseline', 'import') THEN %(text)s END, %(checksum_sql)s, l.executed_by, l.run_id,
       l.attempt_id, l.installation, CASE WHEN l.action <> 'apply' THEN l.message END,
       CASE WHEN l.action IN ('baseline', 'import') AND %(kind)s = 'applied' THEN 'baseline' ELSE %(kind)s END
FROM {schema}.migration_audit_log l
WHERE l.id = (
    SELECT pg_catalog.max(b.id) FROM {schema}.migration_audit_log b
    WHERE b.version = %(version)s AND b.name = %(name)s AND b.outcome = 'succeeded'
      AND b.action IN ('apply', 'mark_applied', 'baseline', 'import')
)
AND NOT EXISTS (
    SELECT FROM {schema}.migration_audit_log r
    WHERE r.version = l.version AND r.name = l.name AND r.outcome = 'succeeded' AND r.action = 'rollback' AND r.id > l.id
)
ON CONFLICT (version) DO UPDATE SET
    applied_at = excluded.applied_at, checksum = excluded.checksum, success = true,
    error_message = excluded.error_message,
    rollback_script = coalesce(row.rollback_script, excluded.rollback_script),
    forward_script = coalesce(row.forward_script, excluded.forward_script),
    checksum_sql = CASE excluded.checksum_sql WHEN '' THEN row.checksum_sql ELSE excluded.checksum_sql END,
    applied_by = excluded.applied_by, run_id = excluded.run_id, attempt_id = excluded.attempt_id,
    installation = excluded.installation, kind = excluded.kind
WHERE row.name = excluded.name AND (NOT row.success OR row.checksum <> excluded.checksum)

-- accept_edit --
-- Only where the SQL is the same, comments and blanks left out. Of a baseline no text ran, so none is kept; where changed
-- SQL was accepted since it ran, the text that ran stays.
UPDATE {schema}.schema_migrations
SET checksum = %(checksum)s,
    forward_script = CASE WHEN kind = 'baseline' OR EXISTS (
        SELECT FROM {schema}.migration_audit_log l
        WHERE l.version = %(version)s AND l.name = %(name)s AND l.action = 'accept_change' AND l.outcome = 'succeeded'
          AND l.id > (SELECT coalesce(pg_catalog.max(b.id), 0) FROM {schema}.migration_audit_log b
                      WHERE b.version = %(version)s AND b.name = %(name)s AND b.outcome = 'succeeded'
                        AND b.action IN ('apply', 'mark_applied', 'baseline', 'import'))
    ) THEN forward_script ELSE %(text)s END
WHERE version = %(key)s AND name = %(name)s AND success AND checksum_sql = %(checksum_sql)s AND checksum_sql <> ''
  AND %(before)s IN (checksum, '')

-- accept_change --
-- Another SQL, over exactly the checksum that was seen. The texts that were captured stay: the database has what they did.
UPDATE {schema}.schema_migrations
SET checksum = %(checksum)s, checksum_sql = %(checksum_sql)s
WHERE version = %(key)s AND name = %(name)s AND success AND kind <> 'skipped' AND checksum = %(before)s

-- remove_row --
-- In the rollback's own transaction: one row, or it was not applied.
DELETE FROM {schema}.schema_migrations WHERE version = %(key)s AND name = %(name)s AND success AND kind = %(kind)s

-- remove_failure --
-- A failed attempt that a person has cleared away.
DELETE FROM {schema}.schema_migrations WHERE version = %(key)s AND name = %(name)s AND NOT success

-- log --
-- One attempt.
INSERT INTO {schema}.migration_audit_log
    (version, name, executed_by, executed_at, source_ip, action, outcome, run_id, attempt_id, installation, protected,
     checksum, statement, sqlstate, message)
VALUES (%(version)s, %(name)s, %(by)s, pg_catalog.clock_timestamp(), %(source_ip)s, %(action)s, %(outcome)s,
        %(run_id)s, %(attempt_id)s, %(installation)s, %(protected)s, %(checksum)s, %(statement)s, %(sqlstate)s,
        %(message)s)

-- last_outcome --
-- The journal of one statement in one run.
SELECT outcome FROM {schema}.migration_audit_log
WHERE version = %(version)s AND name = %(name)s AND statement = %(statement)s
  AND run_id = %(run_id)s AND attempt_id = %(attempt_id)s
  AND outcome IN ('started', 'done', 'undone')
ORDER BY id DESC LIMIT 1

-- read_unfinished --
-- Statements that ran outside a transaction, of migrations that neither succeeded nor were reset since. A skip puts them
-- aside for as long as it holds: once it is taken back, what they left is there as before.
SELECT version, name, action, statement, outcome, message FROM (
    SELECT DISTINCT ON (l.version, l.name, l.statement) l.version, l.name, l.action, l.statement, l.outcome, l.message
    FROM {schema}.migration_audit_log l
    LEFT JOIN (
        SELECT version, name, pg_catalog.max(id) AS id FROM {schema}.migration_audit_log
        WHERE outcome = 'succeeded' AND action NOT IN ('repair', 'bring_back', 'accept', 'skip', 'unskip')
        GROUP BY version, name
    ) settled ON settled.version = l.version AND settled.name = l.name
    LEFT JOIN (
        SELECT DISTINCT ON (version, name) version, name, action, id FROM {schema}.migration_audit_log
        WHERE outcome = 'succeeded' AND action NOT IN ('repair', 'bring_back', 'accept')
        ORDER BY version, name, id DESC
    ) last ON last.version = l.version AND last.name = l.name
    WHERE l.outcome IN ('started', 'done', 'undone') AND l.action IN ('apply', 'rollback')
      AND l.id > coalesce(settled.id, 0) AND (last.action IS DISTINCT FROM 'skip' OR l.id > last.id)
    ORDER BY l.version, l.name, l.statement, l.id DESC
) journal
WHERE outcome <> 'undone'
ORDER BY version, name, statement

-- succeeded_in_run --
-- The steps of a run that committed: this row commits with them.
SELECT version, name FROM {schema}.migration_audit_log
WHERE run_id = %(run_id)s AND attempt_id = %(attempt_id)s AND outcome = 'succeeded'

-- unsaid_in_run --
-- What the history says a run applied, and the log does not. The key of a row is the version, or the whole name of a file
-- that shares its version with others; char(n) fills both up with blanks.
SELECT pg_catalog.rtrim(h.name::text) FROM {schema}.schema_migrations h
WHERE h.success AND h.run_id = %(run_id)s AND h.attempt_id = %(attempt_id)s AND NOT EXISTS (
    SELECT FROM {schema}.migration_audit_log l
    WHERE l.run_id = %(run_id)s AND l.attempt_id = %(attempt_id)s AND l.outcome = 'succeeded'
      AND l.name = pg_catalog.rtrim(h.name::text)
      AND pg_catalog.rtrim(h.version::text) IN (l.version, l.version || '_' || l.name))
ORDER BY 1

-- log_number --
SELECT c.oid::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = 'migration_audit_log'

-- broken_off_in_run --
-- The step in which a run ended before its end.
SELECT version, name FROM {schema}.migration_audit_log
WHERE run_id = %(run_id)s AND attempt_id = %(attempt_id)s
  AND outcome IN ('failed', 'partial', 'cancelled', 'interrupted')
ORDER BY id DESC LIMIT 1

-- succeeded --
-- One of them.
SELECT EXISTS (
    SELECT FROM {schema}.migration_audit_log
    WHERE run_id = %(run_id)s AND attempt_id = %(attempt_id)s AND version = %(version)s AND name = %(name)s
      AND outcome = 'succeeded'
)

-- installations --
-- Every Signalbox that has written here: its id, who ran it last, when, and whether it asks for approvals here.
SELECT DISTINCT ON (installation) installation, executed_by, executed_at,
    coalesce((pg_catalog.to_jsonb(l) ->> 'protected')::boolean, false)
FROM {schema}.migration_audit_log l
WHERE installation <> ''
ORDER BY installation, id DESC

-- other_logs --
-- The other schemas of this database in which a Signalbox keeps a log.
SELECT n.nspname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'protected' AND NOT a.attisdropped
WHERE c.relname = 'migration_audit_log' AND c.relkind = 'r' AND n.nspname <> %(schema)s
ORDER BY n.nspname

-- noted_interrupted --
-- Whether the end of an attempt whose worker was lost is in the log already.
SELECT EXISTS (
    SELECT FROM {schema}.migration_audit_log
    WHERE run_id = %(run_id)s AND attempt_id = %(attempt_id)s AND version = %(version)s AND name = %(name)s
      AND outcome = 'interrupted'
)
