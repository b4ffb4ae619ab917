"""What is asked of a git server, and what comes back: frozen values that know no library."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dashboard.engine.migration import Problem

MEGABYTE = 1024 * 1024
#: GitHub, GitLab and Gitea take any name beside a token; this is the one that GitHub documents.
ANY_USER = "x-access-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A folder in a repository, and what opens it. Nothing secret is in its repr.

    `url`: https://…, http://…, ssh://… or git@host:path, without a password. `ref`: a branch or a tag; None is the
    branch that the server calls HEAD. `path`: a folder in the tree; empty is its root. `token` goes with `username` by
    Basic auth. `key` is the text of a private key, `known_hosts` that of a file of OpenSSH.
    """

    url: str = field(repr=False)  # a password may stand in it until it is refused
    ref: str | None = None
    path: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    key: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)

    @property
    def login(self) -> str:
        """As Basic auth has it: name and token; empty without a token."""
        token = self.token.strip()  # variables are often set from files, which end in a line
        return f"{self.username or ANY_USER}:{token}" if token else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Beyond any of these a fetch is given up, and nothing of it is kept.

    `listed`: bytes of a list of branches. `received`: of a pack, which lies in a file meanwhile. `memory`: of the
    process that fetches. `per_file`, `stored`: of the files under the path, one and together. `entries`: names under
    the path.
    """

    listed: int = 32 * MEGABYTE
    received: int = 512 * MEGABYTE
    memory: int = 512 * MEGABYTE
    per_file: int = 16 * MEGABYTE
    stored: int = 64 * MEGABYTE
    entries: int = 20_000


class StoredKind(StrEnum):
    FILE = "file"
    LINK = "link"  # a symbolic link; its content is where it points
    SUBMODULE = "submodule"  # its content is the commit it names, as hex
    LFS = "lfs"  # a pointer of Git LFS; its content is the pointer


class Descent(StrEnum):
    """Is the commit that was known before an ancestor of the one that was fetched?"""

    SAME = "same"
    ANCESTOR = "ancestor"
    REPLACED = "replaced"  # proven: the branch was rewritten
    UNKNOWN = "unknown"  # not told at a cheap price: too far back, or a server that sends no bare commits


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    id: str
    author_name: str
    author_email: str
    authored_at: datetime
    committer_name: str
    committer_email: str
    committed_at: datetime
    message: str
    parents: tuple[str, ...]

    @property
    def subject(self) -> str:
        return next(iter(self.message.strip().splitlines()), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """`path` is relative to the folder that was asked for; `mode` is git's."""

    path: str
    mode: int
    content: bytes = field(repr=False)
    kind: StoredKind = StoredKind.FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One commit's files. `ref` is the whole name: refs/heads/main. What is no plain file has a problem beside it, and
    so has a name that cannot be kept; such a name is in no `files`. `received`: bytes that the server sent."""

    commit: CommitInfo
    ref: str
    files: tuple[StoredFile, ...]
    problems: tuple[Problem, ...]
    descent: Descent
    received: int
