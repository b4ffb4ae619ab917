"""A commit object as a value, however broken the lines are that its author's tool wrote."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from dulwich.errors import ObjectFormatException
from dulwich.objects import Commit, ObjectID, parse_commit_broken, valid_hexsha

from dashboard.engine.git.values import CommitInfo

_IDENTITY = re.compile(r"(?P<name>[^<]*)<(?P<email>[^>]*)>?.*", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST_NAME, _LONGEST_MESSAGE = 200, 20_000
_LAST_SECOND = 253_402_214_400  # a day before the year 10000
_WIDEST_ZONE = 24 * 3600


def parsed(oid: ObjectID, data: bytes) -> Commit:
    """Raises ObjectFormatException where not even its tree and its parents can be told."""
    try:
        commit = Commit.from_string(data)
        assert commit.tree
    except (ObjectFormatException, AssertionError, ValueError):
        commit = parse_commit_broken(data)
    if not isinstance(commit.tree, bytes) or not all(map(valid_hexsha, (commit.tree, *commit.parents))):
        raise ObjectFormatException(f"{oid.decode()} names no tree, or what cannot be a parent")
    return commit


def described(oid: ObjectID, commit: Commit) -> CommitInfo:
    author, author_email = _identity(commit, commit.author)
    committer, committer_email = _identity(commit, commit.committer)
    return CommitInfo(
        id=oid.decode(),
        author_name=author,
        author_email=author_email,
        authored_at=_moment(commit.author_time, commit.author_timezone),
        committer_name=committer,
        committer_email=committer_email,
        committed_at=_moment(commit.commit_time, commit.commit_timezone),
        message=_text(commit, commit.message)[:_LONGEST_MESSAGE],
        parents=tuple(parent.decode() for parent in commit.parents),
    )


def _identity(commit: Commit, line: bytes | None) -> tuple[str, str]:
    text = " ".join(_text(commit, line).split())
    parts = _IDENTITY.fullmatch(text)
    name, email = (parts["name"], parts["email"]) if parts else (text, "")
    return name.strip()[:_LONGEST_NAME], email.strip()[:_LONGEST_NAME]


def _text(commit: Commit, data: bytes | None) -> str:
    encoding = (commit.encoding or b"utf-8").decode("ascii", "replace")
    try:
        text = (data or b"").decode(encoding, "replace")
    except (LookupError, ValueError):
        text = (data or b"").decode("utf-8", "replace")
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _moment(seconds: int | None, zone: int | None) -> datetime:
    """Anyone may write any time into a commit: one that no calendar has becomes the nearest that it has."""
    offset = zone if zone is not None and abs(zone) < _WIDEST_ZONE else 0
    moment = datetime.fromtimestamp(min(max(seconds or 0, 0), _LAST_SECOND), UTC)
    return moment.astimezone(timezone(timedelta(seconds=offset)))
