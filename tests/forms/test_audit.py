"""The filters of the audit log: what is understood filters, what is not is told and filters nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dashboard.forms.audit import AuditQuery
from dashboard.services.audit import Event


def query(**sent: str) -> AuditQuery:
    return AuditQuery(sent, actors=["alice", "bob"])


def test_without_a_filter_nothing_is_filtered():
    form = query()
    assert not form.filtered
    assert not any(form.filters().values())


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        ({"actor": "bob"}, {"actor": "bob"}),
        ({"kind": Event.RUN_FAILED.value}, {"kind": "run.failed"}),
        ({"environment": "production"}, {"environment": "production"}),
        ({"since": "2026-03-05"}, {"since": date(2026, 3, 5)}),
        ({"until": "2026-03-05"}, {"until": date(2026, 3, 5)}),
    ],
    ids=["who", "what", "where", "from", "to"],
)
def test_what_is_understood_filters(sent: dict[str, str], understood: dict[str, Any]):
    form = query(**sent)
    assert form.filtered
    assert {name: value for name, value in form.filters().items() if value} == understood


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actor", "x" * 151),
        ("kind", "person.robbed"),
        ("environment", "moon"),
        ("since", "yesterday"),
        ("until", "2026-02-30"),
    ],
)
def test_what_nobody_knows_filters_nothing_and_is_told(name: str, value: str):
    form = query(**{name: value})
    assert not form.filters()[name]
    assert not form.filtered
    assert form.errors[name]


def test_what_is_understood_filters_beside_what_is_not():
    filters = query(actor="bob", kind="person.robbed").filters()
    assert (filters["actor"], filters["kind"]) == ("bob", None)


def test_every_event_can_be_chosen_and_so_can_none():
    choices = [value for value, _ in query().fields["kind"].choices]  # type: ignore[attr-defined]
    assert choices == ["", *(event.value for event in Event)]


def test_where_can_be_chosen_and_so_can_nowhere():
    offered = [value for value, _ in query().fields["environment"].choices]  # type: ignore[attr-defined]
    assert offered == ["", "staging", "production", "preview"]


def test_who_is_typed_and_some_names_are_offered():
    form = query(actor="who was here long ago")
    assert form.names == ["alice", "bob"]
    assert form.filters()["actor"] == "who was here long ago"
    assert 'list="names"' in str(form["actor"])


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ({}, []),
        ({"verify": "1"}, ["verify"]),
        ({"format": "csv"}, ["format"]),
        ({"format": "xlsx"}, []),
        ({"verify": "1", "kind": "person.robbed"}, []),
    ],
    ids=["nothing", "the chain", "a spreadsheet", "another format", "with a filter nobody knows"],
)
def test_what_is_asked_for_beside_the_list(sent: dict[str, str], wanted: list[str]):
    form = query(**sent)
    assert [name for name in ("verify", "format") if form.wants(name)] == wanted
