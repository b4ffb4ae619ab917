"""How a script may run: in one transaction, or statement by statement; and why some scripts may not run at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.sql import directives, outside
from dashboard.engine.sql.statements import Statement, TransactionControl, split, tree


class TransactionMode(StrEnum):
    SINGLE = "single"  # all statements in one transaction, the tracking row with them
    NONE = "none"  # statement by statement in autocommit; a failure leaves what came before it


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFault:
    """Why a script has no safe way to run."""

    code: str  # mixed_transaction_control or non_transactional_mixed
    sentence: str
    advice: str
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionShape:
    """How a script runs: which statements are sent, in file order, and in what kind of transaction."""

    mode: TransactionMode
    sent: tuple[Statement, ...]
    absorbed: bool = False  # the script's own BEGIN ... COMMIT is replaced by the runner's transaction
    fault: ShapeFault | None = None  # set: the script must not run


def shape_of(sql: str) -> TransactionShape:
    """How a script with its own directives runs. Raises SqlSyntaxError."""
    return plan_transaction(split(sql), directives.values_in(sql))


def plan_transaction(statements: tuple[Statement, ...], directives: Mapping[str, str]) -> TransactionShape:
    """Decide how a script runs.

    With `transaction=none` every statement runs by itself, so transaction control has no place in it. Otherwise
    one BEGIN ... COMMIT pair around or inside the script is absorbed: neither is sent, all else runs in file order
    in one transaction. A script of nothing but non-transactional statements runs without one.
    """
    if statements and directives.get("transaction") == TransactionMode.NONE:
        return _statement_by_statement(statements)
    fault = _control_fault(statements)
    sent = tuple(s for s in statements if s.control is None)
    absorbed = fault is None and len(sent) < len(statements)
    outside = [s for s in sent if not s.transactional]
    if outside and (inside := _drops_without_slot(sent)):
        outside = [s for s in outside if s.number not in inside]
    if not outside:
        return TransactionShape(mode=TransactionMode.SINGLE, sent=sent, absorbed=absorbed, fault=fault)
    if absorbed:
        fault = _wrapped_fault(outside[0])
    elif len(outside) < len(sent):
        fault = fault or _mixed_fault(outside[0])
    return TransactionShape(mode=TransactionMode.NONE, sent=sent, fault=fault)


def is_bare(statement: Statement) -> bool:
    """Whether it is sent with nothing around it where a script runs statement by statement; the others share a small
    transaction with the word that they are done."""
    return not statement.transactional or outside.of(statement.node).bare(tree(statement))


def may_commit(statement: Statement) -> bool:
    """Whether it may have committed something by itself before it failed."""
    return outside.of(statement.node).commits


def is_repeatable(statement: Statement) -> bool:
    """Whether running it a second time does no harm."""
    return outside.of(statement.node).repeatable


def _drops_without_slot(statements: tuple[Statement, ...]) -> set[int]:
    """DROP SUBSCRIPTION of one from which this script took its slot before: that may run in a transaction. Their
    numbers."""
    freed: set[str] = set()
    drops: set[int] = set()
    for statement in statements:
        if statement.node == "alter_subscription_stmt" and (parsed := tree(statement)):
            options = (option.def_elem for option in parsed.options)
            freed |= {parsed.subname for o in options if o.defname == "slot_name" and o.arg.string.sval == "none"}
        if statement.node == "drop_subscription_stmt" and (parsed := tree(statement)) and parsed.subname in freed:
            drops.add(statement.number)
    return drops


def _statement_by_statement(statements: tuple[Statement, ...]) -> TransactionShape:
    control = next((s for s in statements if s.control or s.node == "transaction_stmt"), None)
    fault = _needless_control_fault(control) if control else None
    return TransactionShape(mode=TransactionMode.NONE, sent=statements, fault=fault)


def _needless_control_fault(statement: Statement) -> ShapeFault:
    return ShapeFault(
        code="mixed_transaction_control",
        sentence=f"{statement.summary} on line {statement.line} cannot run in a file that says transaction=none.",
        advice="Remove it, or remove the directive so that the whole file runs in one transaction.",
        statement=statement,
    )


def _control_fault(statements: tuple[Statement, ...]) -> ShapeFault | None:
    """Any transaction control but nothing at all, or BEGIN followed by COMMIT."""
    controls = [s for s in statements if s.control]
    expected = (TransactionControl.BEGIN, TransactionControl.COMMIT)
    for place, statement in enumerate(controls):
        if place >= len(expected) or statement.control is not expected[place]:
            return _control_fault_at(statement, opened=place == 1)
    if len(controls) == 1:
        return ShapeFault(
            code="mixed_transaction_control",
            sentence=f"BEGIN on line {controls[0].line} is never followed by COMMIT.",
            advice="Remove BEGIN, or add the missing COMMIT. Signalbox opens a transaction for every file by itself.",
            statement=controls[0],
        )
    return None


def _control_fault_at(statement: Statement, *, opened: bool) -> ShapeFault:
    if statement.control is TransactionControl.COMMIT:
        why = "has no BEGIN before it, or is a second one"
    elif statement.control is TransactionControl.BEGIN:
        why = "opens a second transaction"
    elif opened:
        why = "stands where only COMMIT may end the transaction"
    else:
        why = "would take the transaction out of Signalbox's hands"
    return ShapeFault(
        code="mixed_transaction_control",
        sentence=f"{statement.summary} on line {statement.line} {why}, so this file cannot run as one transaction.",
        advice="Remove it. Signalbox runs each file in one transaction of its own; one plain BEGIN ... COMMIT pair "
        "is accepted. Put what must be committed separately into files of their own.",
        statement=statement,
    )


def _wrapped_fault(statement: Statement) -> ShapeFault:
    return ShapeFault(
        code="non_transactional_mixed",
        sentence=f"PostgreSQL refuses {statement.summary} (line {statement.line}) inside a transaction, "
        "and this file runs as one because of its BEGIN and COMMIT.",
        advice="Put this statement alone into a file of its own, without BEGIN and COMMIT.",
        statement=statement,
    )


#: Where only the server knows.
_UNLESS = {"drop_subscription_stmt": " unless its slot_name is NONE"}


def _mixed_fault(statement: Statement) -> ShapeFault:
    return ShapeFault(
        code="non_transactional_mixed",
        sentence=f"PostgreSQL refuses {statement.summary} (line {statement.line}) inside a transaction"
        f"{_UNLESS.get(statement.node, '')}, and a file with other statements beside it runs as one.",
        advice="Move it into a file of its own. Or write `-- signalbox: transaction=none` at the top: then every "
        "statement is committed by itself, and a failure leaves the ones before it in place.",
        statement=statement,
    )
