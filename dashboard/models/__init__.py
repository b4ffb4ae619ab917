"""The control database: people's requests, runs and the audit log. Data and constraints, no workflow."""

from dashboard.models.audit import AuditEvent, RepeatedEvent
from dashboard.models.git import GitBlob, GitCommit, GitSource
from dashboard.models.idempotency import IdempotentCall
from dashboard.models.installations import Installation
from dashboard.models.mails import Mail, Unwanted
from dashboard.models.observations import Observation
from dashboard.models.people import OneTimeLink, PersonChange, PersonSession, SignInCount
from dashboard.models.rehearsals import Rehearsal
from dashboard.models.requests import BreakGlass, ChangeRequest, Comment, Decision
from dashboard.models.runs import Run, RunStatement, RunStep
from dashboard.models.snapshots import DriftCheck, Snapshot
from dashboard.models.tokens import ApiToken, MachineAccount

__all__ = [
    "ApiToken",
    "AuditEvent",
    "BreakGlass",
    "ChangeRequest",
    "Comment",
    "Decision",
    "DriftCheck",
    "GitBlob",
    "GitCommit",
    "GitSource",
    "IdempotentCall",
    "Installation",
    "MachineAccount",
    "Mail",
    "Observation",
    "OneTimeLink",
    "PersonChange",
    "PersonSession",
    "Rehearsal",
    "RepeatedEvent",
    "Run",
    "RunStatement",
    "RunStep",
    "SignInCount",
    "Snapshot",
    "Unwanted",
]
