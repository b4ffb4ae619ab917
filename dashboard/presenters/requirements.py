"""The words of each requirement: one row for each, and a test that none is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.environments import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementWords:
    label: str  # of its line among the evidence
    needed: str  # behind "An approval needs"; {span} is how long a rehearsal counts


WORDS: Mapping[str, RequirementWords] = {
    Requirement.REHEARSAL: RequirementWords(label="Rehearsal", needed="a rehearsal of the last {span}"),
    Requirement.LINT: RequirementWords(label="Lint", needed="no error of lint"),
    Requirement.REVERSIBLE: RequirementWords(
        label="Rollback", needed="a rollback that restores the schema, or a reason"
    ),
    Requirement.PREVIOUS: RequirementWords(
        label="Environment before", needed="the same applied in the environment before"
    ),
}
