"""Every audit event is recorded somewhere, and every one has its words."""

from __future__ import annotations

import ast

from dashboard.presenters import audit as presenter
from dashboard.services.audit import Event
from tests.architecture.source import ROOT, trees

SENTENCES = ROOT / "templates" / "audit" / "events"


def test_every_event_has_a_label_a_tone_and_an_icon() -> None:
    missing = set(Event) - set(presenter.KINDS)
    assert not missing, f"Add to KINDS in dashboard/presenters/audit.py: {sorted(missing)}"


def test_every_event_has_a_sentence_and_every_sentence_an_event() -> None:
    sentences = {file.stem for file in SENTENCES.glob("*.html")}
    missing, left_over = set(Event) - sentences, sentences - set(Event)
    assert not missing, f"Write templates/audit/events/<event>.html for {sorted(missing)}: one sentence each."
    assert not left_over, f"Take out of templates/audit/events what no event is called any more: {sorted(left_over)}"


def test_every_event_is_recorded_somewhere() -> None:
    named = {
        node.attr
        for path, tree in trees("dashboard")
        if path != "dashboard/presenters/audit.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _is_event(node.value)
    }
    never = {event.name for event in Event} - named
    assert not never, f"Record {sorted(never)} beside the deed (services.audit.record), or take the event out."


def _is_event(node: ast.expr) -> bool:
    """`Event` or `audit.Event`."""
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) == "Event"
