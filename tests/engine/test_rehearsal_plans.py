"""Plans rehearsed on a copy of their target's schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from dashboard.engine import localserver, planner, rehearsal
from dashboard.engine.database import sizes
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.sizes import Holder, Live, TableSize
from dashboard.engine.errors import PlanChanged, RehearsalImpossible
from dashboard.engine.files import verifications
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal import dump, restoring, risk, throwaway
from dashboard.engine.rehearsal.dump import NoDump
from dashboard.engine.rehearsal.report import ObservedLock, Origin, Proof, Report, ScriptRun, Verdict
from dashboard.engine.rehearsal.risk import RiskLevel
from tests.engine.folders import FREE, Bench
from tests.fix_postgres import Database, MakeDatabase


@pytest.fixture(scope="module")
def rehearsal_server() -> Iterator[LocalServer]:
    with localserver.running(ephemeral=True) as server:
        yield server


@pytest.fixture
def half_applied_bench(bench: Bench) -> Bench:
    """One migration applied, one pending, and a table that was made by hand."""
    bench.write("001_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY, name text);")
    bench.write("001_rollback.sql", "DROP TABLE users;")
    bench.apply()
    bench.database.query("CREATE TABLE by_hand (id int); INSERT INTO users VALUES (1, 'Ada')")
    bench.write("002_widen.sql", "ALTER TABLE users ADD a int; ALTER TABLE by_hand ALTER id TYPE bigint;")
    bench.write("002_rollback.sql", "ALTER TABLE users DROP a; ALTER TABLE by_hand ALTER id TYPE int;")
    return bench


def _rehearse(bench: Bench, server: LocalServer | None, plan: Plan | None = None) -> Report:
    return rehearsal.of_plan(
        plan or bench.plan(),
        source=bench.access,
        server_url=server.url() if server else None,
        verify=verifications.read(bench.read()),
    )


def _one(report: Report) -> Proof:
    (proof,) = report.proofs
    return proof


def test_what_is_pending_runs_on_a_copy_of_the_schema(half_applied_bench: Bench, rehearsal_server: LocalServer):
    report = _rehearse(half_applied_bench, rehearsal_server)
    proof = _one(report)
    assert (report.origin, report.passed, report.reversible) == (Origin.COPY, True, True)
    assert proof.label == "002_widen"
    assert proof.up.rewritten == ("public.by_hand",)
    copied, *others = report.remarks
    assert copied.startswith("It ran on a copy of the schema of Test, made by pg_dump 17")
    assert "No rows were copied" in copied
    assert others == []


def test_the_target_is_only_read(half_applied_bench: Bench, rehearsal_server: LocalServer):
    def state() -> object:
        logged = half_applied_bench.database.query("SELECT count(*) FROM platform.migration_audit_log")
        return (
            half_applied_bench.look(),
            half_applied_bench.tables(),
            half_applied_bench.database.query("SELECT name FROM users"),
            logged,
        )

    before = state()
    _rehearse(half_applied_bench, rehearsal_server)
    assert state() == before


def test_a_failure_stops_it_and_says_how_much_is_left(half_applied_bench: Bench, rehearsal_server: LocalServer):
    half_applied_bench.write("003_bad.sql", "SELECT nope;")
    half_applied_bench.write("004_more.sql", "SELECT 1;")
    report = _rehearse(half_applied_bench, rehearsal_server)
    assert [(p.version, p.passed) for p in report.proofs] == [("002", True), ("003", False)]
    assert [left.sentence for left in report.not_reached] == [
        "004_more was not reached, because 003_bad failed before it."
    ]


def test_a_second_up_that_fails_on_a_copy_spoils_nothing_after_it(
    half_applied_bench: Bench, rehearsal_server: LocalServer
):
    half_applied_bench.write("002_rollback.sql", "ALTER TABLE by_hand ALTER id TYPE int;")
    half_applied_bench.write("003_more.sql", "ALTER TABLE users ADD b int;")
    half_applied_bench.write("003_rollback.sql", "ALTER TABLE users DROP b;")
    report = _rehearse(half_applied_bench, rehearsal_server)
    assert [(p.version, p.verdict) for p in report.proofs] == [("002", Verdict.FAILED), ("003", Verdict.PROVEN)]
    assert (report.passed, report.reversible) == (False, False)


def test_verification_files_of_a_plan_run_after_it(half_applied_bench: Bench, rehearsal_server: LocalServer):
    half_applied_bench.write("test_001_old.sql", "SELECT 1/0;")
    half_applied_bench.write("test_002_new.sql", "SELECT a FROM users;")
    assert [(a.file, a.ok) for a in _one(_rehearse(half_applied_bench, rehearsal_server)).assertions] == [
        ("test_002_new.sql", True)
    ]


def test_a_rollback_is_proven_from_the_state_it_will_meet(half_applied_bench: Bench, rehearsal_server: LocalServer):
    half_applied_bench.apply()
    report = _rehearse(half_applied_bench, rehearsal_server, half_applied_bench.plan_rollback("001", "users"))
    assert [p.version for p in report.proofs] == ["002", "001"]
    assert report.passed
    newest, oldest = report.proofs
    assert newest.down
    assert newest.again
    assert (newest.down.ok, newest.again.ok, newest.reversible, newest.repeatable) == (True, True, None, True)
    assert newest.up == ScriptRun(ok=True, ms=0.0)
    assert "column public.users.a" in {d.key for d in newest.unmade}
    assert "table public.users" in {d.key for d in oldest.unmade}


def test_a_rollback_that_fails_is_found(half_applied_bench: Bench, rehearsal_server: LocalServer):
    half_applied_bench.write("002_rollback.sql", "ALTER TABLE users DROP nope;")
    half_applied_bench.apply()
    report = _rehearse(half_applied_bench, rehearsal_server, half_applied_bench.plan_rollback("002", "widen"))
    proof = _one(report)
    assert proof.down
    assert proof.down.error
    assert (report.passed, proof.down.error.sentence) == (False, 'column "nope" of relation "users" does not exist')


def test_a_rollback_without_its_migrations_text_is_rehearsed_alone(
    half_applied_bench: Bench, rehearsal_server: LocalServer
):
    half_applied_bench.database.query("UPDATE platform.schema_migrations SET forward_script = NULL")
    proof = _one(_rehearse(half_applied_bench, rehearsal_server, half_applied_bench.plan_rollback("001", "users")))
    assert (proof.passed, proof.again, proof.repeatable) == (True, None, None)


def test_a_plan_that_is_no_longer_true_is_not_rehearsed(half_applied_bench: Bench, rehearsal_server: LocalServer):
    plan = half_applied_bench.plan()
    half_applied_bench.apply()
    with pytest.raises(PlanChanged, match="002_widen was recorded since"):
        _rehearse(half_applied_bench, rehearsal_server, plan)


def test_only_what_runs_from_its_start_is_rehearsed(half_applied_bench: Bench, rehearsal_server: LocalServer):
    skip = planner.skip(
        half_applied_bench.look(), half_applied_bench.read(), [MigrationId("002", "widen")], reason="no"
    )
    with pytest.raises(RehearsalImpossible, match="only keeps the record"):
        _rehearse(half_applied_bench, rehearsal_server, skip)
    begun = half_applied_bench.plan()
    begun = replace(begun, steps=tuple(replace(step, first_statement=2) for step in begun.steps))
    with pytest.raises(RehearsalImpossible, match="settles what another run left behind"):
        _rehearse(half_applied_bench, rehearsal_server, begun)


@pytest.mark.parametrize("file", ["002_widen.sql", "test_002.sql"])
def test_what_never_ends_is_ended_at_the_deadline(half_applied_bench: Bench, rehearsal_server: LocalServer, file: str):
    half_applied_bench.policy = replace(FREE, deadline_s=1)
    half_applied_bench.write(file, "SELECT pg_sleep(60);")
    with pytest.raises(RehearsalImpossible, match=r"(002_widen|test_002.sql) took longer than a run may take \(1 s\)"):
        _rehearse(half_applied_bench, rehearsal_server)


def test_the_server_of_the_target_is_refused(half_applied_bench: Bench, postgres_server: LocalServer):
    with pytest.raises(RehearsalImpossible, match="leads to the server of Test"):
        _rehearse(half_applied_bench, postgres_server)


# The copy


def test_a_private_copy_has_roles_rights_and_settings(half_applied_bench: Bench):
    name = half_applied_bench.database.name
    half_applied_bench.database.query("CREATE ROLE odd_owner; CREATE SCHEMA app AUTHORIZATION odd_owner")
    half_applied_bench.database.query("CREATE TABLE app.t (id int)")
    half_applied_bench.database.query(
        "ALTER TABLE app.t OWNER TO odd_owner; CREATE POLICY mine ON app.t TO odd_owner USING (true)"
    )
    half_applied_bench.database.query(f"ALTER DATABASE {name} SET search_path = app, public")
    half_applied_bench.database.query(f"ALTER DATABASE {name} OWNER TO odd_owner")
    half_applied_bench.write("002_widen.sql", "ALTER TABLE t ADD a int; SET ROLE odd_owner; ALTER TABLE t ADD b int;")
    half_applied_bench.write("002_rollback.sql", "ALTER TABLE t DROP a, DROP b;")
    try:
        report = _rehearse(half_applied_bench, None)
        assert report.passed
        assert len(report.remarks) == 1, "the copy is like the target"
        assert [d.key for d in _one(report).made] == ["column app.t.a", "column app.t.b"]
        half_applied_bench.write("003_half.sql", "-- signalbox: transaction=none\nSELECT 1; SELECT nope;")
        half_applied_bench.write("004_more.sql", "ALTER TABLE t ADD c int;")
        proofs = rehearsal.of_plan(half_applied_bench.plan(), source=half_applied_bench.access, keep_going=True).proofs
        assert [proof.passed for proof in proofs] == [True, False, True], "brought back with its settings"
    finally:
        half_applied_bench.database.query(
            f"ALTER DATABASE {name} OWNER TO postgres; DROP SCHEMA app CASCADE; DROP ROLE odd_owner"
        )


def test_on_a_shared_server_no_role_is_made_and_what_differs_is_said(
    half_applied_bench: Bench, rehearsal_server: LocalServer
):
    half_applied_bench.database.query("CREATE ROLE odd_reader; GRANT SELECT ON users TO odd_reader")
    try:
        report = _rehearse(half_applied_bench, rehearsal_server)
        assert report.remarks[-1].startswith("The copy differs from Test: grants on table public.users")
    finally:
        half_applied_bench.database.query("DROP OWNED BY odd_reader; DROP ROLE odd_reader")


def test_an_extension_that_is_missing_is_named(
    bench: Bench, debian_postgres: LocalServer, make_database: MakeDatabase, rehearsal_server: LocalServer
):
    target = Bench(folder=bench.folder, database=make_database(server=debian_postgres))
    target.database.query('CREATE EXTENSION "uuid-ossp"')
    target.write("001_users.sql", "CREATE TABLE users ();")
    with pytest.raises(
        RehearsalImpossible, match="Test uses uuid-ossp, which the rehearsal server does not have"
    ) as refused:
        _rehearse(target, rehearsal_server)
    assert "SIGNALBOX_REHEARSAL_URL" in refused.value.next_step


def test_a_private_server_is_of_the_targets_major_version(
    bench: Bench, debian_postgres: LocalServer, make_database: MakeDatabase
):
    target = Bench(folder=bench.folder, database=make_database(server=debian_postgres))
    target.write("001_users.sql", "CREATE TABLE users ();")
    report = _rehearse(target, None)
    assert report.passed
    assert str(report.server_version // 10000) == debian_postgres.installation.major


def test_a_private_server_that_was_asked_for_is_not_replaced(
    half_applied_bench: Bench, debian_postgres: LocalServer, monkeypatch: pytest.MonkeyPatch
):
    asked = debian_postgres.installation
    monkeypatch.setenv(localserver.BIN_DIR_VARIABLE, str(asked.bin_dir))
    report = _rehearse(half_applied_bench, None)
    proof = _one(report)
    assert proof.ran, "though pg_dump 17 says what an older server does not know"
    assert proof.because == f"it ran on PostgreSQL {asked.major}, and Test is PostgreSQL 17"
    assert str(report.server_version // 10000) == asked.major


def test_another_major_version_is_said(
    bench: Bench, debian_postgres: LocalServer, make_database: MakeDatabase, rehearsal_server: LocalServer
):
    target = Bench(folder=bench.folder, database=make_database(server=debian_postgres))
    target.write("001_users.sql", "CREATE TABLE users ();")
    report = _rehearse(target, rehearsal_server)
    assert f"It ran on PostgreSQL 17, and Test is PostgreSQL {debian_postgres.installation.major}." in report.remarks


def test_without_the_schema_of_the_target_a_failure_is_not_called_one(
    half_applied_bench: Bench, rehearsal_server: LocalServer, monkeypatch: pytest.MonkeyPatch
):
    """The table that was made by hand is not in the history, and is there on the target."""
    monkeypatch.setattr(dump, "_installed", list)
    proof = _one(_rehearse(half_applied_bench, rehearsal_server))
    assert (proof.up.ok, proof.verdict) == (False, Verdict.NOT_PROVEN)
    assert "not with the schema of Test" in proof.because


def test_a_role_with_fewer_rights_leaves_it_unproven(half_applied_bench: Bench, rehearsal_server: LocalServer):
    half_applied_bench.database.query("CREATE ROLE plain LOGIN PASSWORD 'x'")
    name = half_applied_bench.database.name
    try:
        half_applied_bench.database.query(
            f"GRANT ALL ON DATABASE {name} TO plain; GRANT ALL ON SCHEMA platform, public TO plain"
        )
        half_applied_bench.database.query(
            "GRANT ALL ON ALL TABLES IN SCHEMA platform TO plain; GRANT SELECT ON by_hand TO plain"
        )
        half_applied_bench.database.query("ALTER TABLE users OWNER TO plain")
        url = half_applied_bench.database.url.replace(
            half_applied_bench.database.url.split("@")[0], "postgresql://plain:x"
        )
        source = replace(half_applied_bench.access, address=replace(half_applied_bench.access.address, url=url))
        report = rehearsal.of_plan(half_applied_bench.plan(), source=source, server_url=rehearsal_server.url())
        assert _one(report).because == ("it ran as the owner of everything, and plain does not own public.by_hand")
    finally:
        half_applied_bench.database.query("DROP OWNED BY plain CASCADE; DROP ROLE plain")


def test_a_publication_of_all_tables_is_in_the_copy_or_missed(half_applied_bench: Bench, rehearsal_server: LocalServer):
    half_applied_bench.database.query("CREATE TABLE keyless (id int); CREATE PUBLICATION everything FOR ALL TABLES")
    assert "publishes all tables (everything)" in _one(_rehearse(half_applied_bench, rehearsal_server)).because
    options = {"with_roles": True}
    assert "FOR ALL TABLES" in dump.take(dump.programs(17), half_applied_bench.access.address, **options)


def test_a_private_server_has_room_for_thousands_of_tables():
    with (
        throwaway.server(None) as server,
        throwaway.database(server) as database,
        psycopg.connect(database.address.url) as connection,
    ):
        rows = connection.execute("SELECT current_setting('max_locks_per_transaction')::int").fetchone()
        assert rows
        assert int(str(rows[0])) * 100 > 10_000 * 8, "a table, its key, an index, a toast table and a view, with room"


def test_a_server_that_runs_out_of_locks_is_told_as_that():
    assert "max_locks_per_transaction" in dump._remedy("HINT:  You might need to increase max_locks_per_transaction.")
    assert "max_locks_per_transaction" not in dump._remedy("permission denied for schema private")


def test_without_pg_dump_the_history_is_run_once_more(
    half_applied_bench: Bench, rehearsal_server: LocalServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dump, "_installed", list)
    half_applied_bench.database.query("DROP TABLE by_hand")
    half_applied_bench.write("002_widen.sql", "ALTER TABLE users ADD a int;")
    half_applied_bench.write("002_rollback.sql", "ALTER TABLE users DROP a;")
    report = _rehearse(half_applied_bench, rehearsal_server)
    assert report.passed
    assert report.remarks == (
        "It ran on what the 1 migrations applied on Test make, because no pg_dump of PostgreSQL 17 or newer is "
        "installed here. No rows were copied: what a script does with data that is there is not proven.",
    )
    half_applied_bench.apply()
    assert _rehearse(half_applied_bench, rehearsal_server, half_applied_bench.plan_rollback("001", "users")).passed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("forward_script = NULL", "the history of the target has no text of 001_users"),
        ("forward_script = 'CREATE ROLE rehearsed'", "CREATE ROLE rehearsed changes the whole server"),
        ("forward_script = 'SELECT nope'", "what was applied does not run here: 001_users"),
    ],
)
def test_a_history_that_cannot_be_run_is_told(
    half_applied_bench: Bench, rehearsal_server: LocalServer, monkeypatch: pytest.MonkeyPatch, change: str, said: str
):
    monkeypatch.setattr(dump, "_installed", list)
    half_applied_bench.database.query(f"UPDATE platform.schema_migrations SET {change}")
    with pytest.raises(RehearsalImpossible, match=said) as raised:
        _rehearse(half_applied_bench, rehearsal_server)
    assert "pg_dump" in raised.value.next_step


def test_a_schema_that_the_server_refuses_is_told(half_applied_bench: Bench, rehearsal_server: LocalServer):
    address = Address(environment="", name="", variable="REHEARSAL", url=rehearsal_server.url())
    with pytest.raises(RehearsalImpossible, match=r"refuses the schema of the target .*nosuchtype"):
        restoring.restore("CREATE TABLE t (a nosuchtype);", address)


def test_a_dump_that_fails_says_why_without_the_password(half_applied_bench: Bench):
    gone = Address(environment="", name="", variable="", url="postgresql://me:s3cret@127.0.0.1:1/x")
    with pytest.raises(NoDump, match="pg_dump could not read it") as raised:
        dump.take(dump.programs(17), gone, with_roles=True)
    assert "s3cret" not in str(raised.value)


def test_the_password_goes_by_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://other")
    address = Address(environment="", name="", variable="", url="postgresql://me:s3cret@db:5433/x?sslmode=require")
    said = dump._environment(address)
    assert {name: said[name] for name in said if name.startswith("PG")} == {
        "PGHOST": "db",
        "PGPORT": "5433",
        "PGUSER": "me",
        "PGPASSWORD": "s3cret",
        "PGDATABASE": "x",
        "PGSSLMODE": "require",
        "PGAPPNAME": "signalbox look",
        "PGCONNECT_TIMEOUT": "10",
    }
    assert "DATABASE_URL" not in said


# Risk


def test_the_size_of_tables_and_who_uses_them_is_read(target_db: Database):
    target_db.query("CREATE TABLE users AS SELECT g FROM generate_series(1, 1000) g; CREATE TABLE fresh ()")
    target_db.query("CREATE TABLE parts (id int) PARTITION BY RANGE (id)")
    target_db.query("CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT INTO parts VALUES (1)")
    target_db.query("VACUUM ANALYZE users")
    target_db.query("VACUUM ANALYZE part")
    address = Address(environment="", name="Test", variable="", url=target_db.url)
    access = Access(address=address, policy=FREE, schema="platform")
    with target_db.connect(autocommit=False) as reader:
        reader.execute("SELECT FROM users LIMIT 1")
        reader.execute("SELECT pg_sleep(5.2)")
        pid = reader.info.backend_pid
        live = sizes.read(access, ["public.users", "public.parts", "public.fresh", "public.gone"])
    assert live.sizes["public.users"].rows == 1000
    assert live.sizes["public.users"].bytes > 30_000
    assert live.sizes["public.parts"] == TableSize(rows=1, bytes=live.sizes["public.parts"].bytes)
    assert live.sizes["public.parts"].bytes >= 8192
    assert live.sizes["public.fresh"] == TableSize(rows=None, bytes=0)
    assert "public.gone" not in live.sizes
    (holder,) = live.holders
    assert (holder.relation, holder.seconds) == ("public.users", 5)
    assert str(pid) in holder.session


def _run(*locks: tuple[str, str], rewritten: tuple[str, ...] = (), read: tuple[str, ...] = ()) -> ScriptRun:
    observed = tuple(
        ObservedLock(relation=name, mode=mode, statement=number, held_ms=20.0)
        for number, (name, mode) in enumerate(locks, start=1)
    )
    return ScriptRun(ok=True, ms=25.0, locks=observed, rewritten=rewritten, read=read)


LIVE = Live(
    sizes={
        "platform.users": TableSize(rows=1_200_000, bytes=340_000_000),
        "platform.small": TableSize(rows=None, bytes=8192),
    }
)


@pytest.mark.parametrize(
    ("run", "level", "sentence"),
    [
        (
            _run(("platform.users", "ACCESS EXCLUSIVE"), rewritten=("platform.users",)),
            RiskLevel.HIGH,
            "ACCESS EXCLUSIVE on platform.users, 1.2 M rows, 340 MB, rewritten: "
            "about 34 s of blocked reads and writes, by estimate.",
        ),
        (
            _run(("platform.users", "SHARE"), read=("platform.users",)),
            RiskLevel.MEDIUM,
            "SHARE on platform.users, 1.2 M rows, 340 MB, read from end to end: "
            "about 7 s of blocked writes, by estimate.",
        ),
        (
            _run(("platform.users", "ACCESS EXCLUSIVE")),
            RiskLevel.LOW,
            "ACCESS EXCLUSIVE on platform.users, 1.2 M rows, 340 MB: "
            "less than a second of blocked reads and writes, by estimate.",
        ),
        (_run(("platform.users", "SHARE UPDATE EXCLUSIVE"), read=("platform.users",)), RiskLevel.NONE, ""),
        (_run(("platform.unknown", "ACCESS EXCLUSIVE")), RiskLevel.NONE, ""),
    ],
)
def test_a_lock_weighs_as_much_as_its_table(run: ScriptRun, level: RiskLevel, sentence: str):
    risk_of_it = risk.of(run, LIVE)
    assert (risk_of_it.level, risk_of_it.sentences) == (level, (sentence,) if sentence else ())


def test_a_lock_is_held_while_other_tables_are_worked_on():
    run = _run(
        ("platform.small", "ACCESS EXCLUSIVE"), ("platform.users", "ACCESS EXCLUSIVE"), rewritten=("platform.users",)
    )
    small, users = risk.of(run, LIVE).sentences
    assert small.startswith("ACCESS EXCLUSIVE on platform.small, rows never counted, 8.19 kB: about 34 s")
    assert users.endswith("about 34 s of blocked reads and writes, by estimate.")


def test_who_uses_the_table_now_makes_it_a_high_risk():
    holder = Holder(relation="platform.users", session="nightly report (backend 7)", seconds=300)
    risk_of_it = risk.of(_run(("platform.users", "ACCESS EXCLUSIVE")), replace(LIVE, holders=(holder,)))
    assert risk_of_it.level is RiskLevel.HIGH
    assert risk_of_it.sentences[1].startswith("nightly report (backend 7) has had a transaction open on platform.users")
