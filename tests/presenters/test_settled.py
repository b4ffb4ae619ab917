"""A run that ended badly, once later runs have settled what it left: said first, and nothing stale is offered."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action
from dashboard.models import Run, RunStep
from dashboard.models.roles import Role
from dashboard.presenters import runs, settled
from dashboard.selectors.settled import Settled
from tests.presenters import values

Step = RunStep.Status


def since(version: str, action: Action = Action.APPLY, run: int | None = 9, by: str = "") -> Settled:
    return Settled(migration=MigrationId(version, "x"), action=action, run=run, at=values.MOMENT, by=by)


def page(*states: str, since: tuple[Settled, ...] = (), **changes: Any) -> dict[str, Any]:
    run = values.run(Run.Status.FAILED, **changes)
    action = changes.get("action", Action.APPLY)
    steps = [
        values.run_step(state, position=n, version=f"{n + 1:03}", name="x", action=action)
        for n, state in enumerate(states)
    ]
    return runs.page(run, steps, values.actor(role=Role.ADMIN), worker_alive=True, settled_since=since)


def offers(made: dict[str, Any]) -> list[str]:
    return [values.page_of(button.url)[0] for button in made["error"].actions if button.show]


def test_it_names_the_run_that_settled_it_and_leads_there():
    (line,) = settled.lines([since("001")])
    values.assert_sound(line)
    assert values.page_of(line.url) == ("run", {"pk": 9})
    assert (line.who, line.did) == ("run 9", "applied 001_x")


def test_what_others_did_is_told_with_their_name_and_leads_to_no_run():
    (line,) = settled.lines([since("001", run=None, by="dba")])
    assert (line.who, line.url) == ("dba", "")


def test_one_run_has_one_line_and_two_have_two():
    assert len(settled.lines([since("001"), since("002")])) == 1
    assert len(settled.lines([since("001"), since("002", run=10)])) == 2


@pytest.mark.parametrize("action", Action)
def test_every_action_has_words_for_it(action: Action):
    (line,) = settled.lines([since("001", action)])
    assert line.did.endswith(" 001_x")


@pytest.mark.parametrize("state", [Step.FAILED, Step.PARTIAL, Step.CANCELLED, Step.UNKNOWN, Step.NOT_RUN])
def test_what_is_settled_is_no_alarm_and_offers_nothing_to_run(state: str):
    made = page(state, since=(since("001"),))
    assert made["error"].is_past
    assert made["error"].tone == "muted"
    assert offers(made) == ["environment"]


@pytest.mark.parametrize("action", [Action.APPLY, Action.SKIP])
def test_nothing_is_to_do_once_it_is_applied_or_skipped(action: Action):
    assert page(Step.FAILED, since=(since("001", action),))["error"].next_step.startswith("Nothing: ")


@pytest.mark.parametrize("action", [Action.RESET, Action.UNSKIP, Action.ROLLBACK])
def test_what_waits_to_run_again_is_named(action: Action):
    assert "001_x" in page(Step.PARTIAL, since=(since("001", action),))["error"].next_step


def test_a_rollback_that_was_done_later_leaves_nothing_to_do():
    made = page(Step.FAILED, since=(since("001", Action.ROLLBACK),), action=Action.ROLLBACK)
    assert "001" not in made["error"].next_step


def test_what_was_not_begun_may_still_wait():
    made = page(Step.FAILED, Step.NOT_RUN, since=(since("001"),))
    assert made["error"].is_past
    assert "002_x" in made["error"].next_step
    assert "001_x" not in made["error"].next_step


def test_a_later_run_of_what_was_not_begun_does_not_settle_the_failure():
    made = page(Step.FAILED, Step.NOT_RUN, since=(since("002"),))
    assert not made["error"].is_past
    assert offers(made) == ["apply", "environment", "skip"]


def test_a_failure_that_nobody_settled_is_an_alarm():
    made = page(Step.FAILED)
    assert made["settled"] == []
    assert not made["error"].is_past
    assert made["error"].tone == "danger"
