"""The policy of an environment, and what a request still lacks of it, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from config import calendars
from config.calendars import Calendar
from config.roles import Role
from dashboard.engine.plan import OutOfOrder
from dashboard.presenters import policy
from dashboard.services.quorum import Quorum
from tests.presenters import values


def standing(*approvers: str, needed: int = 1, **changes: Any) -> Quorum:
    known: dict[str, Any] = {"lapsed": (), "because_of_loss": False, "role": Role.APPROVER, "named": (), **changes}
    return Quorum(needed=needed, approvers=approvers, **known)


@pytest.mark.parametrize(
    ("quorum", "sentence"),
    [
        (standing(), "0 of 1 approval; still needed: one of the role approver."),
        (standing("bob"), "1 of 1 approval: bob."),
        (standing("bob", needed=2), "1 of 2 approvals: bob; still needed: one more of the role approver."),
        (standing(needed=2, named=("bob", "dora")), "0 of 2 approvals; still needed: two of bob, dora."),
        (
            standing("bob", needed=3, role=Role.ADMIN),
            "1 of 3 approvals: bob; still needed: two more of the role admin.",
        ),
    ],
)
def test_it_counts_who_has_approved_and_says_who_still_has_to(quorum: Quorum, sentence: str):
    assert policy.approvals(quorum) == sentence


def test_it_says_why_more_are_needed_and_whose_approval_does_not_count():
    remarks = list(policy.remarks(standing("bob", needed=2, because_of_loss=True, lapsed=("dora",))))
    assert len(remarks) == 2
    assert remarks[0].startswith("Two are needed because it destroys something")
    assert remarks[1].startswith("dora approved it")
    assert list(policy.remarks(standing("bob"))) == []


def facts(**changes: Any) -> dict[str, str]:
    return dict(policy.facts(values.environment("production", **{"protected": True, **changes})))


def test_one_second_person_is_what_most_environments_ask_for():
    assert facts() == {
        "To run": "A request, approved by a second person with the role approver",
        "Break-glass": "Switched off",
    }


def test_a_free_environment_asks_nobody():
    assert list(facts(protected=False)) == ["To run"]


def test_everything_that_the_file_says_is_said():
    said = facts(
        approvals=2,
        approvals_with_loss=3,
        approvers=("bob", "carol", "dora"),
        after="staging",
        calendar=Calendar(
            zone="Europe/Berlin",
            windows=(calendars.window("Mon-Thu 09:00-17:00"), calendars.window("Sat 22:00-02:00")),
            freezes=(calendars.freeze(date(2026, 12, 20), date(2027, 1, 3), "Christmas"),),
        ),
        break_glass=True,
        break_glass_minutes=1,
    )
    assert "two of bob, carol, dora" in said["To run"]
    assert said["If it may lose data"] == "3 approvals"
    assert said["May begin"] == "Mon-Thu 09:00-17:00; Sat 22:00-02:00 (Europe/Berlin)"
    assert said["Freezes"] == "2026-12-20 to 2027-01-03 (Christmas) (Europe/Berlin)"
    assert said["Only after"].startswith("Staging")
    assert said["Break-glass"] == "One person with the role admin, for 1 minute; someone else reviews it"


def test_an_environment_that_is_always_open_says_nothing_of_the_clock():
    assert list(policy.when(values.PRODUCTION)) == []


def test_what_says_when_a_run_may_begin_stands_in_the_order_in_which_it_is_asked():
    calendar = Calendar(
        zone="Europe/Berlin",
        windows=(calendars.window("Mon-Thu 09:00-17:00"),),
        freezes=(calendars.freeze(date(2026, 12, 20), date(2027, 1, 3), "Christmas"),),
    )
    said = dict(policy.when(values.environment("production", protected=True, after="staging", calendar=calendar)))
    assert list(said) == ["May begin", "Freezes", "Only after"]
    assert all("Europe/Berlin" in said[name] for name in ("May begin", "Freezes"))
    assert "Staging" in said["Only after"]


@pytest.mark.parametrize("order", OutOfOrder)
def test_what_becomes_of_what_comes_late_is_said_where_it_is_not_as_usual(order: OutOfOrder):
    said = dict(policy.facts(replace(values.STAGING, out_of_order=order))).get("A migration that comes late", "")
    assert said == policy.LATE.get(order, "")
    assert bool(said) is not (order is OutOfOrder.ASK)
