"""Hostile SQL with the parser's layer switched off: every statement is sent as it is, COMMIT too.

What must hold with the other guards alone: either nothing of the migration is left, or all of it and the row; and
never an altered history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dashboard.engine import errors
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.plan import Plan
from dashboard.engine.run import executor, recovery
from dashboard.engine.run.recovery import StepVerdict
from dashboard.engine.sql import statements, transaction
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionMode, TransactionShape
from tests.engine.folders import Bench
from tests.faults import outside
from tests.fix_faults import Tally

#: Name, and what stands between `CREATE TABLE first` and `CREATE TABLE last` of the migration.
REFUSED: dict[str, tuple[str, ...]] = {
    "commit": ("COMMIT",),
    "end": ("END",),
    "commit and chain": ("COMMIT AND CHAIN",),
    "commit, begin": ("COMMIT", "BEGIN"),
    "commit work, start transaction": ("COMMIT WORK", "START TRANSACTION"),
    "rollback": ("ROLLBACK",),
    "abort": ("ABORT",),
    "rollback and chain": ("ROLLBACK AND CHAIN",),
    "rollback, begin": ("ROLLBACK", "BEGIN"),
    "begin": ("BEGIN",),
    "prepare transaction": ("PREPARE TRANSACTION 'left'",),
    "savepoint, rollback": ("SAVEPOINT s", "ROLLBACK"),
    "savepoint, commit": ("SAVEPOINT s", "CREATE TABLE inner_one (id int)", "COMMIT"),
    "rollback to nowhere": ("ROLLBACK TO nowhere",),
    "constraints, savepoint, commit": (
        "SAVEPOINT s",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "ROLLBACK TO s",
        "COMMIT",
    ),
    "constraints, commit": ("SET CONSTRAINTS ALL IMMEDIATE", "COMMIT"),
    "replica, constraints, commit": (
        "SET session_replication_role = replica",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "COMMIT",
    ),
    "do commit": ("DO $$ BEGIN COMMIT; END $$",),
    "do rollback": ("DO $$ BEGIN ROLLBACK; END $$",),
    "call commit": ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$", "CALL p()"),
    "two statements in one": ("SELECT 1; COMMIT",),
    "hidden behind a comment": ("/* /* */ */ COMMIT",),
    "nul cuts the message": ("SELECT 1 \0 ; COMMIT",),
    "replica": ("SET session_replication_role = replica", "COMMIT"),
    "fuse row deleted": ("DELETE FROM platform.migration_fuse", "COMMIT"),
    "fuse row added": ("INSERT INTO platform.migration_fuse VALUES ('mine')",),
    "fuse truncated": ("TRUNCATE platform.migration_fuse", "COMMIT"),
    "fuse trigger disabled": ("ALTER TABLE platform.migration_fuse DISABLE TRIGGER ALL", "COMMIT"),
    "fuse trigger dropped": ("DROP TRIGGER fuse ON platform.migration_fuse", "COMMIT"),
    "fuse dropped": ("DROP TABLE platform.migration_fuse", "COMMIT"),
    "fuse function dropped": ("DROP FUNCTION platform.migration_fuse_check() CASCADE", "COMMIT"),
    "fuse function replaced": (
        "CREATE OR REPLACE FUNCTION platform.migration_fuse_check() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NULL; END $$",
    ),
    "fuse function replaced, constraints": (
        "CREATE OR REPLACE FUNCTION platform.migration_fuse_check() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NULL; END $$",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ),
    "fuse function replaced, commit": (
        "CREATE OR REPLACE FUNCTION platform.migration_fuse_check() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NULL; END $$",
        "COMMIT",
    ),
    "fuse trigger disabled in the catalog": (
        "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D' WHERE tgname = 'fuse'",
        "COMMIT",
    ),
    "fuse trigger disabled in the catalog for later": (
        "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D' WHERE tgname = 'fuse'",
    ),
    "commit allowed by guessing": ("SET signalbox.commit_allowed = ''", "COMMIT"),
    "history deleted": ("DELETE FROM platform.schema_migrations",),
    "history updated": ("UPDATE platform.schema_migrations SET checksum = 'x'",),
    "history forged": ("INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('9', 'x', 'x')",),
    "history truncated": ("TRUNCATE platform.schema_migrations",),
    "history dropped": ("DROP TABLE platform.schema_migrations",),
    "history renamed": ("ALTER TABLE platform.schema_migrations RENAME TO old",),
    "history renamed, another made": (
        "ALTER TABLE platform.schema_migrations RENAME TO old",
        "CREATE TABLE platform.schema_migrations (LIKE platform.old INCLUDING ALL)",
    ),
    "history altered": ("ALTER TABLE platform.schema_migrations ADD COLUMN more int",),
    "history moved away": ("ALTER TABLE platform.schema_migrations SET SCHEMA public",),
    "history swallowed by a trigger": (
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER swallow BEFORE INSERT ON platform.schema_migrations FOR EACH ROW EXECUTE FUNCTION swallow()",
    ),
    "history swallowed by a rule": (
        "CREATE RULE swallow AS ON INSERT TO platform.schema_migrations DO INSTEAD NOTHING",
    ),
    "history behind row security": (
        "ALTER TABLE platform.schema_migrations ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE platform.schema_migrations FORCE ROW LEVEL SECURITY",
    ),
    "history locked": ("LOCK TABLE platform.schema_migrations",),
    "history written from a block": ("DO $$ BEGIN EXECUTE 'DELETE FROM platform.' || 'schema_migrations'; END $$",),
    "history deleted by a deferred trigger": (
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN DELETE FROM platform.schema_migrations; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON first DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION late()",
        "INSERT INTO first VALUES (1)",
    ),
    "log emptied": (
        "ALTER TABLE platform.migration_audit_log DISABLE TRIGGER append_only",
        "DELETE FROM platform.migration_audit_log",
    ),
    "log deleted as a replica": (
        "SET session_replication_role = replica",
        "DELETE FROM platform.migration_audit_log",
    ),
    "log's guard replaced": (
        "CREATE OR REPLACE FUNCTION platform.migration_audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN OLD; END $$",
    ),
    "schema dropped": ("DROP SCHEMA platform CASCADE",),
    "schema renamed": ("ALTER SCHEMA platform RENAME TO old",),
    "schema renamed, another made": (
        "ALTER SCHEMA platform RENAME TO old",
        "CREATE SCHEMA platform",
        "CREATE TABLE platform.schema_migrations (LIKE old.schema_migrations INCLUDING ALL)",
        "CREATE TABLE platform.migration_audit_log (LIKE old.migration_audit_log INCLUDING ALL)",
        "CREATE TABLE platform.migration_fuse (LIKE old.migration_fuse INCLUDING ALL)",
    ),
    "our operators replaced": (
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.never(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE FUNCTION evil.never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.never)",
        "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.never)",
        "CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.never)",
        "SET search_path = evil, pg_catalog, public",
        "DELETE FROM platform.schema_migrations",
    ),
    "our comparison replaced": (
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.never(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR evil.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.never)",
        "SET search_path = evil, pg_catalog, public",
        "DELETE FROM platform.schema_migrations",
    ),
    "discard all": ("DISCARD ALL",),
    "session ends itself": ("SELECT pg_terminate_backend(pg_backend_pid())",),
    "statement cancels itself": ("SELECT pg_cancel_backend(pg_backend_pid())",),
    "session told to be short": ("SET statement_timeout = '1ms'", "SELECT pg_sleep(10)"),
    "read only": ("SET TRANSACTION READ ONLY",),
    "rows from the client": ("COPY first FROM STDIN",),
    "rows to the client": ("COPY first TO STDOUT",),
    "a file on the server": ("COPY first FROM '/nowhere/at/all'",),
    "system settings": ("ALTER SYSTEM SET work_mem = '1MB'",),
    "vacuum": ("VACUUM",),
    "a forged deadlock": ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$",),
    "a forged shutdown": ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '57P01'; END $$",),
    "a swallowed error": ("DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN others THEN RAISE; END $$",),
}

#: These do no harm: the migration is applied as a whole, and the history is what it was, with one row more.
HARMLESS: dict[str, tuple[str, ...]] = {
    "all locks released": ("SELECT pg_advisory_unlock_all()",),
    "savepoint and back": ("SAVEPOINT s", "DELETE FROM platform.schema_migrations", "ROLLBACK TO s", "RELEASE s"),
    "constraints checked now": ("SET CONSTRAINTS ALL IMMEDIATE",),
    "constraints checked later": ("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED"),
    "all settings reset": ("RESET ALL",),
    "replica": ("SET session_replication_role = replica",),
    "not durable": ("SET synchronous_commit = off", "SET LOCAL synchronous_commit = off"),
    "role switched": ("SET ROLE pg_monitor", "RESET ROLE"),
    "user left switched": ("GRANT CREATE ON SCHEMA public TO pg_monitor", "SET SESSION AUTHORIZATION pg_monitor"),
    "role left switched": ("GRANT CREATE ON SCHEMA public TO pg_monitor", "SET ROLE pg_monitor"),
    "path hidden": ("SELECT set_config('search_path', 'public', false)",),
    "path in front of ours": (
        "CREATE SCHEMA evil",
        "CREATE TABLE evil.schema_migrations (version text)",
        "SET search_path = evil, public",
        "SET search_path = public, evil",
    ),
    "history read": ("SELECT * FROM platform.schema_migrations FOR UPDATE",),
    "temporary history": ("CREATE TEMP TABLE schema_migrations (version text)",),
    "timeouts off": ("SET statement_timeout = 0", "SET lock_timeout = 0"),
    "listening": ("LISTEN anything", "NOTIFY anything"),
    "prepared statement": ("PREPARE q AS SELECT 1", "EXECUTE q"),
    "cursor held": ("DECLARE c CURSOR WITH HOLD FOR SELECT 1",),
    "history deleted by a cursor that is read at COMMIT": (
        "CREATE FUNCTION late() RETURNS int LANGUAGE plpgsql "
        "AS $$ BEGIN DELETE FROM platform.schema_migrations; RETURN 1; END $$",
        "DECLARE c CURSOR WITH HOLD FOR SELECT late()",
    ),
}

COMMITS_ANYWAY = (
    "DROP TRIGGER fuse ON platform.migration_fuse",
    "DELETE FROM platform.migration_fuse",
    "COMMIT",
)

#: Outside a transaction nothing can be taken back, so what counts is that none of it is called applied.
OUTSIDE: dict[str, str] = {
    "history deleted": "DELETE FROM platform.schema_migrations",
    "history deleted by a block": "DO $$ BEGIN DELETE FROM platform.schema_migrations; COMMIT; END $$",
    "history forged by a block": (
        "DO $$ BEGIN INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('9', 'x', 'x'); END $$"
    ),
    "guard replaced": (
        "CREATE OR REPLACE FUNCTION platform.migration_fuse_check() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NULL; END $$"
    ),
    "a transaction of its own": "BEGIN",
    "all locks released": "SELECT pg_advisory_unlock_all()",
    "all discarded": "DISCARD ALL",
    "session ends itself": "SELECT pg_terminate_backend(pg_backend_pid())",
}


@dataclass(frozen=True, kw_only=True)
class Before:
    catalog: set[tuple[str, ...]]
    history: list[tuple[object, ...]]
    log: list[tuple[object, ...]]


@pytest.fixture
def hostile_bench(breakable_bench: Bench) -> Bench:
    breakable_bench.write("001_users.sql", "CREATE TABLE users (id int);")
    breakable_bench.apply()
    breakable_bench.write("002_hostile.sql", "SELECT 'its place is taken by the case';")
    return breakable_bench


def look_at(bench: Bench) -> Before:
    return Before(
        catalog=outside.catalog(bench.database),
        history=outside.history(bench.database),
        log=outside.log(bench.database),
    )


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_statement_leaves_nothing(
    name: str, lasting_bench: Bench, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    target = lasting_bench
    target.write("002_hostile.sql", "SELECT 'its place is taken by the case';")
    before = look_at(target)
    monkeypatch.setattr("dashboard.engine.run.transactional.FIRST_PAUSE", 0.01)
    with pytest.raises(errors.EngineError) as caught:
        run_as_it_is(target, REFUSED[name], monkeypatch)
    left = outside.catalog(target.database) - before.catalog
    tally.part = "hostile statements with the parser's layer off"
    tally.add(refused=1, objects_left_behind=len(left))
    assert not left
    assert outside.catalog(target.database) == before.catalog, "nothing is gone either"
    assert outside.history(target.database) == before.history
    assert outside.log(target.database)[: len(before.log)] == before.log
    assert outside.prepared_transactions(target.database) == []
    assert not isinstance(caught.value, errors.PartlyApplied)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_oddity_is_applied_as_a_whole(
    name: str, hostile_bench: Bench, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    before = look_at(hostile_bench)
    run_as_it_is(hostile_bench, HARMLESS[name], monkeypatch)
    tally.part = "hostile statements with the parser's layer off"
    tally.add(harmless=1)
    made = {entry[2] for entry in outside.catalog(hostile_bench.database) - before.catalog}
    assert {"first", "last"} <= made
    assert [row for row in outside.history(hostile_bench.database) if row[0] != "002"] == before.history
    assert [row[0] for row in outside.history(hostile_bench.database)] == ["001", "002"]
    assert outside.catalog(hostile_bench.database) >= before.catalog


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_a_transaction_nothing_hostile_is_called_applied(
    name: str, hostile_bench: Bench, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    shape = TransactionShape(
        mode=TransactionMode.NONE,
        sent=(_unread(1, "CREATE TABLE first (id int)"), _read(2, OUTSIDE[name]), _unread(3, "SELECT 1")),
    )
    monkeypatch.setattr(executor, "_shape", lambda step: shape)
    with pytest.raises((errors.PartlyApplied, errors.StatementFailed, errors.ConnectionLost)):
        hostile_bench.execute(hostile_bench.plan(), run_id="2")
    tally.part = "hostile statements with the parser's layer off"
    tally.add(refused=1)
    assert [row for row in outside.history(hostile_bench.database) if row[0] == "002"] == []


def test_who_takes_both_fuses_out_and_commits_is_told_what_stands(
    hostile_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in the database can stop its owner from that, so at least nothing false is said about it."""
    with pytest.raises(errors.PartlyApplied, match="committed by itself"):
        run_as_it_is(hostile_bench, COMMITS_ANYWAY, monkeypatch)
    assert [row[0] for row in outside.history(hostile_bench.database)] == ["001"]


def run_as_it_is(bench: Bench, sent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises what the executor raises; of a lost connection, what the resolver then finds must be `undone`."""
    script = ("CREATE TABLE first (id int)", *sent, "CREATE TABLE last (id int)")
    shape = TransactionShape(
        mode=TransactionMode.SINGLE, sent=tuple(_unread(n, sql) for n, sql in enumerate(script, start=1))
    )
    monkeypatch.setattr(executor, "_shape", lambda step: shape)
    plan = bench.plan()
    try:
        bench.execute(plan, run_id="2")
    except errors.ConnectionLost:
        assert _resolve(bench, plan) == (StepVerdict.UNDONE,)
        raise


def _unread(number: int, sql: str) -> Statement:
    """The statement as no parser has seen it; only SET CONSTRAINTS, which the runner must make room for, is known."""
    node = "constraints_set_stmt" if sql.startswith("SET CONSTRAINTS") else "select_stmt"
    return Statement(
        number=number,
        sql=sql,
        offset=0,
        line=number,
        column=1,
        node=node,
        control=None,
        transactional=True,
        client_copy=False,
        summary=sql[:40],
    )


def _read(number: int, sql: str) -> Statement:
    """As the parser has seen it."""
    (statement,) = statements.split(sql)
    return replace(statement, number=number, control=None)


def _resolve(bench: Bench, plan: Plan) -> tuple[StepVerdict, ...]:
    return recovery.resolve(plan, access=bench.access, attempt=Attempt(run_id="2", by="alice")).steps


def test_the_parser_alone_would_have_refused_what_controls_the_transaction() -> None:
    controlling = [name for name, sent in REFUSED.items() if any(s.split()[0] in {"COMMIT", "END"} for s in sent)]
    for name in controlling:
        shape = transaction.plan_transaction(statements.split(";\n".join(REFUSED[name])), {})
        assert shape.fault, name
