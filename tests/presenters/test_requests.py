"""Requests as people decide on them: who may do what, and why not; what happened, oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.environments import Requirement
from dashboard.engine.plan import Action
from dashboard.models import BreakGlass, ChangeRequest, Comment, Decision, Run
from dashboard.models.roles import Role
from dashboard.presenters import requests as presenter
from dashboard.presenters import statuses
from dashboard.presenters.requests import Actions, Happening
from dashboard.selectors.requests import Tab
from dashboard.services.errors import BreakGlassRefused, DatabaseNotConfirmed, EnvironmentOccupied, NotNow
from dashboard.services.evidence import Evidence, EvidenceStatus, Item
from tests.presenters import values

Status = ChangeRequest.Status
SKIP = {"action": Action.SKIP.value, "plan": values.plan(values.step(action=Action.SKIP), where=values.PRODUCTION)}


def actions(
    status: str = Status.OPEN,
    *,
    by: str = "bob",
    role: Role | None = Role.APPROVER,
    known: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Actions:
    """`known` is what the service has found out of the request."""
    state = values.request_state(values.request(status, **{**SKIP, **changes}), **(known or {}))
    return presenter.actions(state, values.actor(by, role))


def open_buttons(made: Actions) -> set[str]:
    """Those that can be pressed."""
    every = {"approve": made.approve, "reject": made.reject, "withdraw": made.withdraw, "run": made.run}
    return {name for name, button in every.items() if button.show and not button.disabled}


# Rows and tabs


@pytest.mark.parametrize("status", Status)
def test_a_row_looks_like_its_state(status: str):
    row = presenter.row(values.request(status))
    assert row.pill == statuses.REQUEST[status]
    assert values.page_of(row.url) == ("request", {"pk": 3})
    assert (row.place.slug, row.by, row.reason) == ("production", "alice", "Needed.")
    values.assert_sound(row)


def test_an_end_is_told_of_what_is_not_closed():
    open_, closed = values.request(), values.request(Status.DONE, closed_at=values.MOMENT)
    assert presenter.row(open_).expires_at == open_.expires_at
    assert presenter.row(closed).expires_at is None


@pytest.mark.parametrize("current", Tab)
def test_the_tabs_stand_in_one_order_and_one_of_them_is_open(current: Tab):
    made = presenter.tabs(current, {Tab.NEEDS_ME: 2, Tab.OPEN: 5})
    assert [tab.url for tab in made] == ["?tab=me", "?tab=open", "?tab=done"]
    assert [tab.count for tab in made] == [2, 5, 0]
    assert [tab.current for tab in made] == [tab is current for tab in Tab]
    assert all(tab.label for tab in made)


def test_every_tab_says_something_where_it_is_empty():
    assert set(presenter.EMPTY) == set(Tab)
    assert all(title and sentence for title, sentence in presenter.EMPTY.values())


def test_every_action_says_what_approving_it_does_besides():
    said = {presenter.then(values.request(plan=values.plan(values.step(action=action)))) for action in Action}
    assert len(said) == len(Action)
    assert all(said)


def test_what_goes_on_after_it_broke_off_says_so():
    onward = values.plan(values.step(first_statement=2))
    assert presenter.then(values.request(plan=onward)) != presenter.then(values.request())


def test_a_request_outlives_its_environment_and_stays_protected():
    place = presenter.row(values.request(environment="gone")).place
    assert (place.slug, place.url) == ("gone", "")
    assert values.request_state(values.request(environment="gone")).environment.protected


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


# What approving covers


@pytest.mark.parametrize("status", Status)
def test_the_rollback_is_promised_while_the_approval_can_still_be_used(status: str):
    said = presenter.promise(values.request(status, rollback_digest="d"))
    assert bool(said) is (status in {Status.OPEN, Status.APPROVED, Status.DONE})
    assert not said or "3 days" in said


def test_without_a_rollback_none_is_promised():
    assert presenter.promise(values.request()) == ""


def test_break_glass_covers_no_rollback():
    run = values.run(break_glass=opening())
    assert presenter.promise(values.request(Status.DONE, rollback_digest="d", runs=[run])) == ""


# What happened


def later(minutes: int) -> Any:
    return values.MOMENT + timedelta(minutes=minutes)


def timeline(request: ChangeRequest) -> list[Happening]:
    return presenter.timeline(values.request_state(request))


def looks(request: ChangeRequest) -> list[tuple[str, str]]:
    made = timeline(request)
    values.assert_sound(*made)
    return [(each.tone, each.icon) for each in made]


def test_it_begins_with_who_asked():
    (opened,) = timeline(values.request())
    assert (opened.who, opened.at, opened.tone, opened.icon) == ("alice", values.MOMENT, "info", "request")


def test_it_goes_on_oldest_first_whatever_comes_in_first():
    run = values.run(Run.Status.FAILED, queued_at=later(2), finished_at=later(3))
    request = values.request(Status.DONE, closed_at=later(3), runs=[run], decisions=[values.decision(at=later(1))])
    assert looks(request) == [("info", "request"), ("ok", "ok"), ("run", "run"), ("danger", "fail")]


def test_a_rejection_is_told_once_with_its_reason():
    rejected = values.decision(Decision.Verdict.REJECTED, at=later(1), reason="Too late.")
    request = values.request(Status.REJECTED, closed_at=later(1), decisions=[rejected])
    assert looks(request) == [("info", "request"), ("danger", "fail")]
    last = timeline(request)[-1]
    assert (last.who, last.comment) == ("bob", "Too late.")


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.WITHDRAWN, Status.SUPERSEDED])
def test_any_other_end_is_told_with_why(status: str):
    request = values.request(status, closed_at=later(1), closed_because="A file changed.")
    assert looks(request)[-1] == values.looks(statuses.REQUEST[status])
    assert timeline(request)[-1].comment == "A file changed."


def test_a_run_that_goes_on_has_a_beginning_and_no_end():
    request = values.request(Status.APPROVED, runs=[values.run(Run.Status.RUNNING, pk=9, queued_at=later(1))])
    assert looks(request) == [("info", "request"), ("run", "run")]
    assert values.says(timeline(request)[-1].sentence, "run 9")


# What the policy asks for, and its exceptions


CLOSED = NotNow(environment="Production", reason="there is a freeze", remedy="It may run later.")
NO_GLASS = BreakGlassRefused(environment="Production", reason="it is switched off there", remedy="See the policy.")


def opening(**changes: Any) -> BreakGlass:
    known = {"pk": 5, "request_id": 3, "digest": "d", "reason": "Urgent", "lifted": ["0 of 1 approvals"]}
    people = {"by": values.user("carol", Role.ADMIN), "at": values.MOMENT, "expires_at": values.ahead(minutes=9)}
    return BreakGlass(**{**known, **people, **changes})


def test_a_closed_window_leaves_nothing_to_run_now():
    made = actions(Status.APPROVED, known={"closed": CLOSED})
    assert made.run.disabled
    assert "freeze" in made.run.reason
    assert not made.schedule.disabled, "it may be open by then"


def test_approving_runs_at_once_only_where_it_is_the_last_approval_and_the_window_is_open():
    two = values.request_state(values.request(**SKIP)).standing
    assert actions().completes
    assert not actions(known={"standing": replace(two, needed=2)}).completes
    assert not actions(known={"closed": CLOSED}).completes


@pytest.mark.parametrize(
    ("role", "known", "shown"),
    [
        pytest.param(Role.ADMIN, {}, True, id="whom the policy names"),
        pytest.param(Role.APPROVER, {}, False, id="anyone else"),
        pytest.param(Role.ADMIN, {"no_glass": NO_GLASS}, False, id="switched off"),
        pytest.param(Role.ADMIN, {"open_glass": opening()}, False, id="open already"),
    ],
)
def test_who_is_offered_to_break_the_glass(role: Role, known: dict[str, Any], shown: bool):
    assert actions(role=role, known=known).break_glass.show is shown


def test_it_is_not_offered_where_nothing_is_in_the_way():
    approved = values.request_state(values.request(Status.APPROVED, **SKIP)).standing
    known = {"standing": replace(approved, approvers=("bob",))}
    assert not actions(Status.APPROVED, role=Role.ADMIN, known=known).break_glass.show
    assert actions(Status.APPROVED, role=Role.ADMIN, known={**known, "closed": CLOSED}).break_glass.show


def test_only_who_opened_it_can_run_it():
    assert "run" in open_buttons(actions(by="carol", role=Role.ADMIN, known={"open_glass": opening()}))
    made = actions(by="bob", role=Role.ADMIN, known={"open_glass": opening()})
    assert "run" not in open_buttons(made)
    assert "carol" in made.open_glass


@pytest.mark.parametrize(("by", "may"), [("bob", True), ("carol", False)], ids=["another", "who opened it"])
def test_a_review_is_for_somebody_else(by: str, may: bool):
    (waiting,) = actions(by=by, known={"openings": (opening(),)}).unreviewed
    assert waiting.review.disabled is not may
    assert "carol" in waiting.sentence


def test_what_was_reviewed_is_told_in_the_timeline_and_alarms_nobody():
    signed = opening(reviewed_by=values.user("bob"), reviewed_at=later(5), review="It was right")
    state = values.request_state(values.request(), openings=(signed,))
    assert presenter.actions(state, values.actor("bob", Role.APPROVER)).unreviewed == ()
    assert [each.comment for each in presenter.timeline(state)][-2:] == ["Urgent", "It was right"]


def test_a_comment_is_cut_at_the_names_it_mentions():
    text = "@bob: ask @nobody, or a@bob"
    comment = Comment(text=text, mentions=["bob"], by=values.user("alice"), at=later(1))
    happening = presenter.timeline(values.request_state(values.request(), comments=(comment,)))[-1]
    assert [(part.text, part.is_mention) for part in happening.parts if part.text] == [
        ("@bob", True),
        (": ask @nobody, or a@bob", False),
    ]
    assert happening.mentioned == ("bob",)
