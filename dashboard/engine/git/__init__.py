"""Files from a git repository: one commit of it, fetched without a git binary by a process of its own."""

from dashboard.engine.git.addresses import parse as parse_address
from dashboard.engine.git.apart import fetch, peek
from dashboard.engine.git.errors import GitFetchFailed
from dashboard.engine.git.values import CommitInfo, Descent, Fetched, FetchLimits, Remote, StoredFile, StoredKind

__all__ = [
    "CommitInfo",
    "Descent",
    "FetchLimits",
    "Fetched",
    "GitFetchFailed",
    "Remote",
    "StoredFile",
    "StoredKind",
    "fetch",
    "parse_address",
    "peek",
]
