"""Audit events as the page tells them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from dashboard.models import AuditEvent
from dashboard.presenters import audit
from dashboard.presenters.audit import EventView
from dashboard.selectors.audit import Titles
from dashboard.services.actors import SIGNALBOX
from dashboard.services.audit import Event


def shown(event: Event, *, actor: str = "bob", **data: Any) -> EventView:
    row = AuditEvent(pk=1, at=timezone.now(), kind=event.value, actor=actor, data=data)
    return audit.views([row], Titles(requests={}, runs={}))[0]


def test_what_was_accepted_unproven_is_called_as_among_the_evidence() -> None:
    verdicts = {"rehearsal": "satisfied", "reversible": "answered", "lint": "not_required"}
    assert shown(Event.REQUEST_APPROVED, verdicts=verdicts).unproven == ("Way back",)


def test_a_requirement_that_is_gone_keeps_its_own_name() -> None:
    assert shown(Event.REQUEST_APPROVED, verdicts={"two_people": "answered"}).unproven == ("two_people",)


@pytest.mark.parametrize(("actor", "by_person"), [("bob", True), (SIGNALBOX.name, False)])
def test_it_is_known_whether_a_person_did_it(actor: str, by_person: bool) -> None:
    assert shown(Event.RUN_CANCELLED, actor=actor).by_person is by_person
