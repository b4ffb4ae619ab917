"""What the API says of requests and runs, as values; a test holds them against the models of the server."""

from __future__ import annotations

from enum import StrEnum


class RequestStanding(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    DONE = "done"


class RunStanding(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    RESOLVED = "resolved"
    UNPROVEN = "unproven"


def is_over(status: str) -> bool:
    """Nothing more becomes of such a run by itself soon, as of a status that only a newer server knows. An interrupted
    one may be found out about, or not."""
    return status not in {RunStanding.QUEUED, RunStanding.RUNNING}


class SchemaStanding(StrEnum):
    CLEAN = "clean"
    HALF_DONE = "half_done"
    DRIFTED = "drifted"
    UNREACHABLE = "unreachable"


#: The code of a plan of nothing.
NOTHING_TO_DO = "nothing_to_do"
