"""Rows of a history before and after a plan."""

from __future__ import annotations

from dashboard.engine import planner
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Record, RowChange
from dashboard.presenters import row_changes as presenter
from dashboard.presenters import rows
from tests.presenters import values


def test_a_row_that_is_not_there_is_said():
    (view,) = presenter.views(planner.row_changes(values.plan(action=Action.SKIP)), source="default")
    assert (view.label, view.before) == ("001_users", rows.NO_ROW)
    assert view.after.startswith("skipped, checksum ")
    assert values.page_of(view.url) == ("migration", {"version": "001", "name": "users"})
    values.assert_sound(view)


def test_whether_a_rollback_is_kept_is_said():
    record = Record("001", "users", "c" * 64, "applied")
    without, kept = (
        presenter.views(
            [RowChange(migration=MigrationId("001", "users"), before=None, after=record, captures_rollback=captures)],
            source="default",
        )[0].after
        for captures in (False, True)
    )
    assert "rollback" in kept
    assert "rollback" not in without


# What an import keeps with its rows

WHOLE, OWN = "Whether the file is as dbmate ran it is not known.", "It was applied on 2024-03-0{}. No more."


def imported(*notes: str) -> list[RowChange]:
    record = Record("001", "users", "c" * 64, "baseline")
    return [
        RowChange(migration=MigrationId(f"00{number}", "t"), before=None, after=record, note=note)
        for number, note in enumerate(notes, start=1)
    ]


def test_what_is_said_of_every_row_is_said_once():
    changes = imported(f"{OWN.format(1)} {WHOLE}", f"{OWN.format(2)} {WHOLE}")
    assert rows.common_notes(changes) == ("No more.", WHOLE)
    assert [view.note for view in presenter.views(changes, source="default")] == [
        "It was applied on 2024-03-01.",
        "It was applied on 2024-03-02.",
    ]


def test_what_is_said_of_some_rows_stays_with_them():
    changes = imported(WHOLE, f"{WHOLE} Inferred: a later version is there.", "")
    assert rows.common_notes(changes) == ()
    assert [view.note for view in presenter.views(changes, source="default")] == [change.note for change in changes]


def test_one_row_alone_keeps_its_note():
    (view,) = presenter.views(imported(WHOLE), source="default")
    assert (rows.common_notes(imported(WHOLE)), view.note) == ((), WHOLE)
