"""What was fetched of sources in git repositories: which commit is in force, and its files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import Subquery
from django.utils import timezone

from dashboard.engine.files import tree
from dashboard.engine.files.listing import EntryKind, Listing
from dashboard.engine.files.tree import TreeFile
from dashboard.engine.migration import Problem, Severity
from dashboard.engine.plan import Plan
from dashboard.models import ChangeRequest, GitBlob, GitCommit, GitSource, Rehearsal, Run, sources
from dashboard.models.failures import Failure
from dashboard.models.git import SHORT
from dashboard.models.sources import Source

#: Longer than any fetch takes: after it the worker that began one is gone.
LONGEST_FETCH = timedelta(minutes=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFact:
    """A commit as pages name it."""

    source: str
    sha: str
    author: str
    subject: str
    authored_at: datetime | None
    url: str  # of its page where the repository is; empty where none is known

    def to_dict(self) -> dict[str, str]:
        """For machines."""
        names = {"id": self.sha, "short": self.short, "author": self.author, "subject": self.subject, "url": self.url}
        return names | {"authored_at": self.authored_at.isoformat() if self.authored_at else ""}

    @property
    def short(self) -> str:
        return self.sha[:SHORT]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCommit:
    """One of those that are kept of a source; `descent` is of the one before it, engine.git.values.Descent."""

    number: int
    fact: CommitFact
    fetched_at: datetime
    descent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """The last fetch failed, so newer commits may be missing."""

    source: str
    since: datetime
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class GitStanding:
    """How a source in a repository stands. `commit` is the one in force; its files are not read yet."""

    source: Source
    row: GitSource | None = None
    commit: GitCommit | None = None
    stale: Staleness | None = None

    @property
    def is_under_way(self) -> bool:
        """A fetch was asked for or has begun, and has not ended; one whose worker is gone is none after a while."""
        if self.row is None:
            return False
        last = max(filter(None, (self.row.asked_at, self.row.begun_at)), default=None)
        if last is None or last < timezone.now() - LONGEST_FETCH:
            return False
        return self.row.ended_at is None or self.row.ended_at < last

    @property
    def failure(self) -> Failure | None:
        return Failure.from_dict(self.row.failure) if self.row and self.row.failure else None


def standing(source: Source) -> GitStanding:
    """One query, without the list of files."""
    assert source.git is not None, "only a source in a repository stands in one way or another"
    row = GitSource.objects.select_related("commit").defer("commit__files").filter(pk=source.name).first()
    if row is None:
        return GitStanding(source=source)
    commit = row.commit if row.commit and row.commit.origin == source.git.origin else None
    stale = None
    if row.failure and row.failing_since:
        stale = Staleness(source=source.name, since=row.failing_since, failure=Failure.from_dict(row.failure))
    return GitStanding(source=source, row=row, commit=commit, stale=stale)


def listing(commit: GitCommit, source: Source) -> Listing:
    """Its files as a folder; every content is fetched at once."""
    contents = dict(GitBlob.objects.filter(digest__in={digest for *_, digest in commit.files}).values_list())
    files = (TreeFile(path=p, kind=EntryKind(k), data=bytes(contents[digest])) for p, k, digest in commit.files)
    return tree.listing_of(source.folder.with_name(f"{source.folder.name}@{commit.short}"), files)


def problems(commit: GitCommit) -> tuple[Problem, ...]:
    return tuple(Problem(**{**kept, "severity": Severity(kept["severity"])}) for kept in commit.problems)


def last_commits(source: Source, count: int) -> Sequence[KeptCommit]:
    """The newest first, of where the source is declared to be now."""
    assert source.git is not None, "a folder on disk has no commits"
    chosen = GitCommit.objects.filter(source=source.name, origin=source.git.origin)
    return [
        KeptCommit(number=commit.pk, fact=fact(commit), fetched_at=commit.fetched_at, descent=commit.descent)
        for commit in chosen.defer("files")[:count]
    ]


def find(source: Source, sha: str) -> GitCommit | None:
    """By its whole id, or by how that begins, of where the source is declared to be now."""
    origin = source.git.origin if source.git else ""
    chosen = GitCommit.objects.filter(source=source.name, origin=origin, sha__startswith=sha)
    return chosen.first() if len(sha) >= SHORT else None


def fact(commit: GitCommit) -> CommitFact:
    declared = next((source.git for source in sources.in_git() if source.name == commit.source), None)
    url = declared.commit_page(commit.sha) if declared and declared.origin == commit.origin else ""
    return CommitFact(
        source=commit.source,
        sha=commit.sha,
        author=commit.author_name,
        subject=commit.subject,
        authored_at=commit.authored_at,
        url=url,
    )


def of_plan(plan: Plan) -> CommitFact | None:
    """The commit that its files were read from."""
    return known_as(plan.source, plan.commit)


def known_as(source: str, sha: str) -> CommitFact | None:
    """By its id alone where it is not kept any more; None where no id is given."""
    if not sha:
        return None
    row = GitCommit.objects.filter(source=source, sha=sha).defer("files").first()
    if row is not None:
        return fact(row)
    return _by_id(source, sha)


def of_records(records: Iterable[ChangeRequest | Run | Rehearsal]) -> dict[int, CommitFact]:
    """By their keys, the commits that the files of their plans were read from; of as many as a list shows, in one
    query."""
    named = {
        each.pk: (str(each.frozen_plan.get("source", "")), str(each.frozen_plan.get("commit", ""))) for each in records
    }
    shas = {sha for _, sha in named.values() if sha}
    kept = GitCommit.objects.filter(sha__in=shas).defer("files") if shas else ()
    facts = {(row.source, row.sha): fact(row) for row in kept}
    return {pk: facts.get((source, sha)) or _by_id(source, sha) for pk, (source, sha) in named.items() if sha}


def _by_id(source: str, sha: str) -> CommitFact:
    """One that is not kept any more."""
    return CommitFact(source=source, sha=sha, author="", subject="", authored_at=None, url="")


def moved_since_last_run(in_force: CommitFact) -> tuple[CommitFact, CommitFact] | None:
    """The commit that the last run took files of, and the one in force, where a file differs."""
    runs = Run.objects.filter(frozen_plan__source=in_force.source).exclude(frozen_plan__commit="")
    sha = runs.order_by("-id").values_list("frozen_plan__commit", flat=True).first()
    if not sha or sha == in_force.sha:
        return None
    kept = GitCommit.objects.filter(source=in_force.source, sha__in=(sha, in_force.sha)).defer("files")
    by_sha = {commit.sha: commit for commit in kept}
    if len(by_sha) < 2 or _have_same_files(*((by_sha[each].pk, each) for each in (sha, in_force.sha))):
        return None
    return fact(by_sha[sha]), in_force


@lru_cache(maxsize=256)
def _have_same_files(one: tuple[int, str], other: tuple[int, str]) -> bool:
    """Two commits by their keys and ids; what one holds never changes."""
    listed = GitCommit.objects.filter(pk=other[0]).values("files")[:1]
    return GitCommit.objects.filter(pk=one[0], files=Subquery(listed)).exists()


def in_words(plan: Plan) -> dict[str, str]:
    """For the audit log, which keeps it longer than the commit is kept; empty for files of a folder on disk."""
    commit = of_plan(plan)
    return {"id": commit.sha, "author": commit.author, "subject": commit.subject} if commit else {}


def referred_to(shas: Iterable[str]) -> set[str]:
    """Those of the ids that a plan names which is kept with a request, a run or a rehearsal."""
    wanted = set(shas)
    named: set[str] = set()
    for model in (ChangeRequest, Run, Rehearsal):
        named |= set(model.objects.filter(frozen_plan__commit__in=wanted).values_list("frozen_plan__commit", flat=True))
    return named
