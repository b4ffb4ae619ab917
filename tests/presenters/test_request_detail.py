"""Requests as people decide on them: who may do what, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from config.environments import Requirement
from dashboard.engine.errors import NotNow
from dashboard.engine.plan import Action
from dashboard.models import ChangeRequest, Run
from dashboard.models.roles import Role
from dashboard.presenters import request_detail
from dashboard.presenters.request_detail import Actions
from dashboard.services.errors import BreakGlassRefused, DatabaseNotConfirmed, EnvironmentOccupied
from dashboard.services.evidence import Evidence, EvidenceStatus, Item
from tests.presenters import values

Status = ChangeRequest.Status


def asked(action: Action) -> dict[str, Any]:
    return {"action": action.value, "plan": values.plan(values.step(action=action), where=values.PRODUCTION)}


#: It sends no SQL, and whoever starts runs may start it.
PLAIN = asked(Action.ACCEPT)


def actions(
    status: str = Status.OPEN,
    *,
    by: str = "bob",
    role: Role | None = Role.APPROVER,
    known: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Actions:
    """`known` is what the service has found out of the request."""
    state = values.request_state(values.request(status, **{**PLAIN, **changes}), **(known or {}))
    return request_detail.actions(state, values.actor(by, role))


def open_buttons(made: Actions) -> set[str]:
    """Those that can be pressed."""
    every = {"approve": made.approve, "reject": made.reject, "withdraw": made.withdraw, "run": made.run}
    return {name for name, button in every.items() if button.show and not button.disabled}


def test_every_action_says_what_approving_it_does_besides():
    said = {request_detail.then(values.request(plan=values.plan(values.step(action=action)))) for action in Action}
    assert len(said) == len(Action)
    assert all(said)


def test_what_goes_on_after_it_broke_off_says_so():
    onward = values.plan(values.step(first_statement=2))
    assert request_detail.then(values.request(plan=onward)) != request_detail.then(values.request())


# Who may


@pytest.mark.parametrize(
    ("by", "role", "expected"),
    [
        pytest.param("bob", Role.APPROVER, {"approve", "reject"}, id="an approver"),
        pytest.param("bob", Role.ADMIN, {"approve", "reject", "withdraw"}, id="an administrator"),
        pytest.param("bob", Role.REQUESTER, set(), id="another requester"),
        pytest.param("bob", Role.VIEWER, set(), id="a viewer"),
        pytest.param("alice", Role.REQUESTER, {"withdraw"}, id="who asked"),
        pytest.param("alice", Role.ADMIN, {"withdraw"}, id="who asked, an administrator"),
    ],
)
def test_who_may_do_what_with_an_open_request(by: str, role: Role, expected: set[str]):
    made = actions(by=by, role=role)
    assert open_buttons(made) == expected
    for button in (made.approve, made.reject):
        assert button.disabled is ("approve" not in expected)
    values.assert_sound(made)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.OPEN, {"approve", "reject", "withdraw"}),
        (Status.APPROVED, {"run", "withdraw"}),
        (Status.REJECTED, set()),
        (Status.EXPIRED, set()),
        (Status.WITHDRAWN, set()),
        (Status.SUPERSEDED, set()),
        (Status.DONE, set()),
    ],
)
def test_what_may_be_done_in_which_state(status: str, expected: set[str]):
    closed = None if status in {Status.OPEN, Status.APPROVED} else values.MOMENT
    assert open_buttons(actions(status, role=Role.ADMIN, closed_at=closed)) == expected


def test_each_button_leads_to_its_own_address_by_post():
    made = actions()
    buttons = (made.approve, made.reject, made.withdraw, made.run)
    names = [values.page_of(button.url) for button in buttons]
    assert names == [(f"request-{verb}", {"pk": 3}) for verb in ("approve", "reject", "withdraw", "run")]
    assert {button.method for button in buttons} == {"post"}


# Why not


MISSING = Evidence(items=(Item(requirement=Requirement.LINT, verdict=EvidenceStatus.MISSING, sentence="x"),) * 2)


def test_missing_proof_forbids_approving_and_not_rejecting():
    made = actions(known={"proof": MISSING})
    assert open_buttons(made) == {"reject"}
    assert "2" in made.approve.reason


@pytest.mark.parametrize("verdict", sorted(set(EvidenceStatus) - {EvidenceStatus.MISSING}))
def test_proof_that_is_not_missing_forbids_nothing(verdict: EvidenceStatus):
    proof = Evidence(items=(Item(requirement=Requirement.LINT, verdict=verdict, sentence="x"),))
    assert open_buttons(actions(known={"proof": proof})) == {"approve", "reject"}


@pytest.mark.parametrize("status", [Status.OPEN, Status.APPROVED])
def test_what_has_expired_can_only_be_withdrawn(status: str):
    made = actions(status, role=Role.ADMIN, expires_at=values.ago(seconds=1))
    assert open_buttons(made) == {"withdraw"}


def test_a_plan_that_no_longer_holds_can_be_rejected_and_not_run():
    known = {"objection": "its file was edited"}
    assert open_buttons(actions(known=known)) == {"reject"}
    assert open_buttons(actions(Status.APPROVED, known=known)) == set()
    assert actions(known=known).objection == "its file was edited"


def test_another_run_of_the_environment_forbids_running():
    occupied = EnvironmentOccupied(environment="Production", run=4711, status="running")
    made = actions(Status.APPROVED, known={"occupied": occupied})
    assert made.run.show
    assert values.says(made.run.reason, "4711")
    assert open_buttons(actions(known={"occupied": occupied})) == {"approve", "reject"}


@pytest.mark.parametrize(("status", "expected"), [(Status.OPEN, {"reject"}), (Status.APPROVED, set())])
def test_a_database_that_nobody_confirmed_forbids_approving_and_running(status: str, expected: set[str]):
    unbound = DatabaseNotConfirmed(environment="Production")
    made = actions(status, known={"unbound": unbound})
    assert open_buttons(made) == expected
    assert "Production" in (made.approve if made.approve.show else made.run).reason


def test_its_own_run_under_way_leaves_no_button_to_run_it():
    assert not actions(Status.APPROVED, runs=[values.run(Run.Status.RUNNING)]).run.show
    assert actions(Status.APPROVED, runs=[values.run(Run.Status.FAILED)]).run.show


def test_a_viewer_is_told_that_they_may_not_run_it():
    made = actions(Status.APPROVED, role=Role.VIEWER)
    assert made.run.disabled
    assert Role.REQUESTER.value in made.run.reason


def test_what_a_person_answers_for_is_started_by_administrators():
    known = asked(Action.BASELINE)
    for role in (Role.APPROVER, Role.ADMIN):
        made = actions(Status.APPROVED, role=role, **known)
        assert {made.run.disabled, made.schedule.disabled} == {role is not Role.ADMIN}
        assert actions(role=role, **known).completes is (role is Role.ADMIN), "else approving it does not run it, too"


# What approving covers


@pytest.mark.parametrize("status", Status)
def test_the_rollback_is_promised_while_the_approval_can_still_be_used(status: str):
    said = request_detail.promise(values.request(status, rollback_digest="d"))
    assert bool(said) is (status in {Status.OPEN, Status.APPROVED, Status.DONE})
    assert not said or "3 days" in said


def test_without_a_rollback_none_is_promised():
    assert request_detail.promise(values.request()) == ""


def test_break_glass_covers_no_rollback():
    run = values.run(break_glass=values.opening())
    assert request_detail.promise(values.request(Status.DONE, rollback_digest="d", runs=[run])) == ""


# What the policy asks for, and its exceptions


CLOSED = NotNow(environment="Production", reason="there is a freeze", remedy="It may run later.")
NO_GLASS = BreakGlassRefused(environment="Production", reason="it is switched off there", remedy="See the policy.")


def test_a_closed_window_leaves_nothing_to_run_now():
    made = actions(Status.APPROVED, known={"closed": CLOSED})
    assert made.run.disabled
    assert "freeze" in made.run.reason
    assert not made.schedule.disabled, "it may be open by then"


def test_approving_runs_at_once_only_where_it_is_the_last_approval_and_the_window_is_open():
    two = values.request_state(values.request(**PLAIN)).standing
    assert actions().completes
    assert not actions(known={"standing": replace(two, needed=2)}).completes
    assert not actions(known={"closed": CLOSED}).completes


@pytest.mark.parametrize(
    ("role", "known", "shown"),
    [
        pytest.param(Role.ADMIN, {}, True, id="whom the policy names"),
        pytest.param(Role.APPROVER, {}, False, id="anyone else"),
        pytest.param(Role.ADMIN, {"no_glass": NO_GLASS}, False, id="switched off"),
        pytest.param(Role.ADMIN, {"open_glass": values.opening()}, False, id="open already"),
    ],
)
def test_who_is_offered_to_break_the_glass(role: Role, known: dict[str, Any], shown: bool):
    assert actions(role=role, known=known).break_glass.show is shown


def test_it_is_not_offered_where_nothing_is_in_the_way():
    approved = values.request_state(values.request(Status.APPROVED, **PLAIN)).standing
    known = {"standing": replace(approved, approvers=("bob",))}
    assert not actions(Status.APPROVED, role=Role.ADMIN, known=known).break_glass.show
    assert actions(Status.APPROVED, role=Role.ADMIN, known={**known, "closed": CLOSED}).break_glass.show


def test_only_who_opened_it_can_run_it():
    assert "run" in open_buttons(actions(by="carol", role=Role.ADMIN, known={"open_glass": values.opening()}))
    made = actions(by="bob", role=Role.ADMIN, known={"open_glass": values.opening()})
    assert "run" not in open_buttons(made)
    assert "carol" in made.open_glass


@pytest.mark.parametrize(("by", "may"), [("bob", True), ("carol", False)], ids=["another", "who opened it"])
def test_a_review_is_for_somebody_else(by: str, may: bool):
    (waiting,) = actions(by=by, known={"openings": (values.opening(),)}).unreviewed
    assert waiting.review.disabled is not may
    assert "carol" in waiting.sentence


def test_whoever_broke_the_glass_is_named_with_the_request():
    said = request_detail.glass_sentence(values.opening())
    assert values.says(said, "carol")
    assert values.says(said, "request 3")
