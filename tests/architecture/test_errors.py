"""Every named error has an answer in every door, and its sentences can be said wherever it is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from string import Formatter

import pytest

from dashboard.cli import exits
from dashboard.engine.errors import EngineError
from dashboard.presenters import answers
from dashboard.services import errors as services  # noqa: F401 - defines the errors of the services
from tests.architecture.source import called, calls, trees


def _below(error: type[EngineError]) -> Iterator[type[EngineError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _below(kind)


#: By name, without those that only group others.
ERRORS = {
    kind.__name__: kind
    for kind in _below(EngineError)
    if kind.__name__ != "Refused" and kind.__module__.startswith("dashboard.")
}

#: What to do next depends on the case, so each place that raises one gives it, as the fact `remedy`.
REMEDY_WHERE_RAISED = {
    "BreakGlassRefused",
    "EvidenceMissing",
    "GitTooBig",
    "LocalServerError",
    "NotNow",
    "PlanBlocked",
    "RehearsalImpossible",
    "RehearsalNotIsolated",
    "RightMissing",
    "StartTimeRefused",
    "TargetUnsuitable",
    "TokenRefused",
    "TooMany",
    "TrackingTablesNotMade",
}

#: Answered with 422, "understood, and refused", because nothing is wrong with the person, the place or the moment.
UNPROCESSABLE = {
    "ApproverGone",
    "ConnectionLost",
    "EnvironmentNotDeclared",
    "KeyUsedAgain",
    "LastAdministrator",
    "LinkNotMailed",
    "LinkUnusable",
    "LocalServerError",
    "MachineRefused",
    "NameNotTyped",
    "NameRefused",
    "NoSuchMigration",
    "NoSuchToolTable",
    "NotAcknowledged",
    "NotApproved",
    "NothingToDo",
    "NotRehearsable",
    "PartlyApplied",
    "PlanBlocked",
    "ReasonMissing",
    "RehearsalImpossible",
    "RehearsalNotIsolated",
    "RowsNotTyped",
    "RunCancelled",
    "SchemaUnreadable",
    "SqlSyntaxError",
    "OperatorRun",
    "StartTimeRefused",
    "SnapshotRefused",
    "StatementFailed",
    "TargetUnsuitable",
    "ToolTableUnreadable",
    "TrackingTableUnusable",
    "TrackingTablesNotMade",
}

#: Ends a command with 1, "failed", because a script can do nothing more particular about it.
FAILED = {
    "AlreadyDecided",
    "ApproverGone",
    "ApproverTouched",
    "AuditKeyMissing",
    "BreakGlassRefused",
    "CallUnderWay",
    "ClaimLost",
    "ConnectionLost",
    "CopyNotConfirmed",
    "DatabaseNotConfirmed",
    "DatabaseOutdated",
    "DriftChanged",
    "EnvironmentNotDeclared",
    "EvidenceMissing",
    "IssuerSilent",
    "LargeCallUnderWay",
    "KeyUsedAgain",
    "LastAdministrator",
    "LinkNotMailed",
    "LinkUnusable",
    "LocalServerError",
    "MachineRefused",
    "NameNotTyped",
    "NameRefused",
    "NotAcknowledged",
    "NotRehearsable",
    "OtherDatabase",
    "OwnDecision",
    "PageOutdated",
    "PartlyApplied",
    "PlanChanged",
    "ReasonMissing",
    "RehearsalImpossible",
    "RequesterGone",
    "RowsNotTyped",
    "RunCancelled",
    "RunOfOther",
    "SchemaUnreadable",
    "SqlSyntaxError",
    "OperatorRun",
    "StartTimeRefused",
    "SnapshotRefused",
    "StatementFailed",
    "TokenGone",
    "WitnessGone",
}


def _answered(table: tuple[tuple[type[EngineError], object], ...]) -> set[str]:
    return {name for name, kind in ERRORS.items() if issubclass(kind, tuple(of for of, _ in table))}


def test_every_error_has_a_status() -> None:
    answered = _answered(answers.STATUS)
    missing = set(ERRORS) - answered - UNPROCESSABLE
    assert not missing, (
        f"Decide with which status {sorted(missing)} is answered: add to STATUS in dashboard/presenters/answers.py, "
        "or to UNPROCESSABLE here where 422 is right."
    )
    assert not UNPROCESSABLE & answered, "An error is in STATUS or in UNPROCESSABLE, not in both."
    assert set(ERRORS) >= UNPROCESSABLE, f"There is no such error any more: {sorted(UNPROCESSABLE - set(ERRORS))}"


def test_every_error_has_an_exit_code() -> None:
    answered = _answered(exits.CODES)
    missing = set(ERRORS) - answered - FAILED
    assert not missing, (
        f"Decide with which code a command ends on {sorted(missing)}: add it to CODES in dashboard/cli/exits.py, or to "
        "FAILED here where 1 is right."
    )
    assert not FAILED & answered, "An error is in CODES or in FAILED, not in both."
    assert set(ERRORS) >= FAILED, f"There is no such error any more: {sorted(FAILED - set(ERRORS))}"


@pytest.mark.parametrize("table", [answers.STATUS, exits.CODES], ids=["pages", "command line"])
def test_no_row_is_hidden_by_one_above_it(table: tuple[tuple[type[EngineError], object], ...]) -> None:
    kinds = [kind for kind, _ in table]
    for position, kind in enumerate(kinds):
        assert not issubclass(kind, tuple(kinds[:position])), f"{kind.__name__} has to stand before its parent class"


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_every_error_has_a_code_a_sentence_and_a_next_step_of_its_own(name: str) -> None:
    error = ERRORS[name]
    assert error.code not in {"engine_error", "refused"}, f"give {name} a code: machines know errors by it"
    assert error.sentence != EngineError.sentence, f"give {name} a sentence: what happened"
    assert error.advice or name in REMEDY_WHERE_RAISED, f"give {name} an advice: what to do next"


def test_no_two_errors_have_one_code() -> None:
    own = [kind.code for kind in ERRORS.values() if "code" in vars(kind)]
    assert len(own) == len(set(own)), "A code names one error; a child that means the same inherits it."


def test_whoever_raises_an_error_gives_the_facts_of_its_sentences() -> None:
    for place, name, facts in _raised():
        missing = _fields(ERRORS[name]) - facts
        assert not missing, f"{place} makes {name} without {sorted(missing)}, which its sentence or advice names."


def test_every_error_is_raised_somewhere() -> None:
    never = set(ERRORS) - {name for _, name, _ in _raised()}
    assert not never, f"Nobody raises {sorted(never)}: raise it where it happens, or take it out."


def _fields(error: type[EngineError]) -> set[str]:
    parts = [*Formatter().parse(error.sentence), *Formatter().parse(error.advice)]
    fields = {field.split(".")[0].split("[")[0] for _, field, _, _ in parts if field}
    return fields | {"remedy"} if error.__name__ in REMEDY_WHERE_RAISED else fields


def _raised() -> Iterator[tuple[str, str, set[str]]]:
    """Where each error is made, its name, and the facts it gets. Facts passed on with ** are taken to be enough."""
    for place, call in calls("dashboard"):
        name = called(call)
        if name in ERRORS:
            passed_on = any(keyword.arg is None for keyword in call.keywords)
            yield place, name, _fields(ERRORS[name]) if passed_on else {keyword.arg or "" for keyword in call.keywords}
    for path, tree in trees("dashboard"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in ERRORS:
                yield f"{path}:{node.lineno}", node.exc.id, set()
