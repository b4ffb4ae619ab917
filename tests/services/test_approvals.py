"""Requests and decisions: what is approved is a digest, by someone else, once, for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.engine.migration import MigrationId
from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.models.roles import Role, role_of
from dashboard.services import approvals, decisions, plans, runs
from dashboard.services.actors import Actor
from dashboard.services.audit import Event
from dashboard.services.errors import (
    AlreadyDecided,
    ApprovalNeeded,
    ApproverGone,
    NameNotTyped,
    OwnRequest,
    PermissionRefused,
    ReasonMissing,
)
from tests.at_once import at_once
from tests.fix_project import Project
from tests.services.workflow import (
    approve,
    approved_request,
    execute,
    expire,
    open_request,
    start_on_production,
    tables,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_approved_by_another_person_runs(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = execute(start_on_production(request, alice))
    request.refresh_from_db()
    assert (run.status, request.status) == (Run.Status.SUCCEEDED, ChangeRequest.Status.DONE)
    assert tables(two_files, two_files.production) == ["orders", "users"]


def test_nobody_approves_their_own_request_not_even_a_superuser(two_files: Project, carol: Actor) -> None:
    carol.person.is_superuser = True
    carol.person.save()
    request = open_request(two_files, carol)
    with pytest.raises(OwnRequest):
        approve(request, carol)
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.OPEN


def test_a_requester_cannot_decide(two_files: Project, alice: Actor, carol: Actor) -> None:
    request = open_request(two_files, carol)
    with pytest.raises(PermissionRefused, match="decide on requests"):
        approve(request, alice)


def test_a_viewer_can_neither_ask_nor_run(two_files: Project, vera: Actor) -> None:
    with pytest.raises(PermissionRefused):
        open_request(two_files, vera)
    with pytest.raises(PermissionRefused):
        runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=vera)


def test_a_protected_environment_refuses_a_run_without_request(two_files: Project, carol: Actor) -> None:
    with pytest.raises(ApprovalNeeded):
        runs.start(
            plans.apply(two_files.production), environment=two_files.production, by=carol, typed_name="production"
        )
    assert not Run.objects.exists()


def test_running_on_a_protected_environment_needs_its_name_typed(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    with pytest.raises(NameNotTyped):
        runs.start_approved(request, by=alice, typed_name="staging")


def test_only_the_digest_on_the_page_is_approved(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = open_request(two_files, alice)
    with pytest.raises(AlreadyDecided):
        approvals.approve(request.pk, by=bob, digest="0" * 64)


def test_a_rejection_needs_a_reason_and_ends_the_request(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = open_request(two_files, alice)
    with pytest.raises(ReasonMissing):
        approvals.reject(request.pk, by=bob, digest=request.digest, reason=" ")
    approvals.reject(request.pk, by=bob, digest=request.digest, reason="not on a Friday")
    with pytest.raises(AlreadyDecided):
        approve(request, bob)


def test_what_only_an_administrator_may_write_nobody_else_starts(
    two_files: Project, alice: Actor, bob: Actor, carol: Actor
) -> None:
    production = two_files.production
    plan = plans.skip(production, [MigrationId("001", "users")], reason="It is there by hand")
    request = approve(approvals.open_request(plan, environment=production, by=carol), bob)
    with pytest.raises(PermissionRefused, match="by hand"):
        start_on_production(request, alice)
    request.refresh_from_db()
    assert (request.status, Run.objects.exists()) == (ChangeRequest.Status.APPROVED, False)
    assert execute(start_on_production(request, carol)).status == Run.Status.SUCCEEDED


def test_a_withdrawn_request_cannot_run(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    request = approvals.withdraw(request.pk, by=alice)
    with pytest.raises(AlreadyDecided):
        start_on_production(request, alice)


def test_an_approval_withdrawn_after_queueing_still_stops_the_run(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, alice)
    approvals.withdraw(request.pk, by=alice)
    execute(run)
    assert run.status == Run.Status.FAILED
    assert run.failure["code"] == "not_approved"
    assert tables(two_files, two_files.production) == []


def leave(person: Actor) -> None:
    person.person.is_active = False
    person.person.save()


def test_an_approver_who_left_has_approved_nothing(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    leave(bob)
    with pytest.raises(ApproverGone, match="bob, who approved request"):
        start_on_production(request, alice)
    assert decisions.needs_request(plans.apply(two_files.production), two_files.production)


def test_a_role_taken_away_after_queueing_still_stops_the_run(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, alice)
    bob.person.groups.clear()
    execute(run)
    assert run.status == Run.Status.FAILED
    assert run.failure["code"] == "approver_gone"
    assert tables(two_files, two_files.production) == []


def test_a_standing_rollback_is_void_once_its_approver_left(two_files: Project, alice: Actor, bob: Actor) -> None:
    apply_approved(two_files, alice, bob)
    leave(bob)
    with pytest.raises(ApprovalNeeded):
        roll_back(two_files, alice)


def test_a_file_edited_after_the_approval_supersedes_it(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, alice)
    two_files.write(_002_orders="CREATE TABLE orders (id int); DROP TABLE users;")
    execute(run)
    request.refresh_from_db()
    assert run.failure["sentence"] == "What would run now is not what was approved: 002_orders.sql was edited."
    assert request.status == ChangeRequest.Status.SUPERSEDED
    assert tables(two_files, two_files.production) == []


def test_a_history_that_moved_on_supersedes_the_approval(two_files: Project, alice: Actor, bob: Actor) -> None:
    first, second = open_request(two_files, alice), open_request(two_files, alice)
    for request in (first, second):
        approve(request, bob)
        request.refresh_from_db()
        execute(start_on_production(request, alice))
    second.refresh_from_db()
    assert second.status == ChangeRequest.Status.SUPERSEDED
    assert "001_users, 002_orders were recorded since" in second.closed_because


def test_an_expired_request_is_closed_and_cannot_be_approved(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = open_request(two_files, alice)
    expire(request)
    with pytest.raises(AlreadyDecided, match="expired"):
        approve(request, bob)
    assert approvals.expire_due() == 1
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.EXPIRED


def test_of_two_who_decide_at_once_one_wins(two_files: Project, alice: Actor, bob: Actor, carol: Actor) -> None:
    request = open_request(two_files, alice)
    decided = at_once(
        lambda: approve(request, bob),
        lambda: approvals.reject(request.pk, by=carol, digest=request.digest, reason="no"),
        too_late=(AlreadyDecided,),
    )
    assert decided == 1
    assert request.decisions.count() == 1


# The rollback that was approved together with the apply


def apply_approved(project: Project, alice: Actor, bob: Actor) -> ChangeRequest:
    request = approved_request(project, alice, bob)
    execute(start_on_production(request, alice))
    request.refresh_from_db()
    return request


def roll_back(project: Project, by: Actor, *, version: str = "001", name: str = "users") -> Run:
    plan = plans.rollback(project.production, downto=MigrationId(version, name))
    accepted = [warning.key for warning in plan.warnings]
    return execute(runs.start(plan, environment=project.production, by=by, typed_name="production", accepted=accepted))


def test_approving_an_apply_approves_its_exact_rollback_once(two_files: Project, alice: Actor, bob: Actor) -> None:
    apply_approved(two_files, alice, bob)
    assert roll_back(two_files, alice).status == Run.Status.SUCCEEDED
    assert tables(two_files, two_files.production) == []
    apply_approved(two_files, alice, bob)
    assert roll_back(two_files, alice).status == Run.Status.SUCCEEDED, "the second apply brought its own approval"


def test_an_approved_rollback_covers_its_newest_part_and_then_the_rest(
    two_files: Project, alice: Actor, bob: Actor
) -> None:
    apply_approved(two_files, alice, bob)
    assert roll_back(two_files, alice, version="002", name="orders").status == Run.Status.SUCCEEDED
    assert tables(two_files, two_files.production) == ["users"]
    assert roll_back(two_files, alice).status == Run.Status.SUCCEEDED
    assert tables(two_files, two_files.production) == []


def test_a_part_that_was_rolled_back_and_came_again_needs_its_own_approval(
    two_files: Project, alice: Actor, bob: Actor
) -> None:
    first = apply_approved(two_files, alice, bob)
    roll_back(two_files, alice, version="002", name="orders")
    again = apply_approved(two_files, alice, bob)
    plan = plans.rollback(two_files.production, downto=MigrationId("002", "orders"))
    covering = approvals.live(plan)
    assert covering is not None
    assert covering[0] == again != first
    Run.objects.filter(request=again).update(finished_at=timezone.now() - timedelta(hours=73))
    assert approvals.live(plan) is None


def test_a_standing_rollback_is_void_once_something_else_was_applied(
    two_files: Project, alice: Actor, bob: Actor
) -> None:
    apply_approved(two_files, alice, bob)
    two_files.write(_003_more="CREATE TABLE more (id int);", _003_rollback="DROP TABLE more;")
    apply_approved(two_files, alice, bob)
    with pytest.raises(ApprovalNeeded):
        roll_back(two_files, alice)


def test_a_standing_rollback_ends_with_its_time(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = apply_approved(two_files, alice, bob)
    Run.objects.filter(request=request).update(finished_at=timezone.now() - timedelta(hours=73))
    with pytest.raises(ApprovalNeeded):
        roll_back(two_files, alice)


# Audit


def test_every_deed_leaves_its_event_in_order(two_files: Project, alice: Actor, bob: Actor) -> None:
    apply_approved(two_files, alice, bob)
    events = AuditEvent.objects.order_by("id").values_list("kind", "actor", "source_ip")
    assert list(events) == [
        (Event.REQUEST_OPENED, "alice", "192.0.2.7"),
        (Event.REQUEST_APPROVED, "bob", "192.0.2.7"),
        (Event.RUN_QUEUED, "alice", "192.0.2.7"),
        (Event.RUN_STARTED, "signalbox", None),
        (Event.RUN_SUCCEEDED, "signalbox", None),
        (Event.REQUEST_DONE, "signalbox", None),
    ]


def test_a_refused_deed_leaves_no_event(two_files: Project, alice: Actor) -> None:
    request = open_request(two_files, alice)
    with pytest.raises(PermissionRefused):
        approve(request, alice)
    assert AuditEvent.objects.count() == 1


def test_roles_include_those_before_them(make_user) -> None:
    users = {role: make_user(f"person-{role}", role.value) for role in Role}
    assert {role: role_of(user) for role, user in users.items()} == {r: r for r in Role}
