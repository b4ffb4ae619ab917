"""Drift: found object by object, never mistaken for a run's work, never told twice, accepted by an administrator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from config.environments import Environment
from dashboard.engine.run import executor
from dashboard.engine.schema.drift import Seen
from dashboard.models import AuditEvent, DriftCheck, Run, Snapshot
from dashboard.selectors import drift as selector
from dashboard.services import drift, execution, plans, runs, targets
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import (
    DriftChanged,
    EnvironmentOccupied,
    NameNotTyped,
    PermissionRefused,
    ReasonMissing,
)
from tests.fix_project import PLAIN_ROLE, Project
from tests.services.workflow import run_on_staging

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)


def look(project: Project, by: Actor = SIGNALBOX) -> DriftCheck:
    drift.check(project.staging, by=by)
    return DriftCheck.objects.first() or pytest.fail("a check leaves a row")


def differing(project: Project) -> list[str]:
    check = selector.last_seen(project.staging)
    assert check
    return [f"{d.change} {d.key}" for d in selector.differences(check)]


def asked_for() -> list[str]:
    jobs = ProcrastinateJob.objects.filter(task_name="check_drift")
    return sorted(args["environment"] for args in jobs.values_list("args", flat=True))


def events() -> list[str]:
    return list(AuditEvent.objects.filter(kind__startswith="drift").order_by("id").values_list("kind", flat=True))


def test_the_first_look_is_what_later_ones_are_compared_with(project: Project) -> None:
    project.query(project.staging, "CREATE TABLE made_by_hand (id int)")
    first = look(project)
    assert (first.outcome, first.expected.reason) == ("clean", "first")
    assert look(project).outcome == "clean"
    assert Snapshot.objects.count() == 1


def test_a_change_made_by_hand_is_found_with_its_objects(two_files: Project, alice: Actor) -> None:
    run_on_staging(two_files, alice)
    assert look(two_files).outcome == "clean"
    two_files.query(two_files.staging, "ALTER TABLE users ADD phone text; CREATE INDEX by_phone ON users (phone)")
    check = look(two_files, alice)
    assert (check.outcome, check.differing, check.by) == ("drifted", 2, alice.user)
    assert differing(two_files) == ["added column public.users.phone", "added index by_phone on public.users"]
    event = AuditEvent.objects.get(kind="drift.found")
    assert (event.actor, event.data["differing"]) == ("alice", 2)
    assert event.data["objects"][0].startswith("column public.users.phone")


def test_rights_that_signalbox_asked_for_are_no_drift_and_stand_in_the_log(as_plain_role: Project) -> None:
    look(as_plain_role)
    as_plain_role.query(
        as_plain_role.staging,
        f"GRANT USAGE, CREATE ON SCHEMA public TO {PLAIN_ROLE};"
        f"GRANT CREATE ON DATABASE {as_plain_role.databases['staging'].name} TO {PLAIN_ROLE};",
    )
    check = look(as_plain_role)
    assert (check.outcome, check.expected.reason, check.expected.by) == ("clean", "accepted", None)
    assert events() == ["drift.accepted"]
    event = AuditEvent.objects.get(kind="drift.accepted")
    assert PLAIN_ROLE in event.data["reason"]
    assert {name.partition(":")[0] for name in event.data["objects"]} == {
        "grants on schema public",
        "grants on the database",
    }
    assert look(as_plain_role).outcome == "clean"
    assert events() == ["drift.accepted"]


def test_what_came_with_them_is_still_drift(as_plain_role: Project) -> None:
    look(as_plain_role)
    as_plain_role.query(
        as_plain_role.staging, f"GRANT CREATE ON SCHEMA public TO {PLAIN_ROLE}; CREATE TABLE by_hand (id int);"
    )
    assert look(as_plain_role).outcome == "drifted"
    assert not any("grants" in each for each in differing(as_plain_role))
    as_plain_role.query(as_plain_role.staging, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    assert look(as_plain_role).outcome == "drifted"
    assert "changed grants on schema public" in differing(as_plain_role)


def test_the_same_drift_is_told_once(project: Project) -> None:
    look(project)
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    first = look(project)
    second = look(project)
    assert events() == ["drift.found"]
    assert second.since == first.since
    assert DriftCheck.objects.filter(found__isnull=False).count() == 1
    project.query(project.staging, "ALTER TABLE by_hand ADD x int")
    third = look(project)
    assert (third.since, events()) == (first.since, ["drift.found", "drift.found"])
    project.query(project.staging, "DROP TABLE by_hand")
    assert (look(project).outcome, events()[-1]) == ("clean", "drift.gone")


def test_a_runs_own_work_is_no_drift(two_files: Project, alice: Actor) -> None:
    look(two_files)
    run = run_on_staging(two_files, alice)
    snapshot = Snapshot.objects.first()
    assert snapshot
    assert (snapshot.reason, snapshot.run) == ("run", run)
    assert look(two_files).outcome == "clean"
    assert events() == []


def test_a_run_does_not_swallow_what_was_changed_by_hand_before_it(two_files: Project, alice: Actor) -> None:
    two_files.query(two_files.staging, "CREATE TABLE by_hand (id int)")
    look(two_files)
    two_files.query(two_files.staging, "ALTER TABLE by_hand ADD note text")
    run_on_staging(two_files, alice)
    assert differing(two_files) == ["added column public.by_hand.note"]
    assert look(two_files).outcome == "drifted"
    assert events() == ["drift.found"]


def test_a_run_that_changes_what_was_changed_by_hand_settles_it(project: Project, alice: Actor) -> None:
    project.query(project.staging, "CREATE TABLE users (id int)")
    look(project)
    project.query(project.staging, "ALTER TABLE users ADD phone text")
    assert look(project).outcome == "drifted"
    project.write(_001_phone="ALTER TABLE users ALTER phone TYPE varchar(20)")
    run_on_staging(project, alice)
    assert differing(project) == []


def test_a_failed_run_leaves_no_drift_though_it_made_the_tracking_tables(project: Project, alice: Actor) -> None:
    project.write(_001_bad="SELECT 1/0;")
    assert run_on_staging(project, alice).status == Run.Status.FAILED
    assert look(project).outcome == "clean"


def test_what_a_failed_run_committed_is_expected(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _002_bad="SELECT 1/0;")
    run = run_on_staging(project, alice)
    assert run.status == Run.Status.FAILED
    assert Snapshot.objects.filter(run=run, schema__objects__has_key="table public.users").exists()
    assert look(project).outcome == "clean"


def test_a_run_found_out_after_a_crash_is_no_drift(two_files: Project, alice: Actor) -> None:
    look(two_files)
    run = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    assert runs.claim(run.pk)
    executor.execute(
        run.plan,
        access=targets.access(two_files.staging),
        attempt=execution._attempt(Run.objects.get(pk=run.pk)),
        approval=None,
        observer=lambda event: None,
    )
    run.refresh_from_db()
    runs.interrupt(run, {"code": "worker_lost"})
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert Snapshot.objects.filter(run=run).exists()
    assert look(two_files).outcome == "clean"


def test_the_end_of_a_run_does_not_need_the_schema(
    two_files: Project,
    alice: Actor,
    unreachable: Callable[[Environment], Environment],
    monkeypatch: pytest.MonkeyPatch,
    settings: SettingsWrapper,
) -> None:
    """The target is gone right after the run: the run has succeeded, and the next check takes what it left."""
    look(two_files)
    after = drift.after_run
    staging = two_files.staging

    def gone(run: Run) -> None:
        unreachable(staging)
        after(run)

    monkeypatch.setattr(drift, "after_run", gone)
    reachable = settings.ENVIRONMENTS
    run = run_on_staging(two_files, alice)
    assert run.status == Run.Status.SUCCEEDED
    newest = DriftCheck.objects.first()
    assert newest
    assert (newest.outcome, newest.failure["code"]) == ("unreachable", "unreachable")
    settings.ENVIRONMENTS = reachable
    assert look(two_files).outcome == "clean"
    assert Snapshot.objects.filter(run=run).exists()


def test_a_look_that_breaks_is_no_business_of_the_run(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(environment: Environment) -> Seen:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(drift, "_look", broken)
    assert run_on_staging(two_files, alice).status == Run.Status.SUCCEEDED


def test_a_check_never_races_a_run(two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    look(two_files)
    run = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    with pytest.raises(EnvironmentOccupied):
        drift.check(two_files.staging, by=SIGNALBOX)
    drift.check_if_free(two_files.staging, by=SIGNALBOX)
    assert DriftCheck.objects.count() == 1
    execution.execute(run.pk)
    assert look(two_files).outcome == "clean"


def test_a_run_that_begins_and_ends_during_a_look_makes_it_look_again(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    look(project)
    plain, looks = drift._look, []

    def slow(environment: Environment) -> object:
        observed = plain(environment)
        looks.append(observed)
        if len(looks) == 1:
            run_on_staging(project, alice)
        return observed

    monkeypatch.setattr(drift, "_look", slow)
    assert look(project).outcome == "clean"
    assert len(looks) == 4  # the stale one, before the run, after it, and the one that counts


def test_rows_written_are_kept_with_the_run_and_left_out_when_it_is_too_late(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run_on_staging(project, alice)
    on_time = Snapshot.objects.first()
    assert on_time
    assert "public.users" in on_time.rows_written
    assert on_time.counted_since
    project.write(_002_orders="CREATE TABLE orders (id int);")
    monkeypatch.setattr(drift, "after_run", lambda run: None)
    late = run_on_staging(project, alice)
    Run.objects.filter(pk=late.pk).update(finished_at=timezone.now() + drift.LATE * -2)
    DriftCheck.objects.update(at=timezone.now() + drift.LATE * -3)
    look(project)
    snapshot = Snapshot.objects.get(run=late)
    assert (snapshot.rows_written, snapshot.counted_since) == ({}, "")


def test_an_unreachable_target_keeps_what_was_known(
    project: Project, unreachable: Callable[[Environment], Environment]
) -> None:
    look(project)
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    look(project)
    gone = unreachable(project.staging)
    drift.check(gone, by=SIGNALBOX)
    state = selector.states([gone])["staging"]
    assert state.last
    assert state.seen
    assert (state.last.outcome, state.seen.outcome, state.drifted) == ("unreachable", "drifted", True)
    assert "s3cret" not in str(state.last.failure)
    assert differing(project) == ["added table public.by_hand", "added column public.by_hand.id"]


def test_accepting_makes_what_was_found_the_expected_schema(project: Project, carol: Actor) -> None:
    look(project)
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    shown = look(project)
    drift.accept(project.staging, by=carol, fingerprint=shown.fingerprint, reason=" A hotfix of Tuesday ")
    snapshot = Snapshot.objects.first()
    assert snapshot
    assert (snapshot.reason, snapshot.by) == ("accepted", carol.user)
    assert look(project).outcome == "clean"
    event = AuditEvent.objects.get(kind="drift.accepted")
    assert (event.data["reason"], event.data["differing"]) == ("A hotfix of Tuesday", 2)
    assert "drift.gone" not in events()


def test_only_what_was_shown_can_be_accepted(project: Project, carol: Actor) -> None:
    look(project)
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    shown = look(project)
    project.query(project.staging, "ALTER TABLE by_hand ADD x int")
    look(project)
    with pytest.raises(DriftChanged):
        drift.accept(project.staging, by=carol, fingerprint=shown.fingerprint, reason="why not")
    project.query(project.staging, "DROP TABLE by_hand")
    look(project)
    with pytest.raises(DriftChanged):
        drift.accept(project.staging, by=carol, fingerprint=shown.fingerprint, reason="why not")


def test_what_was_shown_before_a_run_that_nobody_looked_after_is_not_accepted(
    project: Project, alice: Actor, carol: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(project)
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    shown = look(project)
    project.write(_001_users="CREATE TABLE users (id int);")
    monkeypatch.setattr(drift, "after_run", lambda run: None)
    run_on_staging(project, alice)
    with pytest.raises(DriftChanged):
        drift.accept(project.staging, by=carol, fingerprint=shown.fingerprint, reason="why not")
    assert look(project).differing == 2


def test_accepting_wants_an_administrator_a_reason_and_the_name(project: Project, bob: Actor, carol: Actor) -> None:
    drift.check(project.production, by=SIGNALBOX)
    project.query(project.production, "CREATE TABLE by_hand (id int)")
    drift.check(project.production, by=SIGNALBOX)
    check = DriftCheck.objects.first()
    assert check
    given = {"fingerprint": check.fingerprint, "reason": "a hotfix", "typed_name": "production"}
    with pytest.raises(PermissionRefused):
        drift.accept(project.production, by=bob, **given)
    with pytest.raises(ReasonMissing):
        drift.accept(project.production, by=carol, **{**given, "reason": " "})
    with pytest.raises(NameNotTyped):
        drift.accept(project.production, by=carol, **{**given, "typed_name": "prod"})
    drift.accept(project.production, by=carol, **given)


def test_a_check_is_asked_for_once_and_takes_one_place_of_a_worker(project: Project, vera: Actor) -> None:
    drift.ask(project.staging, by=vera)
    drift.ask(project.staging, by=vera)
    job = ProcrastinateJob.objects.get(task_name="check_drift")
    assert (job.queue_name, job.lock) == ("drift", "drift")
    assert selector.states([project.staging, project.production])["staging"].checking
    assert not selector.states([project.staging, project.production])["production"].checking


def test_checks_are_asked_for_where_they_are_due(project: Project, settings: SettingsWrapper) -> None:
    look(project)
    settings.DRIFT_MINUTES = 0
    drift.ask_where_due()
    assert asked_for() == []
    settings.DRIFT_MINUTES = 60
    drift.ask_where_due()
    assert asked_for() == ["production"]
    DriftCheck.objects.update(at=timezone.now() - timedelta(minutes=61))
    drift.ask_where_due()
    assert asked_for() == ["production", "staging"]


def test_old_looks_are_let_go_and_old_snapshots_keep_their_counts(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "SCHEMAS_KEPT", 1)
    monkeypatch.setattr(drift, "CHECKS_KEPT", 2)
    project.write(_001_users="CREATE TABLE users (id int);")
    run = run_on_staging(project, alice)
    project.write(_002_orders="CREATE TABLE orders (id int);")
    run_on_staging(project, alice)
    look(project)
    assert DriftCheck.objects.count() == 2
    old = Snapshot.objects.get(run=run)
    assert (old.schema, bool(old.fingerprint), "public.users" in old.rows_written) == ({}, True, True)
    assert look(project).outcome == "clean"
