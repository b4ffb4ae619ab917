"""Every failure the engine can name.

One class for each thing that can go wrong. The class says three things: `code` for machines,
`sentence` for what happened (a format string over `facts`), `advice` for what to do next.
Doors (pages, API, command line) map classes to answers in one table each; nobody matches on text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class EngineError(Exception):
    """Something the engine refused or could not do."""

    code: ClassVar[str] = "engine_error"
    sentence: ClassVar[str] = "The engine could not do this."
    advice: ClassVar[str] = ""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence.format(**facts))

    @property
    def next_step(self) -> str:
        """What the reader should do now; one or two sentences."""
        return self.advice.format(**self.facts)


# The folder


class SourceMissing(EngineError):
    code = "source_missing"
    sentence = "There is no migrations folder at {source}."
    advice = "Create it, or point SIGNALBOX_SOURCE (or --source) at the folder that holds your .sql files."


class SourceUnreadable(EngineError):
    code = "source_unreadable"
    sentence = "The migrations folder {source} cannot be read: {reason}."
    advice = "Give the user that runs Signalbox read permission on the folder."


class SqlSyntaxError(EngineError):
    """PostgreSQL's parser refuses the text. Facts: message, line, column (1-based), excerpt."""

    code = "syntax_error"
    sentence = "{message} (line {line}, column {column})"
    advice = "Correct the statement the caret points at. Nothing was sent to any database."


# The target


class TargetUnreachable(EngineError):
    code = "unreachable"
    sentence = "{environment} cannot be reached at {address}: {reason}"
    advice = "Nothing was changed. Check that the database is up and that the URL in {variable} is right."


class TargetNotConfigured(EngineError):
    code = "not_configured"
    sentence = "{environment} has no database: the variable {variable} is not set."
    advice = "Set {variable} to the PostgreSQL URL of {environment} and restart Signalbox."


class TargetUnsuitable(EngineError):
    """The doctor found something that makes running migrations unsafe. Facts: environment, finding, remedy."""

    code = "unsuitable"
    sentence = "{environment} is not fit to run migrations: {finding}"
    advice = "{remedy} Nothing was changed."


class TargetBusy(EngineError):
    code = "target_busy"
    sentence = "Another run holds the lock of {environment}: {holder}."
    advice = "Nothing was changed. Wait for that run to end, then start this one again."


class OtherDatabase(EngineError):
    """The URL leads to a database that the environment was not bound to. Facts: environment, variable, change."""

    code = "other_database"
    sentence = "{environment} is not the database it was: {variable} {change}."
    advice = (
        "Nothing was read from it or changed. If that is a mistake, put the URL in {variable} back and restart "
        "Signalbox. If it is meant, an administrator confirms the other database on the page of {environment}."
    )


class TrackingTableUnusable(EngineError):
    code = "tracking_unusable"
    sentence = "{table} exists but is not a migration history that Signalbox can read: {reason}."
    advice = "Nothing was changed. Rename that table, or add the missing columns, and try again."


class SchemaUnreadable(EngineError):
    code = "schema_unreadable"
    sentence = "The schema of {environment} could not be read: {reason}"
    advice = (
        "Nothing was changed, and nothing new is known. Where a table is being altered just now, check again once that "
        "has ended."
    )


# The plan


class NothingToDo(EngineError):
    code = "nothing_to_do"
    sentence = "{environment} has nothing to do: {reason}."
    advice = "No run is needed."


class NoSuchMigration(EngineError):
    code = "no_such_migration"
    sentence = "There is no migration {version} in the folder, nor in the history of {environment}."
    advice = "Look at the list of migrations for the number you mean."


class PlanBlocked(EngineError):
    """A migration stands in the way. Facts: version, reason, remedy."""

    code = "plan_blocked"
    sentence = "{version} stands in the way: {reason}"
    advice = "{remedy}"


class NotAcknowledged(EngineError):
    code = "not_acknowledged"
    sentence = "This plan has a warning nobody has accepted yet: {warning}"
    advice = "Read it, tick the box beside it if you accept it, and send the form again."


class PlanChanged(EngineError):
    """Under the lock, the plan is no longer what was approved. Facts: what (a phrase)."""

    code = "plan_changed"
    sentence = "What would run now is not what was approved: {what}."
    advice = "Nothing was changed. Make a new request; it will show the plan as it is now."


class NotApproved(EngineError):
    code = "not_approved"
    sentence = "{environment} is protected and this run has no valid approval: {reason}."
    advice = "Nothing was changed. Ask someone other than the requester to approve the request."


# The run


class StatementFailed(EngineError):
    """A statement was refused by the server. `facts["error"]` is a `ServerError`."""

    code = "statement_failed"
    sentence = "{version} failed {where}: {message}"
    advice = "{remedy}"


class PartlyApplied(EngineError):
    """A step outside a transaction failed after something of it was committed. `facts["error"]` is a `ServerError`."""

    code = "partial"
    sentence = "{version} failed at statement {number}: {message}. It ran outside a transaction, and {kept}."
    advice = "{remedy}"


class RunCancelled(EngineError):
    code = "cancelled"
    sentence = "The run was cancelled by {by} while {version} was running."
    advice = "That migration left nothing behind. Start a new run when you are ready."


class ConnectionLost(EngineError):
    """The connection broke and the server's answer is not known. Facts: version, phase, reason."""

    code = "connection_lost"
    sentence = "The connection to {environment} broke during {version} ({phase}): {reason}"
    advice = "{remedy}"


# The rehearsal


class RehearsalImpossible(EngineError):
    """It could not be carried out, so nothing is known of what it was about. Facts: reason, remedy (sentences)."""

    code = "rehearsal_impossible"
    sentence = "It could not be rehearsed: {reason}"
    advice = "{remedy}"


# The private PostgreSQL


class LocalServerError(EngineError):
    """The private PostgreSQL did not do as told. Facts: what (a sentence), remedy (a sentence)."""

    code = "local_server"
    sentence = "{what}"
    advice = "{remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """What PostgreSQL said of one refused statement. `line`, `column` are 1-based, in the file."""

    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    constraint: str = ""
    table: str = ""
    context: str = ""
    statement: int = 0
    line: int | None = None
    column: int | None = None
    excerpt: str = ""
