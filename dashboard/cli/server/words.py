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

    @property
    def is_over(self) -> bool:
        """Nothing more becomes of it by itself soon. An interrupted one may be found out about, or not."""
        return self not in {RunStanding.QUEUED, RunStanding.RUNNING}


class SchemaStanding(StrEnum):
    CLEAN = "clean"
    HALF_DONE = "half_done"
    DRIFTED = "drifted"
    UNREACHABLE = "unreachable"


#: The code of a plan of nothing.
NOTHING_TO_DO = "nothing_to_do"
