"""Every failure the engine can name.

One class for each thing that can go wrong. The class says four things: `code` for machines; `sentence` for what
happened, `state` for what the database is now, `advice` for what to do next, each a format string over `facts`.
Doors (pages, command line) map classes to answers in one table each; nobody matches on text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class EngineError(Exception):
    """Something the engine refused or could not do."""

    code: ClassVar[str] = "engine_error"
    sentence: ClassVar[str] = "The engine could not do this."
    state: ClassVar[str] = ""
    advice: ClassVar[str] = ""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence.format(**facts))

    @property
    def state_now(self) -> str:
        """What is in the database now, as sentences; empty where this failure tells nothing about it. A fact of that
        name replaces the text of the class."""
        return self._said("state_now", self.state)

    @property
    def remedy(self) -> str:
        """What the reader should do now, as sentences. A fact of that name replaces the text of the class."""
        return self._said("remedy", self.advice)

    @property
    def next_step(self) -> str:
        """Both, for a door that has one place for them."""
        return f"{self.state_now} {self.remedy}".strip()

    def _said(self, fact: str, of_class: str) -> str:
        return str(self.facts.get(fact) or of_class.format(**self.facts).strip())


# The folder


class SourceMissing(EngineError):
    code = "source_missing"
    sentence = "There is no migrations folder at {source}."
    advice = "Create it, or point SIGNALBOX_SOURCE (or --source) at the folder that holds your .sql files."


class SourceUnreadable(EngineError):
    code = "source_unreadable"
    sentence = "The migrations folder {source} cannot be read: {reason}."
    advice = "Give the user that runs Signalbox read permission on the folder."


class SourceNotRead(SourceMissing):
    """A source in a git repository of which no commit is there. Facts: source, reason (a sentence), remedy."""

    code = "source_not_read"
    sentence = "The source {source} is not read yet: {reason}"
    state = "No database was touched."
    advice = "Have it fetched: on its page, or on the command line with the verb fetch."


class SourceNotConfigured(EngineError):
    """What opens its repository is not there. Facts: source, reason (a clause), variables."""

    code = "source_not_configured"
    sentence = "The source {source} cannot be fetched: {reason}."
    state = "The last commit that was fetched stays in force, and no database was touched."
    advice = "Set {variables} for web and worker; they read it when they start."


class GitFetchFailed(EngineError):
    """The server, or the way to it, failed in a way that has no other name here. Facts: repository, reason."""

    code = "git_failed"
    sentence = "{repository} could not be fetched: {reason}."
    state = "The last commit that was fetched stays in force, and no database was touched."
    advice = "Fetch again; if it fails again, ask whoever runs that server, with this sentence."


class SqlSyntaxError(EngineError):
    """PostgreSQL's parser refuses the text. Facts: message, line, column (1-based), excerpt."""

    code = "syntax_error"
    sentence = "{message} (line {line}, column {column})"
    state = "Nothing was sent to any database."
    advice = "Correct the statement the caret points at."


class OperatorRun(SqlSyntaxError):
    """PostgreSQL's scanner would read the text over and over, and nothing could stop it. Facts as of its parent."""

    code = "operator_run"
    advice = "Take them out, or put blanks between them."


# The target


class TargetUnreachable(EngineError):
    code = "unreachable"
    sentence = "{environment} cannot be reached at {address}: {reason}"
    state = "Nothing was changed."
    advice = "Check that the database is up and that the URL in {variable} is right."


class SessionRefused(TargetUnreachable):
    """The server answered with an error of its own when the session was to begin. For whoever waits for the target that
    is as bad as no answer. Facts: those of TargetUnreachable, and cause (a sentence, or empty)."""

    code = "session_refused"
    sentence = "{environment} answered at {address}, and refused the session: {reason}"
    advice = "{cause}Mend what the server names, there or in the URL in {variable}."


class TransportRefused(TargetUnreachable):
    """The way there is not as safe as its environment demands. Facts: those of TargetUnreachable, and tls, slug."""

    code = "transport_refused"
    sentence = "{environment} at {address} was not connected to: {reason}"
    state = "Nothing was sent but the beginning of a connection, and no password."
    advice = (
        'Its environment demands tls = "{tls}". Set the server up for it, or correct the URL in {variable}. Where a '
        'plain connection is meant, allow it by name: tls = "any" under [environments.{slug}].'
    )


class TargetNotConfigured(EngineError):
    """Facts: environment, variable, reason (a clause)."""

    code = "not_configured"
    sentence = "{environment} has no database: {reason}."
    advice = "Set {variable} to the PostgreSQL URL of {environment}; web and worker read it when they start."


class TargetUnsuitable(EngineError):
    """The doctor found something that makes running migrations unsafe. Facts: environment, finding, remedy."""

    code = "unsuitable"
    sentence = "{environment} is not fit to run migrations: {finding}"
    state = "Nothing was changed."


class ControlDatabaseShared(EngineError):
    """The approvals that protect an environment are kept in its own database. Facts: environment, database."""

    code = "control_database_shared"
    sentence = (
        "{environment} is protected, and its database {database} is the one in which Signalbox keeps its people, "
        "requests and approvals: a migration there could approve itself and remove its traces."
    )
    state = "Nothing was changed."
    advice = (
        "Make a database for Signalbox alone and set SIGNALBOX_DATABASE_URL to it, run manage.py migrate and "
        "createsuperuser there, and restart Signalbox."
    )


class TargetBusy(EngineError):
    code = "target_busy"
    sentence = "Another run holds the lock of {environment}: {holder}."
    state = "Nothing was changed."
    advice = "Wait for that run to end, then start this one again."


class OtherDatabase(EngineError):
    """The URL leads to a database that the environment was not bound to. Facts: environment, variable, change."""

    code = "other_database"
    sentence = "{environment} is not the database it was: {variable} {change}."
    state = "Nothing was read from it or changed."
    advice = (
        "If that is a mistake, put the URL in {variable} back and restart "
        "Signalbox. If it is meant, an administrator confirms the other database on the page of {environment}."
    )


class TrackingTableUnusable(EngineError):
    code = "tracking_unusable"
    sentence = "{table} exists but is not a migration history that Signalbox can use: {reason}."
    state = "Nothing was changed."
    advice = (
        "Add the missing columns. Or leave the table as it is, set SIGNALBOX_TRACKING_SCHEMA to another schema, and "
        "record what it says has run as a baseline before anything is applied."
    )


class TrackingTableLocked(EngineError):
    """The table may be in order, but someone else holds a lock on it. Facts: environment, table, reason."""

    code = "tracking_locked"
    sentence = "{table} of {environment} is locked, or did not answer in time: {reason}."
    state = "Nothing was changed."
    advice = (
        "Look in pg_stat_activity for the session that holds it, such as an ALTER TABLE or a VACUUM FULL. Wait until "
        "it ends, or end it, and try again. The table itself needs no change."
    )


class TrackingTablesNotMade(EngineError):
    """They are not there yet, or not complete, and the server refuses to make them. Facts: schema, reason, remedy."""

    code = "tracking_not_made"
    sentence = "Signalbox could not make its tables in the schema {schema}: {reason}."
    state = "Nothing was changed."


class RightMissing(EngineError):
    """Facts: environment, role, reason, remedy."""

    code = "right_missing"
    sentence = "The role {role} lacks a right in {environment}: {reason}."
    state = "Nothing was changed."


class ToolTableUnreadable(EngineError):
    """The history of another tool. Facts: finding, a sentence; and a remedy where the table itself is in the way."""

    code = "tool_table_unreadable"
    sentence = "{finding}"
    state = "Nothing was changed."
    advice = "Its history cannot be taken over: record what has run already as applied, or skip it, each with a reason."


class TargetNotRead(EngineError):
    """It answers, but not with what was asked for. Facts: environment, reason."""

    code = "not_read"
    sentence = "{environment} answers, and could not be read: {reason}."
    state = "Nothing was changed."
    advice = "Test its connection: the findings there say what is wrong with it. The log of Signalbox has the rest."


class SchemaUnreadable(EngineError):
    code = "schema_unreadable"
    sentence = "The schema of {environment} could not be read: {reason}"
    state = "Nothing was changed, and nothing new is known."
    advice = "Where a table is being altered just now, check again once that has ended."


# The plan


class NothingToDo(EngineError):
    code = "nothing_to_do"
    sentence = "{environment} has nothing to do: {reason}."
    advice = "No run is needed."


class NoSuchMigration(EngineError):
    code = "no_such_migration"
    sentence = "There is no migration {version} in the folder, nor in the history of {environment}."
    advice = "Look at the list of migrations for the number you mean."


class NoSuchToolTable(EngineError):
    """Facts: environment, table, known (those that were found, or what there is instead)."""

    code = "no_such_tool_table"
    sentence = "{environment} has no table {table} of a tool that is known. Found: {known}."
    advice = "Name one of those that were found, with its schema."


class PlanBlocked(EngineError):
    """A migration stands in the way. Facts: version, reason, remedy."""

    code = "plan_blocked"
    sentence = "{version} stands in the way: {reason}"


class NotAcknowledged(EngineError):
    code = "not_acknowledged"
    sentence = "This plan has a warning nobody has accepted yet: {warning}"
    advice = "Read it, tick the box beside it if you accept it, and send the form again."


class PlanChanged(EngineError):
    """Under the lock, the plan is no longer what was approved. Facts: what (a phrase)."""

    code = "plan_changed"
    sentence = "What would run now is not what was approved: {what}."
    state = "Nothing was changed."
    advice = "Make a new request; it will show the plan as it is now."


class NotApproved(EngineError):
    code = "not_approved"
    sentence = "{environment} is protected and this run has no valid approval: {reason}."
    state = "Nothing was changed."
    advice = "Ask someone other than the requester to approve the request."


# The run


class StatementFailed(EngineError):
    """A statement was refused, by the server or by us; the migration is undone. Facts: version, where (a phrase),
    message, left (what there is besides, as sentences), passing (the catalog was asked for what is left: it can be gone
    an hour later), error (a `ServerError`), remedy (of this cause)."""

    code = "statement_failed"
    sentence = "{version} failed {where}: {message}"
    state = "Nothing of it remains. {left}"
    advice = "Correct the file, or the data it stumbled over, and apply again."


class PartlyApplied(EngineError):
    """A step failed after something of it was committed. Facts: version, number, message, kept (what is committed, as a
    clause), left (what there is besides, as sentences), passing (as of a statement that failed), error (a
    `ServerError`), correction (what removes the cause, as sentences; empty where the error alone tells)."""

    code = "partial"
    sentence = "{version} failed at statement {number}: {message}. It ran outside a transaction, and {kept}."
    state = "As it stands, {kept}. {left}"
    advice = (
        "{correction} Continue from statement {number} once the cause is gone, or undo by hand what is there and start "
        "over."
    )


class RunCancelled(EngineError):
    code = "cancelled"
    sentence = "The run was cancelled by {by} while {version} was running."
    state = "That migration left nothing behind."
    advice = "Start a new run when you are ready."


class WitnessGone(EngineError):
    """It cannot be read any more what a lost run did. Facts: table, missing (a clause)."""

    code = "witness_gone"
    sentence = "What this run committed cannot be read: {table} {missing}."
    state = "What of it is committed is not known."
    advice = (
        "Bring that table back as it was, from a backup or by renaming it back: it was there before anything of the "
        "run was sent."
    )


class RunOfOther(EngineError):
    """Another installation has begun it, and its end is not in the log yet. Facts: environment, installation, reason (a
    clause)."""

    code = "run_of_other"
    sentence = "The installation {installation} began it, and the log of {environment} has no end of it: {reason}."
    state = "That installation may still be at work on it, so nothing of it was touched."
    advice = (
        "Look at the run in the installation {installation}. If that one is gone for good, an administrator looks into "
        "{environment} and ends the run here without proof."
    )


class ClaimLost(EngineError):
    """The worker may not begin, because the run may no longer be its own. Facts: reason (a clause)."""

    code = "claim_lost"
    sentence = "The run was not begun: {reason}."
    state = "Nothing was sent."
    advice = "Start a new run when you are ready."


class ConnectionLost(EngineError):
    """The connection broke and the server's answer is not known. Facts: version, phase, reason."""

    code = "connection_lost"
    sentence = "The connection to {environment} broke during {version} ({phase}): {reason}"
    state = "What of it is committed is not known yet."
    advice = "That is being found out; until then nothing else runs in this environment."


# The rehearsal


class RehearsalImpossible(EngineError):
    """It could not be carried out, so nothing is known of what it was about. Facts: reason, remedy (sentences)."""

    code = "rehearsal_impossible"
    sentence = "It could not be rehearsed: {reason}"
    state = "Nothing was changed in any target."


class RehearsalNotIsolated(RehearsalImpossible):
    """It would have run beside keys, or with a network, and nobody allowed that by name. Facts as of its parent."""

    code = "rehearsal_not_isolated"


# The private PostgreSQL


class LocalServerError(EngineError):
    """The private PostgreSQL did not do as told. Facts: what (a sentence), state_now (where it is known), remedy."""

    code = "local_server"
    sentence = "{what}"


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
    origin: str = ""  # file and function of PostgreSQL that raised it: the same in every language
    statement: int = 0
    line: int | None = None
    column: int | None = None
    excerpt: str = ""
