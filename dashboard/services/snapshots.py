"""A folder that a CI pushes: all its files in one commit, kept as a fetched commit is, and put in force whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from dashboard.engine.git.values import CommitInfo, Descent, Fetched, StoredFile
from dashboard.models import GitCommit, sources
from dashboard.models.sources import Source
from dashboard.models.tokens import Scope
from dashboard.services import fetching, permissions
from dashboard.services.actors import Actor
from dashboard.services.errors import SnapshotRefused

#: Of one file; config.bodies limits the whole call.
FILE_BYTES = 2 * 1024 * 1024
#: git's mode of a plain file.
PLAIN = 0o100644


def push(source: Source, files: Mapping[str, bytes], commit: CommitInfo, *, by: Actor, ref: str = "") -> None:
    """Put these files in force, as they are in that commit. The same commit may come again, with the same files.

    Raises ScopeMissing, PermissionRefused, SnapshotRefused.
    """
    permissions.check_can_fetch(by)
    permissions.check_scope(by, Scope.PUSH)
    used_by = sources.environments_of(source)
    for environment in used_by:
        permissions.check_reaches(by, environment.slug)
    if not used_by:
        raise SnapshotRefused(
            source=source.name, reason="no environment takes its files from there, so no token is for it"
        )
    _check(source, files)
    stored = tuple(StoredFile(path=path, mode=PLAIN, content=content) for path, content in sorted(files.items()))
    pushed = Fetched(commit=commit, ref=ref, files=stored, problems=(), descent=Descent.UNKNOWN, received=0)
    with fetching.one_at_a_time():
        _check_same(source, files, commit.id)
        fetching.put_in_force(source, pushed, by=by)


def _check(source: Source, files: Mapping[str, bytes]) -> None:
    if source.git is None or not source.git.is_pushed:
        raise SnapshotRefused(
            source=source.name, reason="its files come from elsewhere; `pushed = true` is not declared"
        )
    for path, content in files.items():
        parts = PurePosixPath(path)
        if parts.is_absolute() or not parts.parts or ".." in parts.parts or str(parts) != path or "\\" in path:
            raise SnapshotRefused(source=source.name, reason=f"{path!a} is not the path of a file in the folder")
        if len(content) > FILE_BYTES:
            raise SnapshotRefused(source=source.name, reason=f"{path!a} has more than {FILE_BYTES:,} bytes")
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents}
    if both := sorted(folders & files.keys()):
        raise SnapshotRefused(source=source.name, reason=f"{both[0]!a} is a file there and a folder too")


def _check_same(source: Source, files: Mapping[str, bytes], commit: str) -> None:
    """A commit never changes."""
    assert source.git is not None, "a source that is pushed"
    known = GitCommit.objects.filter(source=source.name, origin=source.git.origin, sha=commit).first()
    if known and {path: digest for path, _, digest in known.files} != fetching.digests(files):
        raise SnapshotRefused(
            source=source.name,
            reason=f"commit {commit} was pushed before with other files",
            remedy="Commit the change, and push the folder under the number of that commit.",
        )
