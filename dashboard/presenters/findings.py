"""What lint and the folder's reader say of a script, as notes in the margin of its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.engine import lint
from dashboard.engine.lint import Finding
from dashboard.engine.migration import Folder, MigrationId, Problem, Severity
from dashboard.presenters.pills import Pill
from dashboard.selectors import findings as selector
from dashboard.selectors.findings import Findings

#: How many errors and warnings each migration has, in pills.
type Tallies = Mapping[MigrationId, tuple[Pill, ...]]
NO_TALLIES: Tallies = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Under its line, or above the text where `line` is None. `allowed` is the reason the file gives."""

    severity: str
    sentence: str
    advice: str
    line: int | None
    rule: str = ""
    allowed: str = ""


def notes(findings: Iterable[Finding], problems: Iterable[Problem] = ()) -> tuple[Note, ...]:
    """The findings, and what the reader found that lint does not say."""
    said = [_of_finding(finding) for finding in findings]
    return (*said, *(_of_problem(problem) for problem in problems if not lint.says(problem)))


def tallies(folder: Folder | None, findings: Findings) -> Tallies:
    """How many errors, then how many warnings, of each migration that has any."""
    if folder is None:
        return NO_TALLIES
    counted = ((m.identity, _tally(selector.of_migration(findings, m))) for m in folder.migrations)
    return {identity: pills for identity, pills in counted if pills}


def _tally(findings: Sequence[Finding]) -> tuple[Pill, ...]:
    open_ = [finding.severity for finding in findings if not finding.suppressed]
    return tuple(
        Pill(label=f"{count} {noun}{'' if count == 1 else 's'}", tone=tone, icon=icon)
        for severity, (noun, tone, icon) in _COUNTED.items()
        if (count := open_.count(severity))
    )


_COUNTED: Mapping[Severity, tuple[str, str, str]] = {
    Severity.ERROR: ("error", "danger", "fail"),
    Severity.WARNING: ("warning", "warn", "attention"),
}


def _of_finding(finding: Finding) -> Note:
    return Note(
        severity=finding.severity.value,
        sentence=finding.sentence,
        advice=finding.advice,
        line=finding.line,
        rule=finding.rule,
        allowed=finding.suppressed,
    )


def _of_problem(problem: Problem) -> Note:
    return Note(severity=problem.severity.value, sentence=problem.sentence, advice=problem.advice, line=problem.line)
