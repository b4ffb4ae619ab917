"""What the API takes and gives."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from ninja import Schema
from pydantic import ConfigDict, Field

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action

#: A text without NUL, which no database takes.
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class Sent(Schema):
    """A body. What is not known is refused: a mistyped key would otherwise be left out in silence."""

    model_config = ConfigDict(extra="forbid")


class PlanGoal(StrEnum):
    APPLY = Action.APPLY.value
    ROLLBACK = Action.ROLLBACK.value


class GoalSent(Sent):
    """What is to be done where. `version`: of an apply the last one, of a rollback the oldest one that goes."""

    environment: Slug
    action: PlanGoal = PlanGoal.APPLY
    version: Word | None = None


class RequestSent(GoalSent):
    reason: Text = ""
    #: Keys of warnings of the plan that somebody has read.
    accept: list[Word] = Field(default=[], max_length=500)
    #: Why it may be applied though nothing takes it back.
    irreversible_because: Text = ""
    #: The plan that was looked at. Another one by now is refused.
    digest: Word | None = None


class RunSent(RequestSent):
    """Where rows or values may go, `rows_to_lose` says how many do, or `unknown` where that cannot be judged."""

    rows_to_lose: Annotated[str, Field(max_length=40, pattern=r"^([0-9,]*|unknown)$")] = ""
    wait: int = Field(default=0, ge=0, le=25, description="Seconds to wait for the end of the run.")


class FileSent(Sent):
    path: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
    content: str


class SnapshotSent(Sent):
    """The whole folder, as it is in one commit: what is not in it is not there any more."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    author: Word
    email: Text = ""
    message: Text = ""
    ref: Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")] = ""
    authored_at: datetime | None = None
    files: list[FileSent] = Field(max_length=10_000)


class FieldFault(Schema):
    """Where in the call, and what is wrong there."""

    where: str
    fault: str


class ProblemDetails(Schema):
    """RFC 9457. `code` is stable; `detail` is for people. `errors` are those of a call that is not valid."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    state: str | None = None
    remedy: str | None = None
    errors: list[FieldFault] | None = None


class PolicyShown(Schema):
    protected: bool
    approvals: int
    require: list[str]
    after: str | None


class EnvironmentShown(Schema):
    slug: str
    name: str
    source: str
    policy: PolicyShown
    last_seen_at: datetime | None
    failure: str | None


class MigrationNamed(Schema):
    version: str
    name: str

    @property
    def identity(self) -> MigrationId:
        return MigrationId(self.version, self.name)


class MigrationStanding(MigrationNamed):
    state: str
    pending: bool
    needs_attention: bool
    sentence: str
    reason: str | None = Field(description="Why it was skipped, where somebody has said that.")
    applied_at: datetime | None
    execution_time_ms: int | None
    checksum: str | None


class StatusShown(Schema):
    environment: str
    source: str
    commit: str | None
    applied: int
    pending: int
    attention: int
    latest: MigrationNamed | None
    migrations: list[MigrationStanding]


class MigrationFile(MigrationNamed):
    file: str
    checksum: str
    rollback_file: str | None
    problems: int


class FileProblem(Schema):
    code: str
    severity: str
    file: str
    line: int | None
    column: int | None
    sentence: str
    advice: str


class LintFinding(Schema):
    rule: str
    severity: str
    file: str
    line: int
    column: int
    sentence: str
    advice: str
    suppressed: str


class SourceShown(Schema):
    name: str
    kind: str
    environments: list[str]
    commit: str | None
    author: str | None
    subject: str | None
    failure: str | None


class WarningShown(Schema):
    key: str
    sentence: str
    needs_acceptance: bool


class StepShown(MigrationNamed):
    action: str
    file: str
    checksum: str
    reversible: bool


class PlanShown(Schema):
    environment: str
    action: str
    title: str
    digest: str
    commit: str | None
    needs_approval: bool
    steps: list[StepShown]
    warnings: list[WarningShown]
    stops_before: str | None


class RehearsalShown(Schema):
    id: int
    environment: str
    title: str
    digest: str
    status: str
    passed: bool | None
    reversible: bool | None
    asked_at: datetime
    finished_at: datetime | None
    report: dict[str, Any] | None
    failure: dict[str, Any] | None
    url: str


class DecisionShown(Schema):
    by: str
    verdict: str
    reason: str
    at: datetime


class ChangeRequestListed(Schema):
    id: int
    environment: str
    action: str
    title: str
    status: str
    digest: str
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decisions: list[DecisionShown]
    runs: list[int]
    url: str


class ChangeRequestShown(ChangeRequestListed):
    """`can_be_approved_by`: whose approval counts now."""

    approvals_needed: int
    can_be_approved_by: list[str]


class ChangeRequestPage(Schema):
    items: list[ChangeRequestListed]
    next: str | None


class RunStepShown(MigrationNamed):
    action: str
    status: str
    duration_ms: int | None
    waits_for: list[Any]


class RunShown(Schema):
    id: int
    environment: str
    action: str
    title: str
    status: str
    digest: str
    change_request: int | None
    started_by: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    steps: list[RunStepShown]
    failure: dict[str, Any] | None
    url: str


class RunPage(Schema):
    items: list[RunShown]
    next: str | None


class LogLine(MigrationNamed):
    id: int
    statement: int
    line: int
    summary: str
    #: ok, failed, stopped by a person, undone with the transaction of its step, or unknown.
    status: str
    tag: str
    duration_ms: int | None
    notices: list[Any]


class LogPage(Schema):
    """Statements that have ended, in order. Ask again with `after` = the last `id` until `ended`. A line that is read
    while its step runs says what the server answered; where that step fails, it was undone all the same."""

    status: str
    ended: bool
    lines: list[LogLine]


class DriftShown(Schema):
    environment: str
    outcome: str | None
    at: datetime | None
    since: datetime | None
    differing: int
    failure: str | None


class AuditShown(Schema):
    id: int
    at: datetime
    kind: str
    actor: str
    environment: str | None
    change_request: int | None
    run: int | None
    source_ip: str | None
    data: dict[str, Any]
    hash: str


class AuditPage(Schema):
    items: list[AuditShown]
    next: str | None
