"""Fetching of sources in git repositories: on a schedule, on a webhook, on a button, from the command line.

A fetch that succeeds puts the newest commit into force, whole, in one transaction; one that fails leaves the last good
commit in force and writes down why, and since when. A look that finds the branch where it was stores nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from config.git_sources import GitDeclaration
from dashboard.engine.errors import EngineError, GitFetchFailed, SourceNotConfigured
from dashboard.engine.files.listing import EntryKind
from dashboard.engine.git import apart
from dashboard.engine.git.values import MEGABYTE, Descent, Fetched, FetchLimits, Remote, StoredKind
from dashboard.models import GitBlob, GitCommit, GitSource, sources
from dashboard.models.failures import Failure
from dashboard.models.sources import Source
from dashboard.selectors import git
from dashboard.selectors.git import GitStanding
from dashboard.services import audit, limits, permissions, queue, repeats
from dashboard.services.actors import SIGNALBOX, Actor

logger = logging.getLogger(__name__)

#: Seconds that a look at the branch and a fetch may take.
LOOK_TIMEOUT = 30.0
FETCH_TIMEOUT = 300.0
#: Characters of the first line of a message.
SUBJECT = 200
#: Commits of a source that are kept, beside those that a plan names which is kept.
COMMITS_KEPT = 50
#: Held while commits are kept or forgotten, so that nobody forgets a file that another commit is about to use. "SBGC".
KEEP_LOCK = 0x53424743
#: As what a file of a repository is read: what is none stands in its place, and is never run.
_KINDS = {
    StoredKind.FILE: EntryKind.FILE,
    StoredKind.LINK: EntryKind.LINK,
    StoredKind.SUBMODULE: EntryKind.OTHER,
    StoredKind.LFS: EntryKind.OTHER,
}
_BLOBS_AT_ONCE = 500


# Asking


def ask(source: Source, *, by: Actor) -> None:
    """Have a worker fetch soon, because a person says so. Where somebody has asked already, that is enough."""
    permissions.check_can_fetch(by)
    limits.check_fetches(by)
    with transaction.atomic():
        request(source)
        audit.record(audit.Event.SOURCE_FETCH_ASKED, by=by, source=source.name)


def request(source: Source) -> None:
    """For whoever has said in the audit log why."""
    with transaction.atomic():
        GitSource.objects.update_or_create(name=source.name, defaults={"asked_at": timezone.now()})
        queue.fetch(source.name)


def ask_where_due() -> None:
    """Each source after its own minutes; never where it says 0."""
    now, rows = timezone.now(), GitSource.objects.in_bulk()
    for source in sources.in_git():
        assert source.git is not None, "it is in a repository"
        row = rows.get(source.name)
        last = row.ended_at if row else None
        # The schedule itself is looked at once a minute, so half of one is no delay.
        if source.git.every and (last is None or last + timedelta(minutes=source.git.every, seconds=-30) <= now):
            queue.fetch(source.name)


# Fetching


def fetch_if_free(name: str) -> None:
    """For a job, which may be older than the file of environments. One fetch of a source at a time; what was asked for
    meanwhile is done afterwards."""
    source = next((source for source in sources.in_git() if source.name == name), None)
    if source is None or not _claim(source):
        return
    if fetch(source) is not None and (failure := git.standing(source).failure):
        logger.warning("The source %s could not be fetched: %s", name, failure.sentence)
    if GitSource.objects.filter(pk=name, asked_at__gt=F("begun_at")).exists():
        queue.fetch(name)


def _claim(source: Source) -> bool:
    """By one guarded UPDATE. A fetch whose worker is gone is in nobody's way for long."""
    GitSource.objects.get_or_create(name=source.name)
    lost = timezone.now() - git.LONGEST_FETCH
    free = Q(begun_at=None) | Q(begun_at__lt=lost) | Q(ended_at__gte=F("begun_at"))
    return GitSource.objects.filter(free, pk=source.name).update(begun_at=timezone.now()) == 1


def fetch(source: Source, *, by: Actor = SIGNALBOX) -> EngineError | None:
    """Ask the repository now. What went wrong is written down and given back, never raised."""
    _mark(source, begun_at=timezone.now())
    try:
        _fetch(source, by=by)
    except EngineError as error:
        return _failed(source, error, by=by)
    except Exception as error:  # the worker goes on, and the page of the source says it
        logger.exception("Fetching %s broke off", source.name)
        assert source.git is not None, "it is in a repository"
        reason = f"an unexpected {type(error).__name__}, which the log of Signalbox has"
        return _failed(source, GitFetchFailed(repository=source.git.url, reason=reason), by=by)
    return None


def _fetch(source: Source, *, by: Actor) -> None:
    git_source = source.git
    assert git_source is not None, "a folder on disk is not fetched"
    if git_source.absence:
        variables = " and ".join(git_source.unset)
        raise SourceNotConfigured(source=source.name, reason=git_source.absence, variables=variables)
    remote = _remote(source)
    standing = git.standing(source)
    known = standing.commit
    if known is not None and apart.peek(remote, timeout=LOOK_TIMEOUT) == known.sha:
        _succeeded(source)
        return
    fetched = apart.fetch(remote, limits=_limits(git_source), timeout=FETCH_TIMEOUT, known=known.sha if known else "")
    _put_in_force(source, fetched, standing, by=by)


def _limits(declared: GitDeclaration) -> FetchLimits:
    """The usual ones, but for what its declaration says."""
    usual, said = FetchLimits(), declared.limits
    return replace(
        usual,
        received=said["received_mb"] * MEGABYTE if "received_mb" in said else usual.received,
        memory=said["memory_mb"] * MEGABYTE if "memory_mb" in said else usual.memory,
        per_file=said["file_mb"] * MEGABYTE if "file_mb" in said else usual.per_file,
        stored=said["files_mb"] * MEGABYTE if "files_mb" in said else usual.stored,
        entries=said.get("entries", usual.entries),
    )


def _remote(source: Source) -> Remote:
    declared = source.git
    assert declared is not None, "a folder on disk is not fetched"
    return Remote(
        url=declared.url,
        ref=declared.ref or None,
        path=declared.path,
        token=declared.token,
        username=declared.username,
        key=declared.key,
        known_hosts=declared.known_hosts,
    )


def _mark(source: Source, **values: Any) -> None:
    GitSource.objects.update_or_create(name=source.name, defaults=values)


def _succeeded(source: Source) -> None:
    now = timezone.now()
    _mark(source, ended_at=now, succeeded_at=now, failure=None, failing_since=None)


def _failed(source: Source, error: EngineError, *, by: Actor) -> EngineError:
    """Why is kept with the source, where the next fetch replaces it; the log has its code."""
    failure = _without_secrets(Failure.of(error).to_dict(), source)
    now = timezone.now()
    with transaction.atomic():
        row = GitSource.objects.select_for_update().get(pk=source.name)
        row.ended_at, row.failure, row.failing_since = now, failure, row.failing_since or now
        row.save(update_fields=["ended_at", "failure", "failing_since"])
        subject = f"{source.name} {error.code}"
        repeats.note(audit.Event.SOURCE_FETCH_FAILED, by=by, subject=subject, source=source.name, code=error.code)
    return error


def _without_secrets(failure: dict[str, Any], source: Source) -> dict[str, Any]:
    """No sentence has one; this holds where a server echoes what it was sent."""
    declared = source.git
    secrets = [s for s in (declared.token, declared.key, declared.webhook_secret) if s] if declared else []
    cleaned = {}
    for name, text in failure.items():
        for secret in secrets:
            text = text.replace(secret, "…")
        cleaned[name] = _kept(text)
    return cleaned


# Keeping commits


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """One transaction, and one in all that keeps a commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [KEEP_LOCK])
        yield


def put_in_force(source: Source, pushed: Fetched, *, by: Actor) -> None:
    """What was pushed here. The last one that is pushed is in force."""
    with one_at_a_time():
        GitSource.objects.get_or_create(name=source.name)
        _put_in_force(source, pushed, git.standing(source), by=by)


def _put_in_force(source: Source, fetched: Fetched, standing: GitStanding, *, by: Actor) -> None:
    """Where another fetch came first, only the server knows which commit is the newer one: it is asked again."""
    now, known, stood = timezone.now(), standing.commit, standing.row.commit_id if standing.row else None
    with one_at_a_time():
        commit = _keep(source, fetched)
        row = GitSource.objects.select_for_update().get(pk=source.name)
        if row.commit_id not in {stood, commit.pk}:
            request(source)
            return
        row.ended_at, row.succeeded_at, row.failure, row.failing_since = now, now, None, None
        if row.commit_id != commit.pk:
            row.commit, row.since = commit, now
            before = known.sha if known else ""
            audit.record(audit.Event.SOURCE_MOVED, by=by, source=source.name, before=before, **_named(commit))
        row.save()
        _forget_old(source, commit)
    logger.info("The source %s is at commit %s", source.name, commit.short)


def _named(commit: GitCommit) -> dict[str, Any]:
    return {
        "commit": commit.sha,
        "author": commit.author_name,
        "subject": commit.subject,
        "rewritten": commit.descent == Descent.REPLACED,
        "files": len(commit.files),
    }


def _keep(source: Source, fetched: Fetched) -> GitCommit:
    """A commit never changes, so one that came back by a force-push is the row that it was."""
    assert source.git is not None, "a folder on disk has no commits"
    info = fetched.commit
    files = [[file.path, _KINDS[file.kind], sha256(file.content).hexdigest()] for file in fetched.files]
    _keep_contents(file.content for file in fetched.files)
    commit, is_new = GitCommit.objects.get_or_create(
        source=source.name,
        origin=source.git.origin,
        sha=info.id,
        defaults={
            "ref": fetched.ref,
            "author_name": _kept(info.author_name),
            "author_email": _kept(info.author_email),
            "authored_at": info.authored_at,
            "message": _kept(info.message),
            "subject": _kept(info.subject)[:SUBJECT],
            "parents": list(info.parents),
            "fetched_at": timezone.now(),
            "files": sorted(files),
            "problems": [asdict(problem) for problem in fetched.problems],
            "descent": fetched.descent,
        },
    )
    if not is_new:
        GitCommit.objects.filter(pk=commit.pk).update(fetched_at=timezone.now(), descent=fetched.descent)
        commit.descent = fetched.descent
    return commit


def _kept(text: str) -> str:
    """As PostgreSQL can keep it: no NUL and no half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """By path, as a commit keeps them."""
    return {path: sha256(content).hexdigest() for path, content in files.items()}


def _keep_contents(contents: Iterable[bytes]) -> None:
    by_digest = {sha256(content).hexdigest(): content for content in contents}
    there = set(GitBlob.objects.filter(pk__in=by_digest).values_list("pk", flat=True))
    blobs = [GitBlob(digest=digest, content=content) for digest, content in by_digest.items() if digest not in there]
    GitBlob.objects.bulk_create(blobs, batch_size=_BLOBS_AT_ONCE, ignore_conflicts=True)


def _forget_old(source: Source, commit: GitCommit) -> None:
    """Beyond the newest ones, what no plan names that is kept."""
    ours = GitCommit.objects.filter(source=source.name).exclude(pk=commit.pk)
    old = dict(ours.values_list("pk", "sha")[COMMITS_KEPT:])
    wanted = git.referred_to(old.values()) if old else set()
    gone: Sequence[int] = [pk for pk, sha in old.items() if sha not in wanted]
    if not gone:
        return
    GitCommit.objects.filter(pk__in=gone).delete()
    with connection.cursor() as cursor:
        cursor.execute(FORGET_CONTENTS)


#: What no commit has any more.
FORGET_CONTENTS = """
DELETE FROM dashboard_gitblob WHERE digest NOT IN (
    SELECT file ->> 2 FROM dashboard_gitcommit, jsonb_array_elements(files) AS file
)
"""
