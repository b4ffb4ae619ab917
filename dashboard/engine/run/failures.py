"""What goes wrong while a run is under way, as named errors with the facts that people need: made here only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import psycopg

from dashboard.engine.database import leftovers, messages, tracking
from dashboard.engine.database.connection import Access
from dashboard.engine.database.indexes import Index
from dashboard.engine.database.leftovers import Leftover
from dashboard.engine.errors import (
    ConnectionLost,
    EngineError,
    PartlyApplied,
    RunCancelled,
    ServerError,
    StatementFailed,
)
from dashboard.engine.plan import Action, Step
from dashboard.engine.sql import excerpts
from dashboard.engine.sql.statements import Statement

#: What our own errors about a statement carry in place of a SQLSTATE of the server.
TRANSACTION_TOUCHED = "25000"
INVALID_INDEX = "55000"
CANCELLED = "57014"
COPY_REFUSED = "0A000"
NOT_COMMITTED = "25P02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What to do about a cause, and what it leaves in the database, as sentences. `passing`: both are about an object
    in the catalog that anyone can remove or mend meanwhile."""

    remedy: str
    left: str = ""
    passing: bool = False


#: By SQLSTATE, where the server's own words do not help.
EXPLANATIONS = {
    "25001": Explanation(
        remedy="This statement cannot run inside a transaction. Write `-- signalbox: transaction=none` into its file."
    ),
    "25P01": Explanation(
        remedy="This statement means something only inside a transaction, and here each statement is committed by "
        "itself. Take it out, or take `-- signalbox: transaction=none` out of the file."
    ),
    "2D000": Explanation(
        remedy="A block or procedure commits by itself. Take the COMMIT out of it, or mark the file with "
        "`-- signalbox: transaction=none`."
    ),
    "42501": Explanation(
        remedy="The role in the URL of this environment lacks a right to what is named. Where that is a schema, its "
        "owner grants it: GRANT USAGE, CREATE ON SCHEMA … TO …. Where it is a table, a view or a sequence that another "
        "role made, as a tool before Signalbox may have, that role hands it over: ALTER TABLE … OWNER TO …. Then run "
        "this again."
    ),
    "53100": Explanation(
        left="The space it took may come back only after a VACUUM.",
        remedy="The disk of the database is full. Make room before the next try.",
    ),
    "55P03": Explanation(
        remedy="It did not get a lock in time, several times over. Look who holds it, and try again at a quieter time."
    ),
    "55P04": Explanation(
        remedy="A value that was added to an enum can be used only after that is committed. Put the ALTER TYPE into a "
        "file of its own, before this one."
    ),
    "40001": Explanation(
        remedy="It is serializable there by default, and lost against other transactions several times over. Try again "
        "at a quieter time."
    ),
    "40P01": Explanation(remedy="It deadlocked with other sessions several times over. Try again at a quieter time."),
}
#: Something of that name is there already: a table, column, object, function or schema.
ALREADY_THERE = frozenset({"42P07", "42701", "42710", "42723", "42P06"})
#: A file is missing, or what it would bring is not available; which of the two hangs on the version of the server.
EXTENSION_FILES = frozenset({"58P01", "0A000"})
RUN_BY_HAND = Explanation(
    remedy="Someone may have run it by hand, or another tool has. Compare what is there with the file: if it is the "
    "same, skip this migration here with a reason; if not, rename or remove what is in the way, and apply again."
)
#: A rollback sends what was captured at apply time, so a corrected file changes nothing.
ROLLBACK_FAILED = Explanation(
    remedy="A rollback sends the script that was captured when the migration was applied, so a change of the file "
    "changes nothing. Make by hand what the script misses in the database, and roll back again; or write a new "
    "migration that undoes the old one."
)
NO_SUCH_EXTENSION = Explanation(
    remedy="The file is right as it is: the server does not have this extension. Whoever runs the server installs it "
    "there; then apply again."
)


def not_told(table: str) -> Explanation:
    """The table of another tool, into which `dual_write` writes, did not take the row as it was given."""
    return Explanation(
        remedy=f"The migration itself is not at fault. Look at the triggers, rules and constraints of {table}, and let "
        "the row pass that its tool would write; then run this again. Or take `dual_write` out of the environment: "
        "then that table is left alone, and whoever still asks the tool has to tell it by its own command."
    )


NOT_EXPLAINED = Explanation(remedy="")
NOT_COPIED = Explanation(left="There is no copy either.", remedy="Remove the cause, and run it again.")
LOCK_RELEASED = Explanation(remedy="Take pg_advisory_unlock_all or DISCARD ALL out of the file.")
COPY_FROM_CLIENT = Explanation(remedy="Write the rows as INSERT statements.")
TRANSACTION_CONTROL = Explanation(remedy="Take the transaction control out of the file.")


def failed(
    step: Step, error: ServerError, explanation: Explanation | None = None, *, where: str = "while it was recorded"
) -> StatementFailed:
    """The step is undone. `where` is for an error that belongs to none of its statements."""
    explanation = explanation or _explained(step, error)
    return StatementFailed(
        version=step.label,
        number=error.statement,
        where=f"at statement {error.statement}" if error.statement else where,
        message=error.message,
        error=error,
        left=explanation.left,
        passing=explanation.passing,
        remedy=explanation.remedy,
    )


def _explained(step: Step, error: ServerError) -> Explanation:
    if explanation := EXPLANATIONS.get(error.sqlstate):
        return explanation
    if step.action is Action.ROLLBACK:
        return ROLLBACK_FAILED
    if error.sqlstate in EXTENSION_FILES and messages.lacks_extension(error):
        return NO_SUCH_EXTENSION
    return RUN_BY_HAND if error.sqlstate in ALREADY_THERE else NOT_EXPLAINED


def partly_applied(
    step: Step, statement: Statement, done: Sequence[int], cause: StatementFailed | RunCancelled
) -> PartlyApplied:
    """The step broke off at a statement, and what it did before stays."""
    error = cause.facts.get("error") or at(statement, CANCELLED, str(cause).rstrip("."))
    return PartlyApplied(
        version=step.label,
        number=statement.number,
        message=error.message,
        kept=_committed(done),
        left=cause.facts.get("left", ""),
        passing=cause.facts.get("passing", False),
        error=error,
        correction=cause.facts.get("remedy", ""),
    )


def not_copied(step: Step, error: ServerError) -> StatementFailed:
    """The fault is not the migration's: what it would destroy could not be copied, or not be brought back."""
    return failed(step, error, NOT_COPIED, where="while rows were copied")


def left_half_done(step: Step, error: ServerError, left: Collection[Leftover]) -> StatementFailed:
    """The statement failed and is not undone: it left these behind."""
    first = "; then ".join(leftovers.ways_on(left))
    remedy = f"The way on, while that is so: {first}."
    explanation = Explanation(left=leftovers.sentences(left), remedy=remedy, passing=True)
    detail = error.detail or ", ".join(sorted(each.name for each in left))
    return failed(step, replace(error, detail=detail), explanation)


def invalid_index_in_the_way(step: Step, statement: Statement, index: Index) -> StatementFailed:
    error = at(statement, INVALID_INDEX, f"an invalid index {index.qualified} is in the way")
    remedy = f"Drop it first, if it is still invalid: DROP INDEX CONCURRENTLY {index.qualified};"
    return failed(step, error, Explanation(remedy=remedy, passing=True))


def tracking_changed(step: Step, statement: Statement, done: Sequence[int], change: str) -> PartlyApplied:
    """Outside a transaction nothing can be taken back, so a statement that did this to our tables ends the run."""
    return PartlyApplied(
        version=step.label,
        number=statement.number,
        message=change,
        kept=_committed([*done, statement.number]),
        left="It is not recorded as applied.",
        error=at(statement, TRANSACTION_TOUCHED, change),
        correction="",
        remedy="Compare schema_migrations and migration_audit_log with a backup before anything else runs here.",
    )


def ended_our_transaction(step: Step, statement: Statement, tag: str = "") -> EngineError:
    """A COMMIT passes the fuses only where the migration took both out on purpose; then what it says is the truth."""
    error = at(statement, TRANSACTION_TOUCHED, "the statement touched the transaction of the run")
    if tag not in {"COMMIT", "PREPARE TRANSACTION"}:
        return failed(step, error, TRANSACTION_CONTROL)
    return PartlyApplied(
        version=step.label,
        number=statement.number,
        message="it committed by itself",
        kept=f"everything before statement {statement.number} is committed",
        left="",
        error=replace(error, message="the migration committed by itself"),
        correction=TRANSACTION_CONTROL.remedy,
        remedy=f"{TRANSACTION_CONTROL.remedy} Undo by hand what is there, then apply again.",
    )


def lost(step: Step, access: Access, phase: str, reason: str) -> ConnectionLost:
    return ConnectionLost(environment=access.address.name, version=step.label, phase=phase, reason=reason)


# What the server said


def located(error: psycopg.Error, script: str, statement: Statement) -> ServerError:
    """With the place in the file: where the server pointed, else where the statement starts."""
    position = error.diag.statement_position
    place = excerpts.locate(script, statement.offset + (int(position) if position else 1))
    return replace(
        server_error(error),
        statement=statement.number,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )


def server_error(error: psycopg.Error) -> ServerError:
    diagnostic = error.diag
    return ServerError(
        sqlstate=diagnostic.sqlstate or "",
        message=tracking.storable(diagnostic.message_primary or " ".join(str(error).split())),
        detail=tracking.storable(diagnostic.message_detail or ""),
        hint=tracking.storable(diagnostic.message_hint or ""),
        constraint=diagnostic.constraint_name or "",
        table=".".join(part for part in (diagnostic.schema_name, diagnostic.table_name) if part),
        context=tracking.storable(diagnostic.context or ""),
        origin=" ".join(part for part in (diagnostic.source_file, diagnostic.source_function) if part),
    )


def at(statement: Statement, sqlstate: str, message: str) -> ServerError:
    """An error of our own about a statement."""
    return ServerError(
        sqlstate=sqlstate, message=message, statement=statement.number, line=statement.line, column=statement.column
    )


def _committed(numbers: Sequence[int]) -> str:
    match numbers:
        case []:
            return "its first statement may have left something"
        case [only]:
            return f"statement {only} is committed"
        case _:
            return f"statements {numbers[0]} to {numbers[-1]} are committed"
