"""What a push adds: two commits of a source, compared as what they would mean for each environment. Nothing is written.

The files of both are kept; the databases are judged by the last look at each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine import scoping, status
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import Folder, History, Kind, Migration, MigrationId, Problem, Severity
from dashboard.engine.plan import Plan
from dashboard.engine.scoping import Scope
from dashboard.models import GitCommit, sources
from dashboard.models.environments import Environment
from dashboard.models.sources import Source
from dashboard.selectors import folders, git, observations
from dashboard.selectors.git import CommitFact
from dashboard.selectors.observations import LastLook
from dashboard.services import plans


class PushChange(StrEnum):
    ADDED = "newly_added"
    SQL = "sql_changed"  # its SQL is another one
    SCOPE = "scope_changed"  # its SQL is the same, and other environments get it
    COMMENTS = "comments_changed"  # only comments and blanks differ
    ROLLBACK = "rollback_changed"  # only its rollback differs
    REMOVED = "taken_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedMigration:
    """One that differs between the two. `stands_in`: where it is recorded as applied."""

    identity: MigrationId
    change: PushChange
    before: Migration | None
    after: Migration | None
    stands_in: tuple[Environment, ...]

    @property
    def scopes(self) -> tuple[Scope | None, Scope | None]:
        """Before and after; None where there is no such file."""
        before, after = (scoping.scope_of(migration) if migration else None for migration in (self.before, self.after))
        return before, after

    @property
    def left_behind(self) -> tuple[Environment, ...]:
        """The environments that have what no file says any more. Where its file is for others by now, its text is
        compared with nothing."""
        if self.change is PushChange.REMOVED:
            return self.stands_in
        _, scope = self.scopes
        if self.change is not PushChange.SQL or scope is None:
            return ()
        return tuple(environment for environment in self.stands_in if scope.covers(environment.slug))


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOutlook:
    """What it means for one environment. `plan`: what an apply would do with the new files, or why there is none; None
    where nobody has looked at the database yet."""

    environment: Environment
    plan: Plan | EngineError | None
    becomes_pending: tuple[str, ...] = ()
    pending_no_more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushComparison:
    old: CommitFact
    new: CommitFact
    migrations: tuple[PushedMigration, ...]  # by version
    errors: tuple[Problem, ...]  # that the old one does not have
    outlooks: tuple[PushOutlook, ...]


def compare(source: Source, old: GitCommit, new: GitCommit) -> PushComparison:
    """Both are commits of that source."""
    before, after = folders.of_commit(old, source), folders.of_commit(new, source)
    used_by = sources.environments_of(source)
    looks = observations.looks(used_by)
    histories = {e.slug: looks[e.slug].history for e in used_by if e.slug in looks}
    known = {(problem.file, problem.code, problem.sentence) for problem in before.problems}
    errors = (p for p in after.problems if p.severity is Severity.ERROR)
    return PushComparison(
        old=git.fact(old),
        new=git.fact(new),
        migrations=tuple(
            PushedMigration(
                identity=identity,
                change=change,
                before=before.find(identity),
                after=after.find(identity),
                stands_in=tuple(e for e in used_by if _stands(histories.get(e.slug), identity)),
            )
            for identity, change in _changes(before, after)
        ),
        errors=tuple(p for p in errors if (p.file, p.code, p.sentence) not in known),
        outlooks=tuple(_outlook(e, looks.get(e.slug), before, after) for e in used_by),
    )


def _changes(before: Folder, after: Folder) -> Iterator[tuple[MigrationId, PushChange]]:
    identities = {migration.identity for folder in (before, after) for migration in folder.migrations}
    for identity in sorted(identities, key=lambda identity: identity.key):
        old, new = before.find(identity), after.find(identity)
        if change := _change(old, new):
            yield identity, change


def _change(old: Migration | None, new: Migration | None) -> PushChange | None:
    if old is None:
        return PushChange.ADDED
    if new is None:
        return PushChange.REMOVED
    if old.up.checksum_sql != new.up.checksum_sql:
        return PushChange.SQL
    if scoping.scope_of(old) != scoping.scope_of(new):
        return PushChange.SCOPE
    if old.up.checksum != new.up.checksum:
        return PushChange.COMMENTS
    downs = [migration.down.checksum if migration.down else "" for migration in (old, new)]
    return PushChange.ROLLBACK if downs[0] != downs[1] else None


def _stands(history: History | None, identity: MigrationId) -> bool:
    row = history.row(identity) if history else None
    return row is not None and row.success and row.kind is not Kind.SKIPPED


def _outlook(environment: Environment, look: LastLook | None, before: Folder, after: Folder) -> PushOutlook:
    before, after = (scoping.within(folder, environment.slug) for folder in (before, after))
    plan = plans.offered(environment, look, after)
    if look is None or look.history is None:
        return PushOutlook(environment=environment, plan=plan)
    was, is_now = (_pending(folder, look.history) for folder in (before, after))
    return PushOutlook(
        environment=environment,
        plan=plan,
        becomes_pending=tuple(label for label in is_now if label not in was),
        pending_no_more=tuple(label for label in was if label not in is_now),
    )


def _pending(folder: Folder, history: History) -> list[str]:
    return [item.label for item in status.compute(folder, history) if item.is_pending]
