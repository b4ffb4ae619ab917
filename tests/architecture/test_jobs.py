"""Jobs are deferred by name: a name that no worker knows would wait for ever."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import procrastinate.contrib.django
import pytest

from dashboard import tasks
from dashboard.services.queue import Job
from tests.architecture.source import called, calls

NAMES = {constant: value for constant, value in vars(Job).items() if constant.isupper()}


def _registered() -> dict[str, object]:
    registered = procrastinate.contrib.django.app.tasks
    return {name: task for name, task in registered.items() if task.func.__module__ == tasks.__name__}


def _periodic() -> set[str]:
    return {name for name, _ in procrastinate.contrib.django.app.periodic_registry.periodic_tasks}


def test_every_job_has_a_task_and_every_task_someone_who_asks_for_it() -> None:
    by_name = set(_registered()) - _periodic()
    unknown, unasked = set(NAMES.values()) - by_name, by_name - set(NAMES.values())
    assert not unknown, f"Register a task in dashboard/tasks.py for {sorted(unknown)}, named by the constant of Job."
    assert not unasked, f"Add {sorted(unasked)} to Job in dashboard/services/queue.py, or make the task periodic."


def test_every_job_is_deferred_in_the_queue() -> None:
    never = set(NAMES) - {constant for _, constant, _ in _deferred()}
    assert not never, f"Add a function to dashboard/services/queue.py that defers Job.{sorted(never)}"


def test_nobody_defers_a_job_past_the_queue() -> None:
    past = [
        place
        for place, call in calls("dashboard")
        if called(call) == "configure_task" and not place.startswith("dashboard/services/queue.py")
    ]
    assert not past, f"Defer through dashboard/services/queue.py, which takes a duplicate for an answer: {past}"


@pytest.mark.parametrize("constant", sorted(NAMES))
def test_what_is_deferred_fits_the_task(constant: str) -> None:
    (task,) = [task for name, task in _registered().items() if name == NAMES[constant]]
    parameters = inspect.signature(task.func).parameters  # type: ignore[attr-defined]
    wanted = {name for name in parameters if name != "context"}
    for place, deferred, arguments in _deferred():
        if deferred == constant:
            assert arguments == wanted, f"{place} defers {sorted(arguments)}; the task takes {sorted(wanted)}"


def _deferred() -> Iterator[tuple[str, str, set[str]]]:
    """Where a job is deferred, the constant of its name, and the arguments it gets."""
    for place, call in calls("dashboard/services"):
        if called(call) == "_defer" and isinstance(call.args[0], ast.Attribute):
            yield place, call.args[0].attr, {keyword.arg or "" for keyword in call.keywords}
