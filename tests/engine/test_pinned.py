"""Queries of our own under settings that a database gives its sessions: none of them is another's."""

from __future__ import annotations

import pytest

from dashboard.engine import errors
from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor, pinned, sql
from dashboard.engine.database.pinned import PinsOwnQueries
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.migration import MigrationId
from dashboard.engine.run import recovery
from dashboard.engine.schema import drift
from tests.engine.folders import Bench

#: Whatever asks one of these, it springs.
TYPES = ("text", "name", "oid", '"char"', "boolean", "integer", "bigint", "regclass", "smallint", "timestamptz", "xid")
OPERATORS = ("=", "<>", "<", ">", ">=", "<=", "~~", "!~~", "~", "!~", "||", "->>", "+", "-", "*")


def _trap() -> str:
    made = ["CREATE SCHEMA evil"]
    pairs = [(left, right) for left in TYPES for right in TYPES]
    for number, (left, right) in enumerate(pairs):
        made.append(
            f"CREATE FUNCTION evil.trap_{number}({left}, {right}) RETURNS boolean LANGUAGE plpgsql AS "
            f"$f$ BEGIN RAISE EXCEPTION 'trapped'; END $f$"
        )
        made += [
            f"CREATE OPERATOR evil.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.trap_{number})"
            for operator in OPERATORS
        ]
    return ";\n".join(made)


@pytest.fixture
def trapped_bench(bench: Bench) -> Bench:
    """Every session that begins there has operators of somebody else in front of PostgreSQL's."""
    bench.write("001_users.sql", "CREATE TABLE public.users (id bigint, name text);")
    bench.write("001_rollback.sql", "DROP TABLE public.users;")
    bench.apply()
    bench.database.query(_trap())
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET search_path = evil, pg_catalog, public")
    with pytest.raises(Exception, match="trapped"):
        bench.database.query("SELECT 'a'::name = 'b'::text")
    return bench


def test_what_is_applied_is_seen(trapped_bench: Bench) -> None:
    assert [row.label for row in trapped_bench.history.rows] == ["001_users"]
    assert trapped_bench.history.contradicted == ()


def test_migrations_run_and_are_recorded(trapped_bench: Bench) -> None:
    trapped_bench.write("002_more.sql", "CREATE TABLE public.more (id bigint);\nSET CONSTRAINTS ALL IMMEDIATE;")
    trapped_bench.write(
        "003_outside.sql", "-- signalbox: transaction=none\nCREATE TABLE public.out (id bigint);\nDO $$ BEGIN END $$;"
    )
    trapped_bench.write("004_index.sql", "CREATE INDEX CONCURRENTLY users_id ON public.users (id);")
    trapped_bench.write("004_rollback.sql", "DROP INDEX public.users_id;")
    trapped_bench.apply()
    assert _exist(trapped_bench, "public.more", "public.out")
    assert [row.version for row in sorted(trapped_bench.history.rows, key=lambda row: row.version)] == [
        *("001", "002", "003", "004")
    ]
    trapped_bench.execute(trapped_bench.plan_rollback("004", "index"))
    assert not _exist(trapped_bench, "public.users_id")


def _exist(bench: Bench, *names: str) -> bool:
    """Asked without an operator."""
    return all(bench.database.query(f"SELECT to_regclass('{name}') IS NOT NULL")[0][0] for name in names)


def test_a_failure_is_recorded_too(trapped_bench: Bench) -> None:
    trapped_bench.write("002_bad.sql", "SELECT nothing;")
    with pytest.raises(errors.StatementFailed, match="nothing"):
        trapped_bench.apply()
    row = trapped_bench.history.row(MigrationId("002", "bad"))
    assert row
    assert not row.success


def test_the_files_still_have_what_their_database_gives_them(trapped_bench: Bench) -> None:
    """The trap is theirs: a file that asks with it is answered by it."""
    trapped_bench.write("002_asks.sql", "SELECT 'a'::name = 'b'::text;")
    with pytest.raises(errors.StatementFailed, match="trapped"):
        trapped_bench.apply()
    trapped_bench.write("002_asks.sql", "CREATE TABLE evil.made (id bigint); SELECT * FROM made;")
    trapped_bench.apply()


def test_doctor_drift_and_recovery_look_past_it(trapped_bench: Bench) -> None:
    with connections.working(trapped_bench.access, name="signalbox doctor") as connection:
        checks = doctor.checkup(connection, trapped_bench.access)
    assert doctor.is_fit(checks), checks
    assert "table public.users" in drift.look(trapped_bench.access).schema.objects
    trapped_bench.write("002_next.sql", "CREATE TABLE public.next (id bigint);")
    verdict = recovery.resolve(
        trapped_bench.plan(), access=trapped_bench.access, attempt=Attempt(run_id="9", by="alice")
    )
    assert verdict.steps == (recovery.StepVerdict.UNDONE,)


def test_what_one_migration_does_to_its_role_blinds_nobody(bench: Bench) -> None:
    """The setting comes into force in the run that makes it, and in every later one."""
    trap = _trap()
    bench.write(
        "001_trap.sql",
        f"{trap};\nDO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = "
        "evil, pg_catalog, public', current_user, current_database()); END $$;",
    )
    bench.write("002_next.sql", "CREATE TABLE public.next (id bigint);")
    bench.apply()
    assert {row.version for row in bench.history.rows} == {"001", "002"}
    (user,) = bench.database.query("SELECT current_user::text")[0]
    assert f"settings of role {user} in the database" in drift.look(bench.access).schema.objects
    with pytest.raises(errors.NothingToDo):
        bench.plan()


SETTINGS = {
    "search_path": "'nowhere'",
    "row_security": "off",
    "bytea_output": "'escape'",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "'sql_standard'",
    "extra_float_digits": "-15",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_what_is_seen_or_recorded(bench: Bench, setting: str) -> None:
    bench.write("001_users.sql", "CREATE TABLE public.users (id bigint);")
    bench.apply()
    before, schema = bench.look(), drift.look(bench.access).schema
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET {setting} = {SETTINGS[setting]}")
    assert bench.look() == before
    changed = drift.look(bench.access).schema.objects
    assert {k: v for k, v in changed.items() if k != "settings of the database"} == dict(schema.objects)
    assert "settings of the database" in changed, "and drift tells of the setting itself"
    bench.write("002_more.sql", "CREATE TABLE public.more (id bigint);")
    bench.apply()
    assert len(bench.history.rows) == 2


def test_a_database_that_is_read_only_by_default_is_read_as_any_other(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id bigint);")
    bench.apply()
    before = bench.look()
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET default_transaction_read_only = on")
    assert bench.look() == before


def test_a_look_has_our_settings_and_one_as_given_has_theirs(bench: Bench) -> None:
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET search_path = a, b")
    show = "SELECT pg_catalog.current_setting('search_path')"
    with connections.reading(bench.address) as look, connections.as_given(bench.address) as given:
        assert look.execute(show).fetchone() == (pinned.SETTINGS["search_path"],)
        assert given.execute(show).fetchone() == ("a, b",)


def test_a_pooler_that_drops_our_settings_does_not_drop_them_from_a_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold in the transaction that the look is, and not for whoever is given the session next."""
    opened = connections._open
    monkeypatch.setattr(connections, "_open", lambda parts, name, options, *rest: opened(parts, name, {}, *rest))
    with connections.reading(bench.address) as look:
        assert look.execute("SHOW search_path").fetchone() == (pinned.SETTINGS["search_path"],)
        assert look.execute("SHOW transaction_read_only").fetchone() == ("on",)
        look.execute("ROLLBACK")
        assert look.execute("SHOW search_path").fetchone() != (pinned.SETTINGS["search_path"],)


def test_around_a_query_of_ours_everything_is_as_it_was(bench: Bench) -> None:
    with connections.working(bench.access, name="signalbox:1") as connection:
        connection.execute("SET search_path = a, b")
        connection.execute(sql.query("doctor"))
        assert connection.execute("SHOW search_path").fetchone() == ("a, b",)
        connection.execute("BEGIN")
        connection.execute("SET LOCAL DateStyle = 'SQL'")
        connection.execute(sql.query("doctor"))
        assert connection.execute("SHOW DateStyle").fetchone() == ("SQL, MDY",)
        connection.execute("COMMIT")
        assert connection.execute("SHOW search_path").fetchone() == ("a, b",)


def test_every_query_of_the_engine_is_one_that_is_pinned() -> None:
    """One rule, and no second way to ask: what stands in the .sql files goes through `sql.query`."""
    assert issubclass(pinned.WorkingConnection, PinsOwnQueries)
    assert isinstance(sql.query("doctor"), sql.OwnQuery)
    assert {name.lower() for name in SETTINGS} == {name.lower() for name in pinned.SETTINGS}
