"""The history of an environment: how each row looks, and how far a rollback goes."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.migration import Kind, LoggedSuccess
from dashboard.engine.status import State
from dashboard.models.roles import Role
from dashboard.presenters import statuses
from tests.presenters import values
from tests.presenters.environment_pages import page, seen


def rolls_back(*rows: Any, role: Role = Role.REQUESTER, **changes: Any) -> list[tuple[str, bool, bool]]:
    """Of each row from the newest: whether it can be rolled back to before it, and whether that is disabled."""
    made = page(seen(values.folder(), *rows, **changes), values.folder(), role)
    return [(row.identity.version, row.roll_back.show, row.roll_back.disabled) for row in made.history]


def at(version: str, day: int, **changes: Any) -> Any:
    return values.applied(version, "x", applied_at=values.MOMENT.replace(day=day), **{"has_rollback": True, **changes})


def test_the_newest_row_comes_first_and_each_can_be_rolled_back():
    assert rolls_back(at("001", 1), at("002", 2)) == [("002", True, False), ("001", True, False)]


def test_the_first_without_a_script_ends_what_can_be_had():
    assert rolls_back(at("001", 1), at("002", 2, has_rollback=False), at("003", 3)) == [
        ("003", True, False),
        ("002", True, True),
        ("001", False, False),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"role": Role.VIEWER}, id="a viewer"),
        pytest.param({"past": {"unfinished": (values.unfinished("009", "y"),)}}, id="something broke off"),
    ],
)
def test_otherwise_nothing_can_be_rolled_back(changes: dict[str, Any]):
    assert [shown for _, shown, _ in rolls_back(at("001", 1), at("002", 2), **changes)] == [False, False]


def test_below_a_record_that_is_gone_nothing_is_offered():
    """The planner would refuse it: what was applied later stands on what came before."""
    gone = LoggedSuccess(version="002", name="y", at=values.MOMENT.replace(day=2))
    assert rolls_back(at("001", 1), at("003", 3), past={"contradicted": (gone,)}) == [
        ("003", True, False),
        ("001", True, True),
    ]


def test_a_skip_and_a_failed_attempt_cannot_be_rolled_back_and_end_nothing():
    rows = (at("001", 1), at("002", 2, kind=Kind.SKIPPED, has_rollback=False), at("003", 3, success=False))
    assert [shown for _, shown, _ in rolls_back(*rows)] == [False, False, True]


def test_a_run_of_ours_is_linked_and_another_is_only_named():
    ours, other = at("002", 2, run_id="9"), at("001", 1, run_id="elsewhere")
    made = page(seen(values.folder(), other, ours), values.folder(), runs={"9": values.run(pk=9)})
    assert [(row.run_id, bool(row.run_url)) for row in made.history] == [("9", True), ("elsewhere", False)]


@pytest.mark.parametrize(
    ("state", "icon"),
    [
        (State.APPLIED, "ok"),
        (State.ANNOTATED, "ok"),
        (State.MODIFIED, "attention"),
        (State.MISSING, "missing"),
        (State.NARROWED, "ok"),
        (State.SKIPPED, ""),
    ],
)
def test_the_checksum_says_how_the_file_compares(state: State, icon: str):
    (row,) = page(values.standing(values.status(state=state))).history
    assert row.checksum[0] == icon
    assert row.pill == statuses.MIGRATION[state]


@pytest.mark.parametrize("checksum", ["manual", ""])
def test_a_checksum_nobody_recorded_is_never_called_the_same(checksum: str):
    item = values.status(state=State.APPLIED, applied=values.applied(checksum=checksum))
    (row,) = page(values.standing(item)).history
    assert row.checksum[0] == "unknown"


def test_an_imported_row_is_compared_with_its_import_and_with_no_run():
    """Nobody knows whether the file is as the other tool ran it."""
    note = "Imported from dbmate, which applied it at an unknown time, says public.schema_migrations."
    changes = {"kind": Kind.BASELINE, "run_id": "1", "has_rollback": False}
    rows = (at("001", 1, error_message=note, **changes), at("002", 2, error_message="From a dump", **changes))
    files = values.folder(values.migration("001", "x"), values.migration("002", "x"))
    words = [row.checksum[1] for row in page(seen(files, *rows), files).history]
    assert words == ["same as the file", "unchanged since the import"]
