"""Files edited after they were applied: what stops every apply comes first."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.status import State
from dashboard.presenters import edits as presenter
from dashboard.presenters import statuses
from dashboard.presenters.edits import EditView
from dashboard.services.edits import Edit
from tests.presenters import values


def views(*edits: Edit) -> tuple[EditView, ...]:
    return presenter.views(edits, values.STAGING)


def view(edit: Edit) -> EditView:
    (made,) = views(edit)
    return made


@pytest.mark.parametrize(
    ("state", "tone", "comments_only"),
    [(State.MODIFIED, "danger", False), (State.ANNOTATED, "warn", True)],
    ids=["a real edit", "comments"],
)
def test_a_real_edit_alarms_and_one_of_comments_warns(state: State, tone: str, comments_only: bool):
    made = view(values.edit(state))
    assert (made.tone, made.comments_only, made.pill) == (tone, comments_only, statuses.MIGRATION[state])


def test_real_edits_come_first_and_both_keep_their_order():
    edits = [
        values.edit(State.ANNOTATED, version="001"),
        values.edit(State.MODIFIED, version="002"),
        values.edit(State.ANNOTATED, version="003"),
        values.edit(State.MODIFIED, version="004"),
    ]
    assert [made.label[:3] for made in views(*edits)] == ["002", "004", "001", "003"]


def test_it_names_the_migration_its_file_and_who_applied_it():
    made = view(values.edit())
    assert (made.label, made.file) == ("001_users", "001_users.sql")
    assert (made.at, made.by) == (values.MOMENT, "alice")
    assert values.page_of(made.url) == ("migration", {"version": "001", "name": "users"})


def test_what_ran_stands_against_what_the_file_says_now():
    kinds = [(line.kind, line.text) for line in view(values.edit(text="SELECT 0;")).lines]
    assert kinds == [("removed", "SELECT 0;"), ("added", "SELECT 1;")]


@pytest.mark.parametrize(
    ("text", "no_text", "download"),
    [
        pytest.param("SELECT 0;", False, True, id="kept"),
        pytest.param("", False, False, id="empty"),
        pytest.param(None, True, False, id="not kept"),
    ],
)
def test_a_text_that_was_kept_can_be_taken_away(text: str | None, no_text: bool, download: bool):
    made = view(values.edit(text=text))
    assert (made.no_text, bool(made.text_url)) == (no_text, download)


def test_the_download_asks_for_this_migration_as_text():
    made = view(values.edit())
    assert values.page_of(made.text_url) == ("edits", {"slug": "staging"})
    assert values.query_of(made.text_url) == "version=001&name=users&format=text"


def test_nothing_edited_is_nothing_shown():
    assert views() == ()


@pytest.mark.parametrize("state", [State.MODIFIED, State.ANNOTATED])
def test_it_is_sound(state: Any):
    values.assert_sound(view(values.edit(state, text=values.HOSTILE)))
