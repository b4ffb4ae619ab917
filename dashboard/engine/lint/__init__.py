"""Does the text of a migration look risky? Pure: nothing here talks to a database.

squawk and our own rules read each script; suppressions in the file answer them; one list comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from dashboard.engine.lint import squawk, suppressions
from dashboard.engine.lint.advice import RULES as SQUAWK_RULES
from dashboard.engine.lint.earlier import EarlierMigrations
from dashboard.engine.lint.findings import Finding, Hit, LintContext
from dashboard.engine.lint.problems import without_strings
from dashboard.engine.lint.rules import RULES as OWN_RULES
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.lint.squawk import Mark, SquawkMissing
from dashboard.engine.migration import Direction, Folder, Migration, Problem, Severity

__all__ = ["RULES", "Finding", "LintContext", "lint", "lint_folder", "says"]

#: Every rule that can be suppressed.
RULES: tuple[str, ...] = tuple(sorted([*OWN_RULES, *SQUAWK_RULES]))

#: What the reader refuses stays refused, so no reason in the file can allow it.
_NOT_SUPPRESSIBLE = ("syntax-error", "mixed-transaction")
_SUPPRESSIBLE = frozenset(RULES).difference(_NOT_SUPPRESSIBLE)

#: Name and check of each own rule, and the kinds of messages without which it has nothing to say of a script.
_CHECKS = tuple((name, rule.check, getattr(rule, "KINDS", None)) for name, rule in OWN_RULES.items())

_Marks = Mapping[str, tuple[Mark, ...]]  # squawk's, by file


def lint(migration: Migration, *, context: LintContext, earlier: Sequence[Migration] = ()) -> tuple[Finding, ...]:
    """Findings of its up and its down, by file and place. `earlier`: the migrations before it, in their order."""
    made_before = EarlierMigrations()
    for before in earlier:
        made_before.learn(_up(before, made_before).parsed)
    marks, missing = _ask_squawk([migration], context)
    return (*missing, *_lint(_up(migration, made_before), context, marks))


def lint_folder(folder: Folder, context: LintContext) -> tuple[Finding, ...]:
    """Findings of all migrations in their order, then those of the folder itself. squawk is started once."""
    marks, findings = _ask_squawk(folder.migrations, context)
    earlier = EarlierMigrations()
    for migration in folder.migrations:
        up = _up(migration, earlier)
        findings += _lint(up, context, marks)
        earlier.learn(up.parsed)
    attached = {problem for migration in folder.migrations for problem in migration.problems}
    loose = (problem for problem in folder.problems if problem not in attached)
    return (*findings, *(_from_problem(problem) for problem in loose if problem.severity is Severity.ERROR))


def says(problem: Problem) -> bool:
    """Whether `lint_folder` has a finding about this problem of the reader."""
    return problem.severity is Severity.ERROR or problem.code in _RULE_OF_FILES


def _lint(up: LintedScript, context: LintContext, marks: _Marks | None) -> Iterator[Finding]:
    """For the up and the down of its migration."""
    migration = up.migration
    yield from _lint_script(up, context, marks)
    if migration.down is not None:
        down = replace(up, direction=Direction.DOWN, script=migration.down, up=up)
        yield from _lint_script(down, context, marks)
    unspoken = (p for p in migration.problems if p.severity is Severity.ERROR and p.code not in _RULE_OF)
    yield from (_from_problem(problem) for problem in unspoken)


def _lint_script(linted: LintedScript, context: LintContext, marks: _Marks | None) -> list[Finding]:
    kinds = linted.kinds
    asked = ((name, check) for name, check, needed in _CHECKS if needed is None or not needed.isdisjoint(kinds))
    hits = [(name, hit) for name, check in asked for hit in check(linted, context)]
    if marks is not None:
        hits += squawk.hits(linted, marks.get(linted.script.file, ()), context)
    judged = _judged(context, with_squawk=marks is not None)
    findings, complaints = suppressions.apply(linted, [_finding(linted, *each) for each in hits], _SUPPRESSIBLE, judged)
    findings += [_finding(linted, suppressions.RULE, hit) for hit in complaints]
    return sorted(findings, key=lambda f: (f.line, f.column, f.rule))


@lru_cache(maxsize=8)
def _judged(context: LintContext, *, with_squawk: bool) -> frozenset[str]:
    own = (name for name, rule in OWN_RULES.items() if getattr(rule, "applies", _always)(context))
    return frozenset((*own, *(SQUAWK_RULES if with_squawk else ())))


def _always(context: LintContext) -> bool:
    return True


def _up(migration: Migration, earlier: EarlierMigrations) -> LintedScript:
    return LintedScript(migration=migration, direction=Direction.UP, script=migration.up, earlier=earlier)


def _finding(linted: LintedScript, rule: str, hit: Hit) -> Finding:
    line, column = hit.place or linted.place(hit.offset)
    return Finding(
        rule=rule,
        severity=hit.severity,
        file=linted.script.file,
        line=line,
        column=column,
        sentence=hit.sentence,
        advice=hit.advice,
        statement=hit.statement,
    )


# squawk


def _ask_squawk(migrations: Sequence[Migration], context: LintContext) -> tuple[_Marks | None, list[Finding]]:
    """Its marks, or None and a note that says why there are none."""
    scripts = [migration.up for migration in migrations if migration.up.statements]
    try:
        return squawk.read(scripts, context), []
    except SquawkMissing as error:
        return None, [_incomplete(str(error))]


def _incomplete(reason: str) -> Finding:
    return Finding(
        rule="squawk-missing",
        severity=Severity.NOTE,
        file="",
        line=1,
        column=1,
        sentence=f"Locks and rewrites were not judged, because the linter squawk cannot be used: {reason}.",
        advice="Run pip install -r requirements-squawk.txt, where your platform has it. All other rules were checked.",
    )


# The reader's errors

#: Which rule reports a problem; any other is shown under its own code.
_RULE_OF = {code: name for name, rule in OWN_RULES.items() for code in getattr(rule, "CODES", ())}
_RULE_OF_FILES = _RULE_OF | {"empty_rollback": "comment-only-rollback"}


def _from_problem(problem: Problem) -> Finding:
    return Finding(
        rule=_RULE_OF_FILES.get(problem.code, problem.code.replace("_", "-")),
        severity=problem.severity,
        file=problem.file,
        line=problem.line or 1,
        column=problem.column or 1,
        sentence=without_strings(problem.sentence),
        advice=problem.advice,
    )
