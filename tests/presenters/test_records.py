"""Rows that the log contradicts: how they look, and what each says once it is restored."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.migration import LoggedSuccess, checksum
from dashboard.engine.status import State
from dashboard.presenters import records as presenter
from dashboard.presenters import statuses
from dashboard.presenters.records import RecordView
from dashboard.services.records import Contradiction
from tests.presenters import values

AS_IT_RAN = values.migration().up.checksum


def view(state: State = State.UNRECORDED, **logged: Any) -> RecordView:
    entry = LoggedSuccess(
        **{"version": "001", "name": "users", "at": values.MOMENT, "by": "alice", "checksum": AS_IT_RAN, **logged}
    )
    return presenter.view(Contradiction(status=values.status(state=state), logged=entry), "default")


@pytest.mark.parametrize("state", [State.UNRECORDED, State.FAILED, State.ALTERED])
def test_it_looks_as_the_migration_does_everywhere(state: State):
    made = view(state)
    assert made.pill == statuses.MIGRATION[state]
    values.assert_sound(made)


def test_it_names_the_migration_and_leads_to_it():
    made = view()
    assert made.label == "001_users"
    assert values.page_of(made.url) == ("migration", {"version": "001", "name": "users"})


def test_what_the_row_will_say_comes_first_and_then_which_text():
    assert len(view().then) == 2
    assert "2026-03-05 14:30 UTC" in view().then[0]
    assert values.says(view().then[0], "alice")


@pytest.mark.parametrize(
    ("logged", "missing"), [({"at": None}, "UTC"), ({"by": ""}, " by ")], ids=["no moment", "nobody"]
)
def test_what_the_log_does_not_know_is_left_out(logged: dict[str, Any], missing: str):
    assert missing in view().then[0]
    assert missing not in view(**logged).then[0]


def test_each_of_the_three_texts_reads_differently():
    """The very text that ran, another one, and one that an older Signalbox did not record."""
    last = [view(checksum=text).then[-1] for text in (AS_IT_RAN, checksum("SELECT 2;"), "")]
    assert len(set(last)) == 3
