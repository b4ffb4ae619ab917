"""No state without its words: a page that meets one would have nothing to show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from dashboard import admin
from dashboard.engine.database import doctor
from dashboard.engine.forecast.values import Fate
from dashboard.engine.migration import FileRole, Kind, Severity
from dashboard.engine.rehearsal.risk import RiskLevel
from dashboard.engine.schema.diff import Change
from dashboard.engine.status import State
from dashboard.models import ChangeRequest, DriftCheck, Rehearsal, Run, RunStatement, RunStep
from dashboard.models.roles import Role
from dashboard.presenters import (
    connections,
    drift,
    environment_history,
    evidence,
    forecasts,
    problems,
    rehearsals,
    requests,
    settling,
    statuses,
)
from dashboard.presenters.pills import Pill
from dashboard.selectors.requests import Tab
from dashboard.services.evidence import EvidenceStatus
from dashboard.services.unfinished import Trace
from tests.architecture.source import trees

TONES = {"ok", "info", "wait", "run", "warn", "danger", "muted"}
ROOT = Path(__file__).parents[2]
SPRITE = ROOT / "templates" / "_components" / "icon.html"
#: Tables of words, tested where it is tested that they are complete.
TABLES_OF_WORDS = {
    "presenters/actions.py": "architecture/test_actions.py",
    "presenters/requirements.py": "architecture/test_requirements.py",
}

TABLES = [
    pytest.param(State, statuses.MIGRATION, id="migration"),
    pytest.param(ChangeRequest.Status, statuses.REQUEST, id="request"),
    pytest.param(Run.Status, statuses.RUN, id="run"),
    pytest.param(RunStep.Status, statuses.STEP, id="step"),
    pytest.param(Rehearsal.Status, statuses.REHEARSAL, id="rehearsal"),
    pytest.param([level for level in RiskLevel if level is not RiskLevel.NONE], rehearsals.RISKS, id="risk"),
    pytest.param(DriftCheck.Outcome, statuses.SCHEMA, id="schema"),
    pytest.param(Severity, statuses.SEVERITY, id="severity"),
    pytest.param(Change, drift.CHANGES, id="drift"),
    pytest.param(Change, rehearsals.AFTER_ROLLBACK, id="after a rollback"),
    pytest.param(Change, rehearsals.AFTER_AGAIN, id="the second time"),
    pytest.param(
        [level for level in doctor.CheckLevel if level is not doctor.CheckLevel.FINE], connections.LEVELS, id="doctor"
    ),
    pytest.param(Trace, settling.TRACES, id="trace"),
    pytest.param(RunStatement.Status, statuses.STATEMENT, id="statement"),
]
#: Words without a tone.
WORDS = [
    pytest.param(Kind, environment_history.KINDS, id="recorded"),
    pytest.param(Fate, forecasts.BECOMES, id="fate"),
    pytest.param(FileRole, problems.ROLES, id="file"),
    pytest.param(Severity, problems.SEVERITIES, id="severity"),
    pytest.param(Tab, requests.TAB_LABELS, id="tab"),
    pytest.param(Tab, requests.EMPTY, id="empty tab"),
    pytest.param(EvidenceStatus, evidence.VERDICTS, id="verdict"),
    pytest.param(Role, admin.MEANINGS, id="role"),
]


@pytest.mark.parametrize("layer", ["presenters", "forms"])
def test_each_presenter_and_form_has_its_test_module(layer: str):
    modules = [file for file in (ROOT / "dashboard" / layer).glob("*.py") if file.name != "__init__.py"]
    tests = {
        file.name: TABLES_OF_WORDS.get(f"{layer}/{file.name}", f"{layer}/test_{file.name}") for file in sorted(modules)
    }
    missing = [test for test in tests.values() if not (ROOT / "tests" / test).exists()]
    assert not missing, f"write tests/{missing}: tone, icon, order, buttons; or which fields are asked for and refused"


def test_each_form_adds_the_fields_it_asks_for_and_takes_none_back():
    taken_back = [
        f"{path}:{node.lineno}"
        for path, tree in trees("dashboard/forms")
        for node in ast.walk(tree)
        if isinstance(node, ast.Delete) and "fields" in ast.unparse(node)
    ]
    assert not taken_back, "add the field where it is wanted, instead of declaring and deleting it"


def test_the_name_of_an_environment_is_asked_for_by_one_mixin():
    makers = [path for path, tree in trees("dashboard/forms") if "def clean_typed_name" in ast.unparse(tree)]
    assert makers == ["dashboard/forms/plans.py"], "let the form be a NameTyped and call ask_for_name"


@pytest.mark.parametrize(("members", "words"), WORDS)
def test_every_member_has_words(members: Iterable[str], words: Mapping[str, object]):
    assert set(words) == set(members)


@pytest.mark.parametrize(("states", "pills"), TABLES)
def test_every_state_has_words_a_tone_and_an_icon(states: Iterable[str], pills: Mapping[str, Pill]):
    forgotten = set(states) - set(pills)
    assert not forgotten, f"add to the presenter: {sorted(forgotten)}"
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
