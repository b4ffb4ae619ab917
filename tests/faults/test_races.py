"""Many at once: workers on one migration, deciders on one request, clicks on one button, a cancel and a commit."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction

from dashboard.engine.errors import EngineError
from dashboard.models import AuditEvent, ChangeRequest, Decision, Run
from dashboard.services import approvals, execution, plans, runs
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided
from tests.engine.folders import Bench
from tests.faults import naive, outside
from tests.faults.conftest import MakeTrial
from tests.faults.racers import WORKERS, Heat, Racers
from tests.faults.trial import TX, Outcome, end
from tests.fix_faults import NAIVE, Tally, sized
from tests.fix_people import ClientOf
from tests.fix_postgres import Database, MakeDatabase
from tests.fix_project import Project
from tests.waiting import wait_until

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PART = "races"
ROUNDS = sized(small=3, ci=25, full=200)
SLOW_ROUNDS = sized(small=1, ci=5, full=50)
DECIDERS = 16

#: What a worker that came too late may say; anything else (a deadlock, a lost row) is a fault.
TOO_LATE = {"target_busy", "plan_changed"}


@pytest.fixture
def racers(tmp_path: Path) -> Iterator[Racers]:
    with Racers(tmp_path / "worker.log") as racing:
        yield racing


# The target


UPS = {
    "transaction": "INSERT INTO effects VALUES ({n}, 1);",
    "concurrently": "CREATE INDEX CONCURRENTLY effects_{n} ON effects (version);",
    "no transaction": "-- signalbox: transaction=none\nINSERT INTO effects VALUES ({n}, 1);",
}


@pytest.mark.parametrize("wait", [0.0, 30.0], ids=["who comes too late gives up", "who comes too late waits"])
@pytest.mark.parametrize("way", UPS)
def test_eight_workers_apply_a_migration_once(
    way: str, wait: float, bench: Bench, racers: Racers, tally: Tally
) -> None:
    bench.database.query("CREATE TABLE effects (version int, mark int)")
    tally.part = PART
    for n in range(1, ROUNDS // 5 + 2):
        bench.write(f"{n:03}_race.sql", UPS[way].format(n=n))
        outcomes = racers.run(Heat(plan=bench.plan(), access=bench.access, lock_wait=wait))
        tally.add(rounds_of_workers=1, not_exactly_one_winner=outcomes["applied"] != 1)
        assert outcomes["applied"] == 1, outcomes
        assert set(outcomes) <= {"applied"} | TOO_LATE, outcomes
        assert len(outside.history(bench.database)) == n
        if way != "concurrently":
            assert bench.database.query(f"SELECT count(*) FROM effects WHERE version = {n}") == [(1,)]


def test_eight_workers_meet_an_empty_target(
    tmp_path: Path, make_database: MakeDatabase, racers: Racers, tally: Tally
) -> None:
    """The tracking tables are made under the lock: CREATE IF NOT EXISTS alone would race."""
    tally.part = PART
    for n in range(SLOW_ROUNDS):
        folder = tmp_path / f"round_{n}"
        folder.mkdir()
        bench = Bench(folder=folder, database=make_database())
        bench.write("001_race.sql", "CREATE TABLE users (id int);")
        outcomes = racers.run(Heat(plan=bench.plan(), access=bench.access, lock_wait=30))
        tally.add(rounds_of_first_use=1, not_exactly_one_winner=outcomes["applied"] != 1)
        assert outcomes["applied"] == 1, outcomes
        assert set(outcomes) <= {"applied"} | TOO_LATE, outcomes


def test_the_naive_runner_is_caught_racing(target_db: Database, racers: Racers, tally: Tally) -> None:
    target_db.query("CREATE TABLE effects (version int, mark int)")
    target_db.query(naive.SETUP)
    tally.part = NAIVE + PART
    tally.add(double=0, lost=0)
    for n in range(1, 6):
        statements = [f"INSERT INTO effects VALUES ({n}, 1)"]
        racers.run(Heat(naively={"url": target_db.url, "version": n, "statements": statements}))
        marks = len(target_db.query(f"SELECT 1 FROM effects WHERE version = {n}"))
        tally.add(runs=1, double=marks > 1, lost=marks < 1)
    assert tally.counts["double"] > 0, "the suite would not notice two workers on one migration"


@pytest.mark.django_db(transaction=True)
def test_eight_workers_take_one_run_and_one_has_it(make_trial: MakeTrial, tally: Tally) -> None:
    trial = make_trial(TX)
    tally.part = PART
    for _ in range(SLOW_ROUNDS):
        run = trial.next()
        for process in [trial.work(run) for _ in range(WORKERS)]:
            assert end(process) == 0
        tally.add(rounds_of_claims=1, not_exactly_one_winner=trial.judge(run) is not Outcome.EXACTLY_ONCE)
        assert trial.judge(run) is Outcome.EXACTLY_ONCE
        assert AuditEvent.objects.filter(kind="run.started", run_id=run.pk).count() == 1
        trial.check_quiet(run)


# The control database


@pytest.fixture
def open_request(project: Project, alice: Actor) -> Callable[[], ChangeRequest]:
    """Alice asks to apply one migration to production."""
    project.write(_001_users="CREATE TABLE users (id int);")
    plan = plans.apply(project.production)
    return lambda: approvals.open_request(plan, environment=project.production, by=alice, reason="for the race")


@pytest.fixture
def deciders(make_user: Callable[..., User], acting: Callable[[User], Actor]) -> list[Actor]:
    return [acting(make_user(f"decider{n}", "approver")) for n in range(DECIDERS)]


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(DECIDERS + 1) as pool:
        yield pool
        hang_up = threading.Barrier(DECIDERS + 1)
        list(pool.map(lambda _: (connection.close(), hang_up.wait(10)), range(DECIDERS + 1)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["all approve", "some reject", "one withdraws"])
def test_of_all_who_decide_at_once_one_wins(
    kind: str,
    open_request: Callable[[], ChangeRequest],
    deciders: list[Actor],
    alice: Actor,
    crowd: ThreadPoolExecutor,
    tally: Tally,
) -> None:
    tally.part = PART
    for _ in range(max(ROUNDS // 3, 1)):
        request = open_request()
        deeds: list[Callable[[], object]] = [
            _reject(request, by) if kind == "some reject" and n % 2 else _approve(request, by)
            for n, by in enumerate(deciders)
        ]
        if kind == "one withdraws":
            deeds.append(lambda request=request: approvals.withdraw(request.pk, by=alice))
        outcomes = _all_at_once(request, deeds, crowd)
        request.refresh_from_db()
        tally.add(rounds_of_deciders=1)
        _check_one_winner(request, outcomes, withdrawable=kind == "one withdraws")


def _approve(request: ChangeRequest, by: Actor) -> Callable[[], object]:
    return lambda: approvals.approve(request.pk, by=by, digest=request.digest)


def _reject(request: ChangeRequest, by: Actor) -> Callable[[], object]:
    return lambda: approvals.reject(request.pk, by=by, digest=request.digest, reason="not now")


def _all_at_once(request: ChangeRequest, deeds: list[Callable[[], object]], crowd: ThreadPoolExecutor) -> Counter[str]:
    """Everyone is provably waiting for the row before it is let go."""
    with transaction.atomic():
        ChangeRequest.objects.select_for_update().get(pk=request.pk)
        futures = [crowd.submit(_outcome, deed) for deed in deeds]
        wait_until(lambda: _waiting() == len(deeds), "all who decide wait for the request's row")
    return Counter(future.result(timeout=30) for future in futures)


def _outcome(deed: Callable[[], object]) -> str:
    try:
        deed()
    except AlreadyDecided:
        return "too late"
    return "done"


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def _check_one_winner(request: ChangeRequest, outcomes: Counter[str], *, withdrawable: bool) -> None:
    """A withdrawal may also follow the approval: then both are done, in that order."""
    events = list(AuditEvent.objects.filter(request_id=request.pk).order_by("id").values_list("kind", flat=True))
    if withdrawable and events == ["request.opened", "request.approved", "request.withdrawn"]:
        assert outcomes["done"] == 2
        assert request.status == ChangeRequest.Status.WITHDRAWN
    else:
        assert outcomes["done"] == 1
        assert len(events) == 2, events
        assert request.status != ChangeRequest.Status.OPEN
    assert Decision.objects.filter(request=request).count() <= 1


@pytest.mark.django_db(transaction=True)
def test_what_runs_is_what_was_approved_while_the_file_is_edited(
    project: Project, alice: Actor, deciders: list[Actor], tally: Tally
) -> None:
    """Approve, start and execute race with an edit: the approved bytes run, or nothing."""
    texts = {"approved": "CREATE TABLE approved_{n} (id int);", "edited": "CREATE TABLE edited_{n} (id int);"}
    tally.part = PART
    for n in range(1, SLOW_ROUNDS + 1):
        (project.folder / f"{n:03}_race.sql").write_text(texts["approved"].format(n=n))
        request = approvals.open_request(
            plans.apply(project.production), environment=project.production, by=alice, reason="for the race"
        )
        start = threading.Barrier(2)
        edit = threading.Thread(
            target=_edit, args=(start, project.folder / f"{n:03}_race.sql", texts["edited"].format(n=n))
        )
        edit.start()
        start.wait()
        approvals.approve(request.pk, by=deciders[0], digest=request.digest)
        run = runs.start_approved(request, by=alice, typed_name="production") if _reload(request) else None
        if run:
            execution.execute(run.pk)
        edit.join()
        tally.add(rounds_of_approve_and_edit=1, unapproved_bytes_run=_has(project, f"edited_{n}"))
        assert not _has(project, f"edited_{n}")
        (project.folder / f"{n:03}_race.sql").write_text(texts["approved"].format(n=n))
        if not _has(project, f"approved_{n}"):
            _apply_calmly(project, alice, deciders[0])


def _edit(start: threading.Barrier, file: Path, text: str) -> None:
    start.wait()
    file.write_text(text)


def _reload(request: ChangeRequest) -> bool:
    request.refresh_from_db()
    return request.status == ChangeRequest.Status.APPROVED


def _has(project: Project, table: str) -> bool:
    return project.query(project.production, f"SELECT to_regclass('{table}') IS NOT NULL") == [(True,)]


def _apply_calmly(project: Project, alice: Actor, bob: Actor) -> None:
    request = approvals.open_request(
        plans.apply(project.production), environment=project.production, by=alice, reason="again"
    )
    approvals.approve(request.pk, by=bob, digest=request.digest)
    request.refresh_from_db()
    run = runs.start_approved(request, by=alice, typed_name="production")
    execution.execute(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED, run.failure


@pytest.mark.django_db(transaction=True)
def test_a_button_clicked_five_times_starts_one_run(
    project: Project, requester: User, client_of: ClientOf, crowd: ThreadPoolExecutor, tally: Tally
) -> None:
    clients = [client_of(requester) for _ in range(5)]
    tally.part = PART
    for n in range(1, SLOW_ROUNDS + 1):
        (project.folder / f"{n:03}_click.sql").write_text(f"CREATE TABLE click_{n} (id int);")
        form = {"digest": plans.apply(project.staging).digest}
        start = threading.Barrier(len(clients))
        answers = list(crowd.map(lambda client: _click(client, form, start), clients))  # noqa: B023
        assert Run.objects.count() == n, answers
        assert answers.count(302) == 1, answers
        execution.execute(Run.objects.latest("id").pk)
        late = clients[0].post("/environments/staging/apply/", form)
        assert late.status_code != 302
        tally.add(rounds_of_clicks=1, not_exactly_one_winner=Run.objects.count() != n)
        assert Run.objects.count() == n, "the click that came last started another run"


def _click(client: object, form: dict[str, str], start: threading.Barrier) -> int:
    start.wait(10)
    return int(client.post("/environments/staging/apply/", form).status_code)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("without_looks")
@pytest.mark.django_db(transaction=True)
def test_a_cancel_that_meets_the_commit_tells_the_truth(
    make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    monkeypatch.setattr(execution, "HEARTBEAT", 0.002)
    trial = make_trial(TX)
    tally.part = PART
    for _ in range(ROUNDS):
        run = trial.next()
        moment = random.uniform(0, 0.12)
        cancel = threading.Timer(moment, _cancel, args=(run, trial.person))
        cancel.start()
        execution.execute(run.pk)
        cancel.join()
        outcome = trial.judge(run)
        tally.add(rounds_of_cancel_and_commit=1, record_and_target_disagree=outcome is not Outcome.EXACTLY_ONCE)
        assert outcome is Outcome.EXACTLY_ONCE, f"{outcome}, cancelled after {moment} s"
        assert trial.finish(run) is Outcome.EXACTLY_ONCE


def _cancel(run: Run, by: Actor) -> None:
    try:
        runs.request_cancel(run.pk, by=by)
    except EngineError:
        return
    finally:
        connection.close()
