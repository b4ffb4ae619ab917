"""What a page of all migrations costs is in proportion to their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.engine.status import State
from dashboard.presenters import environment_history, environment_pending, matrix, plans, rehearsals
from dashboard.presenters.environments import card
from dashboard.selectors import board
from dashboard.selectors.environments import Standing
from tests.linear import assert_linear
from tests.presenters import values


def everywhere(count: int, state: State = State.APPLIED) -> list[Standing]:
    statuses = [values.status(f"{number:05}", state=state) for number in range(count)]
    return [values.standing(*statuses, where=where) for where in (values.STAGING, values.PRODUCTION)]


def test_the_matrix():
    def work(count: int) -> Callable[[], Any]:
        standings = everywhere(count)
        return lambda: matrix.matrix(standings, board.rows(standings, None))

    assert_linear(work)


def test_the_history_of_an_environment():
    def work(count: int) -> Callable[[], Any]:
        standing, _ = everywhere(count)
        return lambda: (card(standing), list(environment_history.rows(standing, {}, values.actor())))

    assert_linear(work)


def test_what_is_pending_in_an_environment():
    def work(count: int) -> Callable[[], Any]:
        standing, _ = everywhere(count, State.PENDING)
        planned = {status.identity for status in standing.statuses}
        return lambda: list(environment_pending.waiting(standing, planned, {}, values.actor()))

    assert_linear(work)


def test_files_that_share_one_number():
    def work(count: int) -> Callable[[], Any]:
        statuses = [values.status("007", f"n{number}", state=State.CONFLICT) for number in range(count)]
        standing = values.standing(*statuses)
        return lambda: list(environment_pending.waiting(standing, set(), {}, values.actor()))

    assert_linear(work)


def test_the_states_of_each_migration_one_by_one():
    def work(count: int) -> Callable[[], Any]:
        standing, _ = everywhere(count)
        return lambda: [standing.status_of(status.identity) for status in standing.statuses]

    assert_linear(work)


def test_a_plan():
    def work(count: int) -> Callable[[], Any]:
        steps = [values.step(f"{number:05}") for number in range(count)]
        return lambda: plans.view(values.detail(values.plan(*steps)), values.STAGING)

    assert_linear(work)


def test_a_rehearsal():
    def work(count: int) -> Callable[[], Any]:
        versions = [f"{number:05}" for number in range(count)]
        risks = [{"label": f"{version}_users", "level": "high", "sentences": ["It waits."]} for version in versions]
        plan = values.plan(*map(values.step, versions))
        rehearsal = values.rehearsal(result=values.report(*map(values.proof, versions)), plan=plan, risks=risks)
        return lambda: rehearsals.page(rehearsal, values.actor(), worker_alive=True)

    assert_linear(work)
