"""No requirement without its words, and none that the settings do not explain."""

from __future__ import annotations

from dataclasses import fields

import pytest

from config.environments import PROTECTED_REQUIRES, Requirement
from dashboard.presenters import requirements
from dashboard.presenters.requirements import RequirementWords
from tests.architecture import enums

WORDS = [field.name for field in fields(RequirementWords)]


def test_every_requirement_has_its_row() -> None:
    assert set(requirements.WORDS) == set(Requirement), "add it to presenters/requirements.py"


@pytest.mark.parametrize("requirement", Requirement)
@pytest.mark.parametrize("word", WORDS)
def test_every_requirement_has_every_word(requirement: Requirement, word: str) -> None:
    assert getattr(requirements.WORDS[requirement], word)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_used(word: str) -> None:
    assert any(enums.says(path, word) for path in enums.PRESENTERS.glob("*.py")), f"nobody says {word}"


@pytest.mark.parametrize("requirement", Requirement)
def test_every_requirement_is_weighed(requirement: Requirement) -> None:
    weighed = (enums.ROOT / "dashboard" / "services" / "evidence.py").read_text(encoding="utf-8")
    assert f"requirement=Requirement.{requirement.name}" in weighed, "services/evidence.py never answers it"


@pytest.mark.parametrize("requirement", Requirement)
def test_the_settings_explain_it(requirement: Requirement) -> None:
    explained = (enums.ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8")
    assert f"| `{requirement.value}` |" in explained


def test_the_settings_name_what_a_protected_environment_asks_for() -> None:
    explained = (enums.ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8")
    asked = ", ".join(f'"{requirement.value}"' for requirement in PROTECTED_REQUIRES)
    assert f"| `require` | `[{asked}]` if protected |" in explained
