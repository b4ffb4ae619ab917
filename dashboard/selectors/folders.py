"""The migrations of each source: what its folder holds, or why it cannot be read.

A folder on disk is read as it is now, one in a repository as it is in the commit in force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from django.db import Error

from dashboard.engine import scoping
from dashboard.engine.errors import SourceMissing, SourceNotRead, SourceUnreadable
from dashboard.engine.files import discovery, pairs
from dashboard.engine.files.listing import Listing, list_folder
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.sql.transaction import TransactionShape, plan_transaction
from dashboard.local import folders as local
from dashboard.models import GitCommit, environments, sources
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.models.sources import Source
from dashboard.selectors import control, git
from dashboard.selectors.git import CommitFact, GitStanding, Staleness


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReading:
    """Exactly one of `folder` and `failure` is set."""

    folder: Folder | None = None
    failure: Failure | None = None
    source: str = sources.DEFAULT  # its name
    commit: CommitFact | None = None  # of a source in a repository: what the folder is of
    stale: Staleness | None = None  # it may be older than what was pushed: fetching fails


#: What was read last of each source, and what its folder looked like then: pages ask several times, and again every
#: few seconds.
_last: dict[Source, tuple[object, FolderReading]] = {}

#: Of a folder with more entries than this, looking takes as long as reading.
ENTRIES = 5000


def read(environment: Environment) -> Folder:
    """The source of this environment as it is now, for whatever decides, with what is for this environment. Raises
    SourceMissing or SourceUnreadable."""
    return scoping.within(of_source(sources.of(environment)), environment.slug)


def of_source(source: Source) -> Folder:
    """As it is now. Raises SourceMissing or SourceUnreadable."""
    if source.git:
        return _of_commit(_in_force(source))
    return local.read(source, environments.all_environments())


def _judged(folder: Folder, source: Source) -> Folder:
    """With what is wrong with the environments that its files name."""
    return local.judged(folder, source, environments.all_environments())


def _named(source: Source) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every environment, and those that take their files from this source."""
    return local.named(source, environments.all_environments())


def listing_of(environment: Environment, folder: Folder) -> Listing:
    """What lies in the source of this environment, of which `folder` was read just now."""
    return listing_of_source(sources.of(environment), folder)


def listing_of_source(source: Source, folder: Folder) -> Listing:
    commit = git.find(source, folder.commit) if source.git else None
    return git.listing(commit, source) if commit else list_folder(source.folder)


def current(environment: Environment) -> FolderReading:
    """For pages: as `of_source_now`, of the source of this environment, with what is for this environment."""
    reading = of_source_now(sources.of(environment))
    return replace(reading, folder=scoping.within(reading.folder, environment.slug)) if reading.folder else reading


def of_source_now(source: Source) -> FolderReading:
    """For pages, read anew where an entry changed. Never raises for the folder: a page about the databases is needed
    most when it is gone."""
    if source.git:
        return _of_repository_now(source)
    entries = _look(source.folder)
    look, known = (source.reading, _named(source), entries), _last.get(source)
    if entries is None or known is None or known[0] != look:
        known = _last[source] = (look, _reading(source))
    return replace(known[1], source=source.name)


def all_now() -> tuple[FolderReading, ...]:
    """For pages, every source."""
    return tuple(of_source_now(source) for source in sources.all_sources())


def _reading(source: Source) -> FolderReading:
    try:
        return FolderReading(folder=of_source(source))
    except (SourceMissing, SourceUnreadable) as error:
        return FolderReading(failure=Failure.of(error))


# A source in a repository

#: The last commit that was read of each source, and as what. A commit never changes, but once the control database is
#: restored another one can have its number.
_commits: dict[str, tuple[object, Folder]] = {}


def of_commit(commit: GitCommit, source: Source) -> Folder:
    """The files of any commit that was fetched, read as the source is read now."""
    reading = source.reading
    listing = git.listing(commit, source)
    folder = discovery.read_listing(
        listing, folder_format=reading.format, placeholders=reading.placeholders, names=reading.names
    )
    folder = _judged(folder, source)
    of_fetch = git.problems(commit)
    known = {problem.file for problem in of_fetch}
    rest = (p for p in folder.problems if p.file not in known or p.code not in _SAID_BY_FETCH)
    return replace(folder, problems=pairs.by_file([*of_fetch, *rest]), commit=commit.sha)


#: What a reader says of a file that was no plain one in the repository; the fetch has said it better.
_SAID_BY_FETCH = frozenset({"symlink", "not_a_file"})


def _of_repository_now(source: Source) -> FolderReading:
    standing = git.standing(source)
    if standing.commit is None:
        return FolderReading(failure=Failure.of(_not_read(standing)), source=source.name)
    fact = git.fact(standing.commit)
    return FolderReading(folder=_of_commit(standing), source=source.name, commit=fact, stale=standing.stale)


def _in_force(source: Source) -> GitStanding:
    """Raises SourceNotRead, also where there is no control database to ask."""
    try:
        standing = git.standing(source)
    except Error as error:
        failure = control.failure(error)
        reason = f"its files are kept in the control database. {failure.sentence}"
        raise SourceNotRead(source=source.name, reason=reason, remedy=failure.remedy) from None
    if standing.commit is None:
        raise _not_read(standing)
    return standing


def _not_read(standing: GitStanding) -> SourceNotRead:
    """Nothing was fetched of where it is declared to be now; why, where that is known."""
    source, failure = standing.source, standing.failure
    assert source.git is not None, "a folder on disk is read without being fetched"
    if source.git.is_pushed:
        remedy = f"Have the CI push its folder: POST /api/v1/sources/{source.name}/snapshots."
        return SourceNotRead(source=source.name, reason="no CI has pushed its files yet.", remedy=remedy)
    if source.git.absence:
        remedy = f"Set {' and '.join(source.git.unset)} for web and worker; they read it when they start."
        return SourceNotRead(source=source.name, reason=f"{source.git.absence}.", remedy=remedy)
    if failure:
        return SourceNotRead(source=source.name, reason=failure.sentence, remedy=failure.remedy)
    remedy = "A worker fetches it within a minute, if one is running; the page of the source has a button, too."
    return SourceNotRead(source=source.name, reason="nothing was fetched of it yet.", remedy=remedy)


def _of_commit(standing: GitStanding) -> Folder:
    assert standing.commit is not None, "nothing is in force before the first fetch"
    source, commit = standing.source, standing.commit
    key, known = (commit.pk, commit.sha, source.reading, _named(source)), _commits.get(source.name)
    if known is None or known[0] != key:
        known = _commits[source.name] = (key, of_commit(commit, source))
    return known[1]


# A folder on disk


def _look(source: Path) -> object:
    """What changes with every edit; None where it cannot be told."""
    try:
        entries = [(str(source), source.stat()), *((str(p), p.stat()) for p in islice(source.rglob("*"), ENTRIES + 1))]
    except OSError:
        return None
    if len(entries) > ENTRIES:
        return None
    return [(name, s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino, s.st_mode) for name, s in entries]


def shape_of(folder: Folder | None, identity: MigrationId) -> TransactionShape | None:
    """How the file of a migration runs; None where there is none."""
    migration = folder.find(identity) if folder else None
    return plan_transaction(migration.up.statements, migration.up.directives) if migration else None
