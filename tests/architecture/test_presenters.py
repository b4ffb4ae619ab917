"""No state without its words: a page that meets one would have nothing to show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from dashboard.engine.migration import Severity
from dashboard.engine.rehearsal.risk import Level
from dashboard.engine.status import State
from dashboard.models import DriftCheck, Rehearsal, Request, Run, RunStatement, RunStep
from dashboard.presenters import evidence, rehearsals, statuses
from dashboard.presenters.pills import Pill
from dashboard.services.evidence import Verdict

TONES = {"ok", "info", "wait", "run", "warn", "danger", "muted"}
SPRITE = Path(__file__).parents[2] / "templates" / "_components" / "icon.html"

TABLES = [
    pytest.param(State, statuses.MIGRATION, id="migration"),
    pytest.param(Request.Status, statuses.REQUEST, id="request"),
    pytest.param(Run.Status, statuses.RUN, id="run"),
    pytest.param(RunStep.Status, statuses.STEP, id="step"),
    pytest.param(Rehearsal.Status, statuses.REHEARSAL, id="rehearsal"),
    pytest.param([level for level in Level if level is not Level.NONE], rehearsals.RISKS, id="risk"),
    pytest.param(DriftCheck.Outcome, statuses.SCHEMA, id="schema"),
    pytest.param(Severity, statuses.SEVERITY, id="severity"),
    pytest.param(RunStatement.Status, statuses.STATEMENT, id="statement"),
]


@pytest.mark.parametrize(("states", "pills"), TABLES)
def test_every_state_has_words_a_tone_and_an_icon(states: Iterable[str], pills: Mapping[str, Pill]):
    forgotten = set(states) - set(pills)
    assert not forgotten, f"add to presenters/statuses.py: {sorted(forgotten)}"
    for pill in pills.values():
        assert pill.label
        assert pill.tone in TONES


@pytest.mark.parametrize(("states", "pills"), TABLES)
def test_every_icon_is_in_the_sprite(states: Iterable[str], pills: Mapping[str, Pill]):
    drawn = set(re.findall(r'id="i-([a-z-]+)"', SPRITE.read_text()))
    assert {pill.icon for pill in pills.values()} <= drawn


@pytest.mark.parametrize(("states", "pills"), TABLES)
def test_no_two_states_look_and_read_alike(states: Iterable[str], pills: Mapping[str, Pill]):
    labels = [pill.label for pill in pills.values()]
    assert len(labels) == len(set(labels))


def test_every_verdict_has_words():
    assert set(evidence.VERDICTS) == set(Verdict)
