"""Where migration files come from: every source, and what one in a repository was fetched from and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import zip_longest

from django.urls import reverse

from dashboard.engine.files.catalogue import title_of
from dashboard.engine.git.values import Descent
from dashboard.engine.migration import Folder, Severity
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.models.sources import Source, SourceKind
from dashboard.presenters import links
from dashboard.presenters.badges import Badge, badge
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.pills import Pill
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.git import CommitFact, GitStanding, KeptCommit
from dashboard.services import permissions
from dashboard.services.actors import Actor

IN_FORCE = Pill(label="In force", tone="ok", icon="ok")
READ = Pill(label="Read", tone="ok", icon="ok")
WITH_ERRORS = Pill(label="Read, with errors", tone="warn", icon="attention")
STALE = Pill(label="Fetching fails", tone="warn", icon="unreachable")
NOT_READ = Pill(label="Not read yet", tone="warn", icon="missing")
GONE = Pill(label="Cannot be read", tone="danger", icon="fail")
UNDER_WAY = Pill(label="Being fetched", tone="run", icon="refresh")

#: What became of the commit before it.
KINDS = {
    SourceKind.FOLDER: "Folder",
    SourceKind.GIT: "Git repository",
    SourceKind.PUSHED: "Pushed by a CI",
}
_DESCENTS = {
    Descent.REPLACED: "The branch was rewritten: the commit before it is none of its ancestors (a force-push).",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One source, as the list has it."""

    name: str
    url: str
    kind: str
    place: str  # the folder, or the repository
    ref: str
    pill: Pill
    contents: str
    commit: CommitFact | None
    fetched_at: datetime | None
    used_by: tuple[Badge, ...]
    failure: Failure | None  # why nothing is read of it, or nothing newer
    failing_since: datetime | None
    migrations_url: str
    problems_url: str
    fetch: ActionButton
    schedule: str  # when it is fetched by itself; empty for a folder on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRow:
    fact: CommitFact
    fetched_at: datetime
    pill: Pill | None
    note: str
    compare_url: str  # with the commit before it; empty where none is kept


def row(
    source: Source,
    reading: FolderReading,
    standing: GitStanding | None,
    used_by: Sequence[Environment],
    *,
    by: Actor,
) -> SourceRow:
    git, kept = source.git, standing.row if standing else None
    stale = reading.stale
    return SourceRow(
        name=source.name,
        url=reverse("source", args=[source.name]),
        kind=KINDS[source.kind],
        place=_place(source),
        ref=git.shown_ref if git and not git.is_pushed else "",
        pill=_pill(reading, standing),
        contents=contents(reading.folder) if reading.folder else "",
        commit=reading.commit,
        fetched_at=kept.succeeded_at if kept else None,
        used_by=tuple(badge(environment) for environment in used_by),
        failure=stale.failure if stale else reading.failure,
        failing_since=stale.since if stale else None,
        migrations_url=links.migrations(source.name),
        problems_url=links.problems(source.name),
        fetch=_fetch_button(source, standing, by),
        schedule=_schedule(source),
    )


def commits(standing: GitStanding, kept: Sequence[KeptCommit]) -> tuple[CommitRow, ...]:
    """The one in force is marked."""
    return tuple(_commit(each, earlier, standing) for each, earlier in zip_longest(kept, kept[1:]))


def contents(folder: Folder) -> str:
    """ "12 migrations in 24 files, read as dbmate; 1 error"."""
    count, files = len(folder.migrations), len(folder.files)
    held = f"{count} migration{'' if count == 1 else 's'} in {files} file{'' if files == 1 else 's'}"
    errors = sum(problem.severity is Severity.ERROR for problem in folder.problems)
    wrong = f"; {errors} error{'' if errors == 1 else 's'}" if errors else ""
    return f"{held}, read as {title_of(folder.format)}{wrong}"


def compare_url(old: CommitFact, new: CommitFact) -> str:
    return reverse("source-compare", args=[new.source, old.sha, new.sha])


def _place(source: Source) -> str:
    if source.git is None:
        return str(source.folder)
    if source.git.is_pushed:
        return f"POST /api/v1/sources/{source.name}/snapshots"
    return f"{source.git.url}{f' · {source.git.path}' if source.git.path else ''}"


def _pill(reading: FolderReading, standing: GitStanding | None) -> Pill:
    if standing and standing.is_under_way:
        return UNDER_WAY
    if reading.folder is None:
        return NOT_READ if standing else GONE
    if reading.stale:
        return STALE
    return WITH_ERRORS if any(p.severity is Severity.ERROR for p in reading.folder.problems) else READ


def _fetch_button(source: Source, standing: GitStanding | None, by: Actor) -> ActionButton:
    reason = refusal(partial(permissions.check_can_fetch, by))
    if not reason and standing and standing.is_under_way:
        reason = "A worker is at it, or will be once it is free."
    return ActionButton(
        label="Fetch now",
        url=reverse("source-fetch", args=[source.name]),
        method="post",
        icon="refresh",
        show=source.git is not None and not source.git.is_pushed,
        reason=reason,
    )


def _schedule(source: Source) -> str:
    if source.git is None or source.git.is_pushed:
        return ""
    every = source.git.every
    asked = "Never by itself" if not every else f"Every {every} minutes" if every > 1 else "Every minute"
    return f"{asked}, and whenever its webhook is called" if source.git.webhook_secret else asked


def _commit(kept: KeptCommit, earlier: KeptCommit | None, standing: GitStanding) -> CommitRow:
    is_it = standing.commit is not None and standing.commit.pk == kept.number
    return CommitRow(
        fact=kept.fact,
        fetched_at=kept.fetched_at,
        pill=IN_FORCE if is_it else None,
        note=_DESCENTS.get(Descent(kept.descent), "") if kept.descent else "",
        compare_url=compare_url(earlier.fact, kept.fact) if earlier else "",
    )
