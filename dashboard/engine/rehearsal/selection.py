"""What is to be proven: the migrations of a folder or of a plan, each with what verifies it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dashboard.engine import status
from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.files.verifications import Verification
from dashboard.engine.migration import Direction, FileRole, Folder, History, Migration, MigrationId, Script, Severity
from dashboard.engine.plan import Action, Plan, Step
from dashboard.engine.rehearsal.report import NotReached, Proof, ScriptError
from dashboard.engine.sql import statements
from dashboard.engine.status import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A migration to be proven. A file that nobody can read has its fault instead of a text."""

    up: Step
    down: Step | None = None
    is_applied: bool = False  # its rollback is what is to be proven; `up` without a text: it was not captured
    checks: tuple[Verification, ...] = ()
    up_fault: ScriptError | None = None
    down_fault: ScriptError | None = None


def of_folder(folder: Folder, verify: Sequence[Verification]) -> list[Candidate]:
    return _with_checks([_of_migration(migration) for migration in folder.migrations], verify)


def of_plan(plan: Plan, history: History, verify: Sequence[Verification]) -> list[Candidate]:
    if plan.action is Action.ROLLBACK:
        return [_of_rollback(step, history) for step in plan.steps]
    return _with_checks([_of_step(step) for step in plan.steps], verify)


def unread(folder: Folder) -> list[str]:
    """Files that may hold SQL and that no migration holds: a wrong name, a rollback that may belong to several. And
    what is wrong with the folder as a whole."""
    read = {script.file for m in folder.migrations for script in (m.up, m.down) if script}
    verifies = {entry.file for entry in folder.files if entry.role is FileRole.VERIFY}
    faults = {p.file: p.sentence for p in reversed(folder.problems) if p.severity is Severity.ERROR}
    return [f"{file} was not rehearsed: {faults[file]}" for file in sorted(faults.keys() - read - verifies)]


def blocked(folder: Folder, proofs: Sequence[Proof]) -> list[str]:
    """Migrations that ran here, and that no plan runs before their files are mended."""
    ran = {proof.identity for proof in proofs if proof.ran}
    return [
        f"{migration.label} is in no plan, whatever was seen of it here: {errors[0].sentence}"
        for migration in folder.migrations
        if migration.identity in ran and (errors := migration.errors(Direction.UP))
    ]


def left_out(steps: Sequence[Step], why: str, history: History, folder: Folder) -> list[NotReached]:
    """What is pending and not among these steps of its plan, which stops before that."""
    planned = {step.identity for step in steps}
    pending = [s for s in status.compute(folder, history) if s.state.is_pending or s.state is State.CONFLICT]
    reason = f"the plan stops before it: {why.removesuffix('.')}"
    return [
        NotReached(version=item.version, name=item.name, reason=reason)
        for item in pending
        if item.identity not in planned
    ]


def extensions(candidates: Sequence[Candidate]) -> frozenset[str]:
    """What their files create."""
    return frozenset(name for candidate in candidates for name in _created(candidate.up.sql))


def _created(script: str) -> Iterator[str]:
    try:
        parsed = statements.split(script)
    except SqlSyntaxError:
        return
    for statement in parsed:
        if statement.node == "create_extension_stmt" and (tree := statements.tree(statement)):
            yield tree.extname


def _of_step(step: Step) -> Candidate:
    up = replace(step, copies=())
    return Candidate(up=up, down=_down(up, step.down_sql) if step.down_sql else None)


def _of_rollback(step: Step, history: History) -> Candidate:
    row = history.row(step.identity)
    forward = row.forward_script if row else None
    down = replace(step, copies=())
    up = replace(down, action=Action.APPLY, sql=forward or "", down_sql=step.sql)
    return Candidate(up=up, down=down, is_applied=True)


def _of_migration(migration: Migration) -> Candidate:
    up = Step(
        action=Action.APPLY,
        version=migration.version,
        name=migration.name,
        key=migration.label,  # two files may share a version
        file=migration.up.file,
        sql=migration.up.sql,
        checksum=migration.up.checksum,
    )
    return Candidate(
        up=up,
        down=_down(up, migration.down.sql) if migration.down else None,
        up_fault=_fault(migration, migration.up),
        down_fault=_fault(migration, migration.down) if migration.down else None,
    )


def _down(up: Step, sql: str) -> Step:
    return replace(up, action=Action.ROLLBACK, sql=sql, file="", down_sql=None)


#: These files hold no statement, which runs nowhere and fails nowhere.
_EMPTY = frozenset({"no_statement", "empty_rollback"})


def _fault(migration: Migration, script: Script) -> ScriptError | None:
    """What the reader says of a file in which it found no statement."""
    if script.statements:
        return None
    for problem in migration.problems:
        if problem.file == script.file and problem.severity is Severity.ERROR and problem.code not in _EMPTY:
            return ScriptError(
                sentence=problem.sentence,
                remedy=problem.advice,
                line=problem.line or 0,
                column=problem.column or 0,
                excerpt=problem.excerpt,
            )
    return None


def _with_checks(candidates: list[Candidate], verify: Sequence[Verification]) -> list[Candidate]:
    """A check follows the last migration that it is about; one of the whole folder the last of all."""
    checks: list[list[Verification]] = [[] for _ in candidates]
    last: dict[MigrationId, int] = {}  # without a name: of that version; with neither: of all
    for index, candidate in enumerate(candidates):
        identity = candidate.up.identity
        last |= dict.fromkeys((identity, identity._replace(name=""), MigrationId("", "")), index)
    for check in verify:
        if not check.fault and check.about in last:
            checks[last[check.about]].append(check)
    return [replace(candidate, checks=tuple(its)) for candidate, its in zip(candidates, checks, strict=True)]
