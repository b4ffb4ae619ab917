"""Folders rehearsed from the first file on. The session's server is one that others use; a private one is started
only where a test is about that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.engine import rehearsal
from dashboard.engine.database.connection import Address
from dashboard.engine.errors import RehearsalImpossible, RunCancelled, TargetUnreachable
from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.rehearsal import throwaway
from dashboard.engine.rehearsal.report import Origin, Proof, Report, Verdict
from dashboard.engine.run.cancellation import Cancellation
from tests.fix_postgres import Database
from tests.waiting import wait_until

type Rehearse = Callable[..., Report]

USERS = "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(10));"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def rehearse(folder: Path, postgres_server: LocalServer) -> Rehearse:
    """rehearse(_001_users="...", _001_rollback="..."): these files, on the session's server."""

    def run(*, keep_going: bool = True, listener: Callable[[Proof], None] = lambda proof: None, **files: str) -> Report:
        for name, text in files.items():
            (folder / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")
        return rehearsal.of_folder(
            discovery.read(folder), server_url=postgres_server.url(), keep_going=keep_going, listener=listener
        )

    return run


@pytest.fixture
def leftover_databases(postgres_server: LocalServer) -> Callable[[], list[str]]:
    """What is left on the session's server."""
    database = Database(name="postgres", url=postgres_server.url())
    query = "SELECT datname::text FROM pg_database WHERE datname LIKE 'signalbox_rehearsal%'"
    return lambda: [row[0] for row in database.query(query)]


# The verdicts


def test_a_sound_migration_is_reversible_and_repeatable(rehearse: Rehearse):
    report = rehearse(_001_users=USERS, _001_rollback="DROP TABLE users;")
    (proof,) = report.proofs
    assert (report.origin, report.passed, report.reversible, report.remarks) == (Origin.SCRATCH, True, True, ())
    assert proof.down
    assert proof.again
    assert (proof.up.ok, proof.down.ok, proof.again.ok) == (True, True, True)
    assert (proof.reversible, proof.order_only, proof.repeatable, proof.differences) == (True, False, True, ())
    assert [d.key for d in proof.made][:2] == ["table public.users", "column public.users.id"]
    assert {d.key for d in proof.made} == {d.key for d in proof.unmade}


@pytest.mark.parametrize(
    "takes",
    [
        "DROP SCHEMA platform CASCADE;",
        "ALTER SCHEMA platform RENAME TO platform_before;",
        "ALTER TABLE platform.schema_migrations RENAME TO migrations_before;",
        "CREATE SCHEMA platform;",
    ],
    ids=["dropped", "schema renamed", "table renamed", "made"],
)
def test_what_no_target_would_let_be_done_to_the_history_is_not_proven(rehearse: Rehearse, takes: str):
    (proof,) = rehearse(_001_platform=takes).proofs
    assert (proof.verdict, proof.up.ok) == (Verdict.FAILED, False)
    assert proof.up.error
    assert "platform" in proof.up.error.sentence + proof.up.error.remedy


def test_what_a_rollback_leaves_behind_is_named(rehearse: Rehearse):
    report = rehearse(_001_users=f"{USERS} CREATE SEQUENCE IF NOT EXISTS left_over;", _001_rollback="DROP TABLE users;")
    (proof,) = report.proofs
    assert (report.passed, report.reversible, proof.reversible, proof.order_only) == (True, False, False, False)
    assert [d.key for d in proof.differences] == ["sequence public.left_over"]


def test_a_second_up_that_fails_is_told_apart(rehearse: Rehearse):
    (proof,) = rehearse(_001_users=USERS, _001_rollback="SELECT 1;").proofs
    assert proof.again
    assert proof.again.error
    assert (proof.verdict, proof.again.ok, proof.again.error.sqlstate) == (Verdict.FAILED, False, "42P07")
    assert (proof.repeatable, proof.repeat_differences) == (False, ())


def test_another_schema_after_the_second_up_is_not_repeatable(rehearse: Rehearse):
    (proof,) = rehearse(
        _001_users="CREATE TABLE IF NOT EXISTS users (id bigint);",
        _001_rollback="ALTER TABLE users ADD COLUMN extra int;",
    ).proofs
    assert proof.repeatable is False
    assert [d.key for d in proof.repeat_differences] == ["column public.users.extra"]


def test_another_order_of_columns_is_told_apart(rehearse: Rehearse):
    proof = rehearse(
        _001_users="CREATE TABLE users (a int, b int);",
        _002_drop="ALTER TABLE users DROP a;",
        _002_rollback="ALTER TABLE users ADD a int;",
    ).proofs[1]
    assert (proof.reversible, proof.order_only) == (False, True)


def test_an_empty_rollback_runs_and_undoes_nothing(rehearse: Rehearse, folder: Path):
    (folder / "1_a").mkdir()
    (folder / "1_a" / "up.sql").write_text(USERS)
    (folder / "1_a" / "down.sql").write_text("-- nothing")
    (proof,) = rehearse().proofs
    assert proof.down
    assert (proof.down.ok, proof.reversible) == (True, False)


def test_without_a_rollback_nothing_is_said_of_it(rehearse: Rehearse):
    (proof,) = rehearse(_001_users=USERS).proofs
    assert (proof.passed, proof.down, proof.again, proof.reversible, proof.repeatable) == (True, None, None, None, None)


def test_files_that_share_a_number_are_each_rehearsed(rehearse: Rehearse):
    report = rehearse(_001_users=USERS, _001_orders="CREATE TABLE orders ();")
    assert [(p.name, p.passed) for p in report.proofs] == [("orders", True), ("users", True)]


def test_a_report_survives_being_kept(rehearse: Rehearse):
    report = rehearse(
        _001_users=USERS,
        _001_rollback="DROP TABLE users;",
        _002_bad="SELECT 1; SELECT nope;",
        _003_more="ALTER TABLE users ADD a int; DO $$ BEGIN RAISE NOTICE 'hi'; END $$;",
        test_003="SELECT 1/0;",
    )
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


# Failures


def test_an_error_has_its_place(rehearse: Rehearse):
    (proof,) = rehearse(_001_bad=f"{USERS}\nALTER TABLE users\n  ADD nope nosuchtype;").proofs
    error = proof.up.error
    assert error
    assert (error.sentence, error.sqlstate) == ('type "nosuchtype" does not exist', "42704")
    assert (error.statement, error.line, error.column) == (2, 3, 12)
    assert error.excerpt.endswith("           ^")


def test_a_file_nobody_can_read_has_the_readers_words(rehearse: Rehearse, folder: Path):
    (folder / "001_latin.sql").write_bytes(b"SELECT '\xe4';")
    first, second = rehearse(_002_psql="\\echo hi").proofs
    assert first.up.error
    assert "UTF-8" in first.up.error.sentence
    assert second.up.error
    assert "is a command of the program psql" in second.up.error.sentence


def test_it_stops_at_the_first_failure(rehearse: Rehearse):
    report = rehearse(keep_going=False, _001_bad="SELECT nope;", _002_users=USERS)
    assert [p.version for p in report.proofs] == ["001"]
    assert [left.sentence for left in report.not_reached] == [
        "002_users was not reached, because 001_bad failed before it."
    ]


def test_what_was_not_reached_is_not_passed(rehearse: Rehearse):
    """Nothing failed here but what was run."""
    report = rehearse(
        keep_going=False, _001_users=USERS, _001_rollback="DROP TABLE users;", _002_role="CREATE ROLE r;", _003_a=USERS
    )
    assert [(p.version, p.verdict) for p in report.proofs] == [
        ("001", Verdict.PROVEN),
        ("002", Verdict.NOT_PROVEN),
    ]
    assert [left.label for left in report.not_reached] == ["003_a"]
    assert (report.verdict, report.passed, report.reversible) == (Verdict.NOT_PROVEN, False, False)


def test_a_second_up_that_fails_spoils_nothing_after_it(rehearse: Rehearse):
    """The rollback forgets a table: what follows begins with what the ups alone make, told to go on or not."""
    report = rehearse(
        keep_going=False,
        _001_users=f"{USERS} CREATE TABLE marker ();",
        _001_rollback="DROP TABLE users;",
        _002_more="ALTER TABLE users ADD a int;",
        _002_rollback="ALTER TABLE users DROP a;",
        _003_more="ALTER TABLE users ADD b int;",
    )
    assert [(p.version, p.verdict) for p in report.proofs] == [
        ("001", Verdict.FAILED),
        ("002", Verdict.PROVEN),
        ("003", Verdict.PROVEN),
    ]
    assert (report.passed, report.not_reached) == (False, ())


def test_a_rollback_that_takes_too_many_rows_spoils_nothing_after_it(rehearse: Rehearse):
    """The schema does not show it: the failure does, and is looked at again."""
    report = rehearse(
        _001_users=f"{USERS} INSERT INTO users VALUES (1);",
        _002_more="INSERT INTO users VALUES (2);",
        _002_rollback="DELETE FROM users;",
        _003_orders="CREATE TABLE orders (u bigint REFERENCES users); INSERT INTO orders VALUES (1);",
    )
    assert [p.verdict for p in report.proofs] == [Verdict.PROVEN] * 3
    (remark,) = report.remarks
    assert remark.startswith("003_orders fails after a rollback before it has run")


def test_what_may_need_a_migration_that_failed_is_not_called_failed(rehearse: Rehearse):
    first, second, third = rehearse(
        _001_users="CREATE TABEL users ();", _002_more="ALTER TABLE users ADD a int;", _003_bad="SELECT 1/0;"
    ).proofs
    assert (first.verdict, second.verdict, third.verdict) == (Verdict.FAILED, Verdict.NOT_PROVEN, Verdict.FAILED)
    assert second.because == "001_users did not run before it, and it may need that"
    assert second.up.error


def test_a_role_that_a_migration_makes_does_not_hinder_that_it_is_made_anew(folder: Path):
    (folder / "001_role.sql").write_text(
        "CREATE ROLE rehearsed; GRANT CREATE ON SCHEMA public TO rehearsed; CREATE TABLE t ();"
    )
    (folder / "002_marker.sql").write_text("CREATE TABLE marker ();")
    (folder / "002_rollback.sql").write_text("SELECT 1;")
    (folder / "003_more.sql").write_text("ALTER TABLE t OWNER TO rehearsed;")
    proofs = rehearsal.of_folder(discovery.read(folder)).proofs
    assert [p.verdict for p in proofs] == [Verdict.PROVEN, Verdict.FAILED, Verdict.PROVEN]


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("SET ROLE nobody_there;", Verdict.NOT_PROVEN),
        ("SET SESSION AUTHORIZATION nobody_there;", Verdict.NOT_PROVEN),
        ("DO $$ BEGIN SET LOCAL ROLE nobody_there; END $$;", Verdict.NOT_PROVEN),
        ("SET default_tablespace = nobody_there;", Verdict.NOT_PROVEN),
        ("SET work_mem = 'much';", Verdict.FAILED),
    ],
)
def test_a_role_that_only_the_target_may_have_is_no_failure(folder: Path, script: str, verdict: Verdict):
    (folder / "001_role.sql").write_text(script)
    (proof,) = rehearsal.of_folder(discovery.read(folder)).proofs
    assert proof.verdict == verdict


def test_told_to_go_on_a_failed_up_leaves_the_database_as_it_was(rehearse: Rehearse):
    report = rehearse(_001_bad=f"{USERS} SELECT 1/0;", _002_users=USERS)
    assert [p.up.ok for p in report.proofs] == [False, True]


def test_told_to_go_on_a_failed_down_leaves_it_applied(rehearse: Rehearse):
    first, second = rehearse(
        _001_users=USERS, _001_rollback="DROP TABLE users; SELECT 1/0;", _002_more="ALTER TABLE users ADD a int;"
    ).proofs
    assert first.down
    assert (first.passed, first.down.ok, first.reversible, second.passed) == (False, False, None, True)


def test_a_failure_outside_a_transaction_leaves_nothing_either(rehearse: Rehearse):
    outside = "-- signalbox: transaction=none\n"
    first, second, third = rehearse(
        _001_half=f"{outside}CREATE TABLE half (); INSERT INTO gone VALUES (1);",
        _002_half="CREATE TABLE half ();",
        _002_rollback=f"{outside}DROP TABLE half; SELECT 1/0;",
        _003_more="ALTER TABLE half ADD a int;",
    ).proofs
    assert first.down is None
    assert second.down
    assert (first.up.ok, second.up.ok, second.down.ok, third.up.ok) == (False, True, False, True)


def test_what_a_run_would_advise_is_advised_here(rehearse: Rehearse):
    (proof,) = rehearse(_001_free="-- signalbox: transaction=none\nSELECT pg_advisory_unlock_all();").proofs
    assert proof.up.error
    assert proof.up.error.sentence == "the statement released the target lock"
    assert proof.up.error.remedy == "Take pg_advisory_unlock_all or DISCARD ALL out of the file."


def test_statements_that_cannot_share_a_transaction_are_refused_as_a_run_refuses_them(rehearse: Rehearse):
    _, proof = rehearse(
        _001_users=USERS, _002_mixed="ALTER TABLE users ADD a int;\nCREATE INDEX CONCURRENTLY i ON users (name);"
    ).proofs
    assert proof.up.error
    assert "inside a transaction, and a file with other statements beside it runs as one" in proof.up.error.sentence
    assert (proof.up.error.line, proof.up.error.statement) == (2, 2)
    assert "transaction=none" in proof.up.error.remedy


def test_a_session_that_breaks_is_replaced(rehearse: Rehearse):
    end = "DO $$ BEGIN EXECUTE 'SELECT pg_terminate' || '_backend(pg_backend_pid())'; END $$;"
    first, second = rehearse(_001_end=end, _002_users=USERS).proofs
    assert (first.up.ok, second.up.ok) == (False, True)


def test_a_migration_may_make_what_signalbox_keeps_elsewhere(folder: Path, postgres_server: LocalServer):
    ours = "CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (version text);"
    (folder / "001_ours.sql").write_text(ours)
    (folder / "001_rollback.sql").write_text("DROP SCHEMA platform CASCADE;")
    (proof,) = rehearsal.of_folder(discovery.read(folder), schema="kept_here", server_url=postgres_server.url()).proofs
    assert (proof.passed, proof.reversible) == (True, True)


# What is seen meanwhile


def test_locks_rewrites_and_reading_are_seen(rehearse: Rehearse):
    proofs = rehearse(
        _001_users=USERS,
        _002_widen="ALTER TABLE users ALTER name TYPE int USING 1;",
        _003_check="ALTER TABLE users ADD CHECK (id > 0);",
        _004_add="ALTER TABLE users ADD a int; CREATE TABLE new (); ALTER TABLE new ADD a int;",
        _005_index="CREATE INDEX ON users (a);",
        _006_empty="TRUNCATE users;",
        _007_index="CREATE INDEX CONCURRENTLY users_name ON users (name);",
    ).proofs
    locks = {p.version: [(lock.mode, lock.relation) for lock in p.up.locks] for p in proofs}
    users = "public.users"
    assert locks == {
        "001": [],
        "002": [("ACCESS EXCLUSIVE", users)],
        "003": [("ACCESS EXCLUSIVE", users)],
        "004": [("ACCESS EXCLUSIVE", users)],
        "005": [("SHARE", users)],
        "006": [("ACCESS EXCLUSIVE", users)],
        "007": [("SHARE UPDATE EXCLUSIVE", users)],
    }
    assert {p.version for p in proofs if users in p.up.rewritten} == {"002"}
    assert {p.version for p in proofs if users in p.up.read} == {"002", "003", "005"}


def test_what_signalbox_keeps_there_is_not_among_the_locks(rehearse: Rehearse, target_db: Database):
    _, proof = rehearse(
        _001_users=USERS,
        _002_all="DO $$ DECLARE i regclass; BEGIN FOR i IN SELECT indexrelid FROM pg_index x JOIN pg_class c ON "
        "c.oid = x.indrelid WHERE relnamespace::regnamespace::text NOT LIKE 'pg\\_%' LOOP "
        "EXECUTE 'REINDEX INDEX ' || i; END LOOP; END $$;",
    ).proofs
    assert not [lock.relation for lock in proof.up.locks if lock.relation.startswith("signalbox_rehearsal")]


def test_a_lock_counts_from_its_statement_to_the_end(rehearse: Rehearse):
    _, proof = rehearse(
        _001_users=USERS, _002_slow="SELECT 1; ALTER TABLE users ADD a int; SELECT pg_sleep(0.2);"
    ).proofs
    (lock,) = proof.up.locks
    assert lock.statement == 2
    assert lock.held_ms >= 200
    assert [s.number for s in proof.up.statements] == [1, 2, 3]
    assert proof.up.statements[2].ms >= 200
    assert proof.up.ms >= 200


def test_notices_are_kept(rehearse: Rehearse):
    (proof,) = rehearse(_001_say="DO $$ BEGIN RAISE NOTICE 'look here'; END $$;").proofs
    assert proof.up.notices == ("NOTICE: look here",)


# Verification files


def test_verification_files_run_after_their_migration_and_leave_nothing(rehearse: Rehearse):
    raising = "DO $$ BEGIN IF EXISTS (SELECT FROM users) THEN RAISE 'not empty'; END IF; END $$;"
    first, second = rehearse(
        _001_users=USERS,
        _001_rollback="DROP TABLE users;",
        _002_row="INSERT INTO users VALUES (1);",
        test_001_is_empty=f"BEGIN; {raising} INSERT INTO users VALUES (7); COMMIT;",
        verify_all=raising,
    ).proofs
    assert [(a.file, a.ok) for a in first.assertions] == [("test_001_is_empty.sql", True)]
    (failed,) = second.assertions
    assert failed.error
    assert (failed.file, failed.error.sentence, second.passed) == ("verify_all.sql", "not empty", False)


def test_a_verification_file_for_psql_is_told(rehearse: Rehearse):
    report = rehearse(_001_users=USERS, test_001="\\echo hi")
    assert report.passed
    (remark,) = report.remarks
    assert remark.startswith("test_001.sql was not run: \\echo is a command of the program psql")


def test_a_file_that_is_in_no_migration_is_told(rehearse: Rehearse):
    report = rehearse(_001_a="SELECT 1;", _001_b="SELECT 1;", _001_rollback="SELECT 1;", users="SELECT 1;")
    ambiguous, stray, *blocked = report.unread
    assert ambiguous.startswith("001_rollback.sql was not rehearsed: 001_rollback.sql could be the rollback of ")
    assert stray.startswith("users.sql was not rehearsed: users.sql does not follow ")
    assert [sentence.partition(",")[0] for sentence in blocked] == ["001_a is in no plan", "001_b is in no plan"]
    assert (report.passed, report.verdict) == (False, Verdict.NOT_PROVEN)


# The throw-away database


def test_it_is_gone_at_the_end_and_named_meanwhile(rehearse: Rehearse, leftover_databases: Callable[[], list[str]]):
    names: list[list[str]] = []  # at each proof; the last comes when the work is over, and perhaps the database with it
    slow = "SELECT pg_sleep(0.5);"
    rehearse(listener=lambda proof: names.append(leftover_databases()), _001_users=USERS, _002_slow=slow)
    (name,) = names[0]
    assert throwaway._NAME.fullmatch(name)
    assert leftover_databases() == []


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ZeroDivisionError])
def test_it_is_gone_whatever_happens(
    rehearse: Rehearse, leftover_databases: Callable[[], list[str]], raised: type[BaseException]
):
    def interrupt(proof: Proof) -> None:
        raise raised

    with pytest.raises(raised):
        rehearse(listener=interrupt, _001_users=USERS)
    assert leftover_databases() == []


def _rehearsing_slowly(folder: Path, server: LocalServer) -> subprocess.Popen[bytes]:
    (folder / "001_slow.sql").write_text("SELECT pg_sleep(60);")
    code = (
        "import sys; from pathlib import Path; from dashboard.engine import rehearsal;"
        "from dashboard.engine.files import discovery;"
        "rehearsal.of_folder(discovery.read(Path(sys.argv[1])), server_url=sys.argv[2])"
    )
    return subprocess.Popen([sys.executable, "-c", code, folder, server.url()], cwd=ROOT)


def test_what_a_killed_rehearsal_leaves_is_swept(
    rehearse: Rehearse, folder: Path, postgres_server: LocalServer, leftover_databases: Callable[[], list[str]]
):
    child = _rehearsing_slowly(folder, postgres_server)
    wait_until(lambda: bool(leftover_databases()), seconds=30)
    address = Address(environment="", name="", variable="", url=postgres_server.url())
    assert throwaway.sweep(address) == [], "its owner is at work"
    (name,) = leftover_databases()
    (rehearsing,) = _children(child.pid)
    os.kill(rehearsing, signal.SIGKILL)
    child.kill()
    child.wait()
    wait_until(lambda: throwaway.sweep(address) == [name], seconds=30)
    assert leftover_databases() == []


def test_the_process_that_rehearses_outlives_nobody(
    rehearse: Rehearse, folder: Path, postgres_server: LocalServer, leftover_databases: Callable[[], list[str]]
):
    child = _rehearsing_slowly(folder, postgres_server)
    wait_until(lambda: bool(leftover_databases()), seconds=30)
    (rehearsing,) = _children(child.pid)
    child.kill()
    child.wait()
    wait_until(lambda: leftover_databases() == [], seconds=30)
    wait_until(lambda: not Path(f"/proc/{rehearsing}").exists(), seconds=30)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_what_is_too_old_is_swept_even_in_use(
    postgres_server: LocalServer, leftover_databases: Callable[[], list[str]]
):
    address = Address(environment="", name="", variable="", url=postgres_server.url())
    old = Database(
        name="signalbox_rehearsal_20200101t000000_00000000",
        url=postgres_server.create_database("signalbox_rehearsal_20200101t000000_00000000"),
    )
    postgres_server.create_database("signalbox_rehearsal_of_somebody_else")
    try:
        with old.connect():
            assert throwaway.sweep(address) == [old.name]
        assert leftover_databases() == ["signalbox_rehearsal_of_somebody_else"]
    finally:
        postgres_server.drop_database("signalbox_rehearsal_of_somebody_else")


def test_nothing_runs_on_another_database(postgres_server: LocalServer, target_db: Database):
    with (
        throwaway.server(postgres_server.url()) as server,
        throwaway.database(server) as database,
        target_db.connect() as other,
        pytest.raises(RehearsalImpossible, match=target_db.name),
    ):
        database.check(other)


def test_a_role_that_may_not_make_databases_is_told_what_it_lacks(folder: Path, target_db: Database):
    target_db.query("CREATE ROLE rehearser LOGIN PASSWORD 'x'")
    url = target_db.url.replace(target_db.url.split("@")[0], "postgresql://rehearser:x")
    try:
        with pytest.raises(RehearsalImpossible, match="permission denied") as raised:
            rehearsal.of_folder(discovery.read(folder), server_url=url)
        assert "CREATEDB" in raised.value.next_step
    finally:
        target_db.query("DROP ROLE rehearser")


def test_an_unreachable_server_is_named_without_its_password(folder: Path):
    with pytest.raises(TargetUnreachable) as raised:
        rehearsal.of_folder(discovery.read(folder), server_url="postgresql://me:s3cret@127.0.0.1:1/x")
    assert "The rehearsal server cannot be reached at 127.0.0.1:1/x as me" in str(raised.value)
    assert "s3cret" not in str(raised.value) + raised.value.next_step


def test_the_server_of_a_target_is_refused(
    folder: Path, postgres_server: LocalServer, target_db: Database, leftover_databases: Callable[[], list[str]]
):
    target = Address(environment="prod", name="Production", variable="PROD_URL", url=target_db.url)
    elsewhere = postgres_server.url().replace("127.0.0.1", "localhost")
    for url in (postgres_server.url(), elsewhere):
        with pytest.raises(RehearsalImpossible, match="leads to the server of Production"):
            rehearsal.of_folder(discovery.read(folder), server_url=url, registered=[target])
    assert leftover_databases() == []


def test_it_ends_when_it_is_told_to(
    folder: Path, postgres_server: LocalServer, leftover_databases: Callable[[], list[str]]
):
    (folder / "001_users.sql").write_text(USERS)
    cancellation = Cancellation()
    cancellation.cancel("alice")
    with pytest.raises(RunCancelled, match="alice"):
        rehearsal.of_folder(discovery.read(folder), server_url=postgres_server.url(), cancellation=cancellation)
    assert leftover_databases() == []


# What reaches beyond it


def test_what_others_share_is_not_touched(rehearse: Rehearse, target_db: Database):
    report = rehearse(
        _001_role="CREATE TABLE t ();\nCREATE ROLE rehearsed;",
        _002_hidden="DO $$ BEGIN EXECUTE 'CREATE ROLE rehearsed'; END $$;",
        _003_rollback="DROP ROLE postgres;",
        _003_fine="CREATE TABLE t ();",
    )
    first, second, third = report.proofs
    assert first.refused == "CREATE ROLE rehearsed changes the whole server, which others use too."
    assert first.up.error
    assert (first.up.ok, first.up.error.line, first.passed) == (False, 2, False)
    assert (bool(second.refused), bool(third.refused)) == (True, True)
    assert target_db.query("SELECT FROM pg_roles WHERE rolname = 'rehearsed'") == []


def test_a_private_server_may_be_changed_and_goes_away(folder: Path):
    (folder / "001_role.sql").write_text("CREATE ROLE rehearsed;")
    (folder / "001_rollback.sql").write_text("DROP ROLE rehearsed;")
    (folder / "002_file.sql").write_text("COPY (SELECT 1) TO PROGRAM 'cat';")
    first, second = rehearsal.of_folder(discovery.read(folder), keep_going=True).proofs
    assert (first.passed, first.reversible) == (True, True)
    assert "reaches outside the database" in second.refused


def test_a_private_server_has_the_extensions_that_are_created(folder: Path, debian_postgres: LocalServer):
    (folder / "001_uuid.sql").write_text('CREATE EXTENSION "uuid-ossp";')
    report = rehearsal.of_folder(discovery.read(folder))
    assert report.passed
    assert str(report.server_version // 10000) == debian_postgres.installation.major


def _heed_interrupts() -> None:
    """A shell starts what runs in its background deaf to them, and so the tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_it_is_interrupted_from_the_keyboard_without_a_trace(
    folder: Path, postgres_server: LocalServer, leftover_databases: Callable[[], list[str]]
):
    (folder / "001_slow.sql").write_text("SELECT pg_sleep(60);")
    environment = os.environ | {"REHEARSAL_URL": postgres_server.url()}
    command = [
        sys.executable,
        "manage.py",
        "signalbox",
        "rehearse",
        "--source",
        folder,
        "--server-env",
        "REHEARSAL_URL",
    ]
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, preexec_fn=_heed_interrupts)
    wait_until(lambda: bool(leftover_databases()), seconds=30)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert leftover_databases() == []
