"""Which migrations were ticked, however they are sent."""

from __future__ import annotations

from django.http import QueryDict

from dashboard.engine.migration import MigrationId
from dashboard.forms.repairs import BaselineForm, BoxesForm
from tests.presenters import values

TWO = (values.status("001", "users"), values.status("002", "a/b"))
IDENTITIES = [MigrationId("001", "users"), MigrationId("002", "a/b")]


def form(query: str) -> BoxesForm:
    return BoxesForm(QueryDict(query), environment=values.STAGING, candidates=TWO, why="Why?")


def test_boxes_and_the_field_of_the_preview_say_the_same():
    ticked = form("pick=001/users&pick=002/a/b&reason=x")
    assert ticked.is_valid()
    assert sorted(ticked.migrations) == IDENTITIES
    sent = QueryDict(mutable=True)
    sent.update(ticked.sent)
    again = form(sent.urlencode())
    assert again.is_valid()
    assert sorted(again.migrations) == IDENTITIES


def test_all_of_them_are_those_of_the_page():
    whole = form("everything=on&reason=x")
    assert whole.is_valid()
    assert whole.migrations == IDENTITIES


def test_without_any_or_without_a_reason_it_is_refused():
    assert not form("reason=x").is_valid()
    assert set(form("pick=001/users").errors) == {"reason"}


def test_a_baseline_takes_one_of_the_versions():
    for upto, is_valid in (("002", True), ("003", False), ("", False)):
        made = BaselineForm({"upto": upto, "reason": "x"}, environment=values.STAGING, candidates=TWO, why="Why?")
        assert made.is_valid() is is_valid
    assert list(made.fields) == ["upto", "reason"]


def test_what_was_ticked_is_known_before_anything_is_sent_and_after():
    assert BoxesForm(environment=values.STAGING, candidates=TWO, why="Why?").ticked == set()
    assert form("pick=001/users&picked=002/a/b%0A").ticked == {"001/users", "002/a/b"}


def test_what_names_no_migration_is_none():
    assert not form("pick=001&reason=x").is_valid()
    some = form("pick=001&pick=002/a/b&reason=x")
    assert some.is_valid()
    assert some.migrations == IDENTITIES[1:]


def test_the_question_is_that_of_its_action_and_all_says_how_many():
    made = form("")
    assert made.fields["reason"].label == "Why?"
    assert values.says(str(made.fields["everything"].label), "2")


def test_what_the_preview_sends_back_has_the_reason_too():
    made = form("everything=on&reason=By+hand")
    assert made.is_valid()
    assert made.sent == {"picked": "001/users\n002/a/b", "reason": "By hand"}
    assert made.chosen == {"migrations": IDENTITIES, "reason": "By hand"}
