"""What happened to a request, oldest first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dashboard.models import ChangeRequest, Comment, Decision, Run
from dashboard.models.roles import Role
from dashboard.presenters import request_detail, request_timeline, statuses
from dashboard.presenters.request_timeline import Happening
from tests.presenters import values

Status = ChangeRequest.Status


def later(minutes: int) -> Any:
    return values.MOMENT + timedelta(minutes=minutes)


def timeline(request: ChangeRequest) -> list[Happening]:
    return request_timeline.timeline(values.request_state(request))


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


def test_what_was_reviewed_is_told_in_the_timeline_and_alarms_nobody():
    signed = values.opening(reviewed_by=values.user("bob"), reviewed_at=later(5), review="It was right")
    state = values.request_state(values.request(), openings=(signed,))
    assert request_detail.actions(state, values.actor("bob", Role.APPROVER)).unreviewed == ()
    assert [each.comment for each in request_timeline.timeline(state)][-2:] == ["Urgent", "It was right"]


def test_a_comment_is_cut_at_the_names_it_mentions():
    text = "@bob: ask @nobody, or a@bob"
    comment = Comment(text=text, mentions=["bob"], by=values.user("alice"), at=later(1))
    happening = request_timeline.timeline(values.request_state(values.request(), comments=(comment,)))[-1]
    assert [(part.text, part.is_mention) for part in happening.parts if part.text] == [
        ("@bob", True),
        (": ask @nobody, or a@bob", False),
    ]
    assert happening.mentioned == ("bob",)
