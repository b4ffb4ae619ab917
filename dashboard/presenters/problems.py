"""The health of the folder: every file accounted for, every problem with what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity
from dashboard.models.sources import DEFAULT
from dashboard.presenters import links
from dashboard.presenters.pills import Pill

ROLES: dict[FileRole, tuple[str, str]] = {  # one and many
    FileRole.MIGRATION: ("migration", "migrations"),
    FileRole.ROLLBACK: ("rollback", "rollbacks"),
    FileRole.VERIFY: ("test, never applied", "tests, never applied"),
    FileRole.PROBLEM: ("other file", "other files"),
}
SEVERITIES: dict[Severity, tuple[str, str]] = {  # the heading and what it means
    Severity.ERROR: ("Errors", "Such a file is not run until it is mended."),
    Severity.WARNING: ("Warnings", "These run; know what they mean before you apply them."),
    Severity.NOTE: ("Notes", "Read and accounted for; nothing needs to be done."),
}
CLEAN = Pill(label="Nothing found", tone="ok", icon="ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedProblem:
    """A problem, and the line of its file where that can be shown."""

    problem: Problem
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    severity: str
    title: str
    meaning: str
    is_folded: bool
    places: tuple[LinkedProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    file: str
    role: str
    version: str
    name: str
    url: str
    pill: Pill


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemsPage:
    source: str  # the folder
    name: str  # of the source, where it is not the only one
    again_url: str
    total: int
    counts: tuple[str, ...]  # "9 migrations"
    groups: tuple[ProblemGroup, ...]
    files: tuple[FileLine, ...]


def page(folder: Folder, source: str = DEFAULT) -> ProblemsPage:
    """`source` is its name."""
    urls = _urls(folder, source)
    roles = Counter(entry.role for entry in folder.files)
    return ProblemsPage(
        source=folder.source,
        name=source if source != DEFAULT else "",
        again_url=links.problems(source),
        total=len(folder.files),
        counts=tuple(f"{roles[role]} {words[roles[role] != 1]}" for role, words in ROLES.items() if roles[role]),
        groups=tuple(_group(severity, folder, urls) for severity in SEVERITIES),
        files=tuple(_file(entry, folder, urls) for entry in folder.files),
    )


def _urls(folder: Folder, source: str) -> dict[str, tuple[str, str]]:
    """For each file that a migration's page shows: that page, and the prefix of its line anchors there."""
    urls = {}
    for migration in folder.migrations:
        url = links.migration(migration.identity, source)
        urls[migration.up.file] = (url, "L")
        if migration.down:
            urls[migration.down.file] = (url, "down-L")
    return urls


def _group(severity: Severity, folder: Folder, urls: dict[str, tuple[str, str]]) -> ProblemGroup:
    title, meaning = SEVERITIES[severity]
    places = tuple(LinkedProblem(problem=p, url=_line_url(p, urls)) for p in folder.problems if p.severity is severity)
    folded = severity is Severity.NOTE
    return ProblemGroup(severity=severity.value, title=title, meaning=meaning, is_folded=folded, places=places)


def _line_url(problem: Problem, urls: dict[str, tuple[str, str]]) -> str:
    if problem.file not in urls:
        return ""
    url, prefix = urls[problem.file]
    return f"{url}#{prefix}{problem.line}" if problem.line else url


def _file(entry: FileEntry, folder: Folder, urls: dict[str, tuple[str, str]]) -> FileLine:
    return FileLine(
        file=entry.file,
        role=ROLES[entry.role][0],
        version=entry.version or "",
        name=entry.name or "",
        url=urls[entry.file][0] if entry.file in urls else "",
        pill=_worst([p for p in folder.problems if p.file == entry.file]),
    )


def _worst(problems: Sequence[Problem]) -> Pill:
    counts = Counter(problem.severity for problem in problems)
    for severity, tone, icon in _TONES:
        if count := counts[severity]:
            return Pill(label=f"{count} {severity}{'' if count == 1 else 's'}", tone=tone, icon=icon)
    return CLEAN


_TONES = (
    (Severity.ERROR, "danger", "fail"),
    (Severity.WARNING, "warn", "attention"),
    (Severity.NOTE, "muted", "info"),
)
