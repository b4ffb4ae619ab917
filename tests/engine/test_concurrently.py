"""CONCURRENTLY is several transactions: what broken-off statements leave, what is said of it, and the way on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest

from dashboard.engine import errors, planner, status
from dashboard.engine.database import leftovers
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.run import recovery
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.faultpoints import InjectedFault
from dashboard.engine.run.recovery import StepVerdict
from dashboard.engine.sql import statements
from dashboard.engine.status import State
from tests.concurrently import BASE, DETACH, WAITING, cancel_whoever_waits, while_others_write
from tests.engine.folders import Bench
from tests.waiting import wait_until

LEFT = {
    "CREATE INDEX CONCURRENTLY made ON other (id)": "DROP INDEX CONCURRENTLY public.made",
    "DROP INDEX CONCURRENTLY key": "DROP INDEX CONCURRENTLY public.key",
    "REINDEX INDEX CONCURRENTLY key": "DROP INDEX CONCURRENTLY public.key_ccnew",
    "REINDEX TABLE CONCURRENTLY other": "DROP INDEX CONCURRENTLY public.key_ccnew",
    "REINDEX SCHEMA CONCURRENTLY public": "DROP INDEX CONCURRENTLY public.key_ccnew",
    "REINDEX DATABASE CONCURRENTLY": "DROP INDEX CONCURRENTLY public.key_ccnew",
    DETACH: "ALTER TABLE public.parted DETACH PARTITION public.part FINALIZE",
}


@pytest.fixture
def bench_with_tables(bench: Bench) -> Bench:
    bench.write("001_there.sql", f"{BASE} INSERT INTO other VALUES (2);")
    bench.apply()
    return bench


def cancelled_while_it_waits(bench: Bench, work: Callable[[], object]) -> None:
    while_others_write(bench.database, work, once_it_waits=lambda: cancel_whoever_waits(bench.database))


def state_of(bench: Bench) -> status.MigrationStatus:
    return next(s for s in status.compute(bench.read(), bench.history) if s.version == "002")


def standing(bench: Bench, text: str) -> leftovers.Aftermath:
    script = statements.split(text)
    with bench.database.connect() as connection:
        return leftovers.standing_of(connection, script, script[-1])


def is_left(bench: Bench, text: str, way_on: str) -> bool:
    return leftovers.ways_on(standing(bench, text).leftovers) == (way_on,)


@pytest.mark.parametrize("text", LEFT)
def test_what_somebody_else_cancelled_is_named_with_its_way_on(bench_with_tables: Bench, text: str) -> None:
    bench_with_tables.write("002_next.sql", text)
    with pytest.raises(errors.PartlyApplied) as caught:
        cancelled_while_it_waits(bench_with_tables, bench_with_tables.apply)
    assert LEFT[text] in caught.value.next_step
    assert "undid" not in f"{caught.value} {caught.value.state_now}"
    assert is_left(bench_with_tables, text, LEFT[text])
    now = state_of(bench_with_tables)
    assert now.state is State.PARTIAL
    assert LEFT[text].split()[-2 if text is DETACH else -1] in now.sentence


@pytest.mark.parametrize("text", LEFT)
def test_what_a_person_cancelled_is_named_with_its_way_on(bench_with_tables: Bench, text: str) -> None:
    bench_with_tables.write("002_next.sql", text)
    plan, cancellation = bench_with_tables.plan(), Cancellation()
    with pytest.raises(errors.PartlyApplied) as caught:
        while_others_write(
            bench_with_tables.database,
            lambda: bench_with_tables.execute(plan, cancellation=cancellation),
            once_it_waits=lambda: cancellation.cancel("bob"),
        )
    assert LEFT[text] in caught.value.next_step
    assert state_of(bench_with_tables).state is State.PARTIAL


@pytest.mark.parametrize("text", LEFT)
def test_a_crash_leaves_it_in_question_and_a_repair_leads_on(
    bench_with_tables: Bench, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = lost(bench_with_tables, text, monkeypatch)

    def by_hand() -> None:
        with suppress(psycopg.errors.QueryCanceled):
            bench_with_tables.database.query(text)

    cancelled_while_it_waits(bench_with_tables, by_hand)
    (verdict,) = recovery.resolve(plan, access=bench_with_tables.access, attempt=Attempt(run_id="2", by="alice")).steps
    assert verdict is StepVerdict.PARTIAL
    repair = planner.repair(
        bench_with_tables.look(), bench_with_tables.read(), MigrationId("002", "next"), ways_on=(LEFT[text],)
    )
    assert LEFT[text].split()[-2 if text is DETACH else -1] in state_of(bench_with_tables).sentence
    bench_with_tables.execute(repair, run_id="3")
    with pytest.raises(errors.PlanBlocked, match="valid, or gone"):
        bench_with_tables.execute(repair, run_id="4")
    happened = standing(bench_with_tables, text).progress is leftovers.Progress.DONE
    assert happened is (text is DETACH or text.startswith("DROP"))
    onward = planner.resume(
        bench_with_tables.look(), bench_with_tables.read(), MigrationId("002", "next"), doubtful_done=happened
    )
    bench_with_tables.execute(onward, run_id="5")
    assert state_of(bench_with_tables).state is State.APPLIED


def lost(bench: Bench, text: str, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Run 2 as its worker leaves it that dies before the statement is sent."""

    def faultpoint(name: str) -> None:
        if name == "journal_started":
            raise InjectedFault(name)

    bench.write("002_next.sql", text)
    plan = bench.plan()
    with monkeypatch.context() as patch:
        patch.setattr("dashboard.engine.run.autocommit.faultpoint", faultpoint)
        with pytest.raises(InjectedFault):
            bench.execute(plan, run_id="2")
    return plan


@pytest.mark.parametrize("text", LEFT)
def test_a_statement_that_failed_at_once_is_undone(bench_with_tables: Bench, text: str) -> None:
    bench_with_tables.database.query("DROP TABLE parted, other; CREATE TABLE other (id text)")
    nowhere = text.replace("(id)", "(nothing)")
    for kind, named in (("TABLE", " other"), ("SCHEMA", " public"), ("DATABASE", "")):
        nowhere = nowhere.replace(f"{kind} CONCURRENTLY{named}", f"{kind} CONCURRENTLY x")
    bench_with_tables.write("002_next.sql", nowhere)
    with pytest.raises(errors.StatementFailed):
        bench_with_tables.apply()
    assert state_of(bench_with_tables).state is State.FAILED


def test_the_old_index_that_a_rebuild_could_not_drop_is_named(bench_with_tables: Bench) -> None:
    """The new one has taken its place by then: a reader holds up only the drop."""
    bench_with_tables.write("002_next.sql", "REINDEX INDEX CONCURRENTLY key")
    database = bench_with_tables.database

    def cancel() -> None:
        wait_until(lambda: database.query(f"SELECT count(*) {WAITING}")[0][0])
        cancel_whoever_waits(database)

    with database.connect(autocommit=False) as reader:
        reader.execute("SELECT * FROM other")
        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(errors.PartlyApplied) as caught:
            bench_with_tables.apply()
        canceller.join()
    assert "DROP INDEX CONCURRENTLY public.key_ccold" in caught.value.next_step
    assert database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'key'::regclass") == [(True,)]
    assert is_left(bench_with_tables, "REINDEX INDEX CONCURRENTLY key", "DROP INDEX CONCURRENTLY public.key_ccold")


def test_a_build_that_lost_a_deadlock_is_named_with_its_way_on(bench_with_tables: Bench) -> None:
    bench_with_tables.write("002_next.sql", "CREATE INDEX CONCURRENTLY made ON other (id)")
    database = bench_with_tables.database
    database.query(f"ALTER DATABASE \"{database.name}\" SET deadlock_timeout = '3s'")
    with database.connect(autocommit=False) as rival:
        rival.execute("SET deadlock_timeout = '60s'")  # so that the build is the one that looks, and loses
        rival.execute("INSERT INTO other VALUES (9)")

        def wait_for_the_build() -> None:
            wait_until(lambda: database.query(f"SELECT count(*) {WAITING}")[0][0])
            rival.execute("LOCK TABLE other IN SHARE MODE")

        crossing = threading.Thread(target=wait_for_the_build)
        crossing.start()
        with pytest.raises(errors.PartlyApplied) as caught:
            bench_with_tables.apply()
        crossing.join()
        rival.rollback()
    assert caught.value.facts["error"].sqlstate == "40P01"
    assert "DROP INDEX CONCURRENTLY public.made" in caught.value.next_step
    assert state_of(bench_with_tables).state is State.PARTIAL


def test_the_search_path_of_the_file_decides_which_index_is_meant(bench_with_tables: Bench) -> None:
    """Looked up elsewhere it would be gone, and so taken for dropped."""
    bench_with_tables.database.query(
        "CREATE SCHEMA app; CREATE TABLE app.own (id int); CREATE INDEX of_app ON app.own (id)"
    )
    drop = "DROP INDEX CONCURRENTLY of_app"
    assert standing(bench_with_tables, f"SET search_path TO app; {drop}").progress is leftovers.Progress.NOT_DONE
    assert standing(bench_with_tables, drop).progress is leftovers.Progress.DONE


@pytest.fixture
def bench_with_app(bench_with_tables: Bench) -> Bench:
    bench_with_tables.database.query(
        "CREATE SCHEMA app; CREATE TABLE app.other (id int); CREATE INDEX of_app ON app.other (id)"
    )
    return bench_with_tables


@pytest.mark.parametrize(
    "before",
    [
        "SELECT set_config('search_path', 'app', false)",
        "SELECT pg_catalog.set_config('Search_Path', 'app', false), set_config('work_mem', '77kB', false)",
        "SELECT set_config('search_path', 'app', false); SET search_path TO public; SET search_path TO app",
    ],
)
def test_a_search_path_that_a_query_sets_decides_too(bench_with_app: Bench, before: str) -> None:
    drop = "DROP INDEX CONCURRENTLY of_app"
    assert standing(bench_with_app, f"{before}; {drop}").progress is leftovers.Progress.NOT_DONE
    assert standing(bench_with_app, f"{before}; RESET ALL; {drop}").progress is leftovers.Progress.DONE


UNSEEN = [
    "DO $$ BEGIN PERFORM set_config('search_path', 'app', false); END $$",
    "CALL public.anything()",
    "SELECT anything()",
    "INSERT INTO other VALUES (anything())",
    "ALTER TABLE other ADD COLUMN more int DEFAULT anything()",
    "SELECT set_config('search_path', 'app', true)",
    "SELECT set_config('search_path', 'app', 'true')",
    "SELECT set_config('search_path', 'app', false) FROM other",
    "SELECT set_config('search_path', 'app', false) WHERE 1 = 2",
    "SELECT set_config('search_path', current_setting('app.schema'), false)",
    "SELECT set_config('search_path', 'app', false), anything()",
]


@pytest.mark.parametrize("before", UNSEEN)
@pytest.mark.parametrize("text", ["DROP INDEX CONCURRENTLY of_app", "CREATE INDEX CONCURRENTLY of_app ON other (id)"])
def test_nothing_is_said_of_a_name_where_the_text_does_not_tell_the_search_path(
    bench_with_app: Bench, before: str, text: str
) -> None:
    assert standing(bench_with_app, f"{before}; {text}").progress is leftovers.Progress.NOT_KNOWN
    qualified = text.replace("ON other", "ON app.other") if "ON other" in text else text.replace("of_app", "app.of_app")
    assert standing(bench_with_app, f"{before}; {qualified}").progress is not leftovers.Progress.NOT_KNOWN
