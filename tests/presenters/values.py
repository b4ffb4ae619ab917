"""What presenters are given, made without a database: the engine's values, and rows that were never saved.

Every builder has a plain default for whatever a test does not care about. Nothing here is asserted on by its wording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.models import User
from django.urls import resolve
from django.utils import timezone

from config.environments import Environment
from dashboard.engine.database.doctor import Check
from dashboard.engine.database.doctor import CheckLevel as CheckLevel
from dashboard.engine.database.leftovers import Leftover
from dashboard.engine.database.saved import Outlook, Save
from dashboard.engine.errors import OtherDatabase
from dashboard.engine.forecast.values import Fate, Forecast, Loss
from dashboard.engine.lint import Finding
from dashboard.engine.migration import (
    AppliedMigration,
    FileEntry,
    FileRole,
    Folder,
    History,
    JournalEntry,
    Kind,
    Migration,
    MigrationId,
    Problem,
    Script,
    Severity,
    Unfinished,
    checksum,
)
from dashboard.engine.plan import Action, Copy, Plan, PlanWarning, Policy, Step, Target, TargetIdentity
from dashboard.engine.rehearsal.report import Origin, Proof, Report, ScriptError, ScriptRun
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.sql import statements
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import (
    AuditEvent,
    BreakGlass,
    ChangeRequest,
    Decision,
    DriftCheck,
    Rehearsal,
    Run,
    RunStatement,
    RunStep,
    Snapshot,
    environments,
)
from dashboard.models.roles import Role
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.pills import Pill
from dashboard.selectors.compare import Comparison, Side
from dashboard.selectors.drift import DriftState
from dashboard.selectors.environments import Standing
from dashboard.selectors.folders import Failure
from dashboard.selectors.observations import LastLook
from dashboard.services import actors, plans, quorum
from dashboard.services.actors import Actor
from dashboard.services.bindings import Rebinding
from dashboard.services.edits import Edit
from dashboard.services.plans import Detail
from dashboard.services.saved import Kept, SavedGroup
from dashboard.services.skips import Undecided
from dashboard.services.unfinished import BrokenOff, InDoubt, JournalLine, Trace
from dashboard.services.validity import RequestState

TONES = frozenset({"ok", "info", "wait", "run", "warn", "danger", "muted"})
BUTTON_TONES = frozenset({"primary", "danger", "plain"})
#: A moment long ago, for whatever does not depend on the present.
MOMENT = datetime(2026, 3, 5, 14, 30, 15, tzinfo=UTC)
#: A name that would be alive in a page that forgot to escape it.
HOSTILE = '<b onmouseover="x">&amp;'
SPRITE = Path(__file__).parents[2] / "templates" / "_components" / "icon.html"


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


def ahead(**span: float) -> datetime:
    return timezone.now() + timedelta(**span)


# Places and people


def environment(slug: str = "staging", **changes: Any) -> Environment:
    return Environment(
        **{
            "slug": slug,
            "name": slug.capitalize(),
            "variable": f"URL_OF_{slug.upper()}",
            "url": "postgresql://signalbox:s3cret@db.example:5433/app",
            "position": 0,
            **changes,
        }
    )


STAGING = environment("staging", position=0)
PRODUCTION = environment("production", position=1, protected=True)
UNSET = environment("preview", position=2, url="")


def user(name: str = "alice", role: Role | None = Role.REQUESTER) -> User:
    """Whose groups nobody has to look up. The number comes from the name, so that a name is one person."""
    person = User(pk=sum(map(ord, name)), username=name)
    person._signalbox_groups = {role.value} if role else set()  # type: ignore[attr-defined]
    return person


def actor(name: str = "alice", role: Role | None = Role.REQUESTER) -> Actor:
    return actors.person(user(name, role))


VIEWER = Role.VIEWER
ADMIN = Role.ADMIN
APPROVER = Role.APPROVER


# Files


def problem(severity: Severity = Severity.ERROR, file: str = "001_users.sql", **changes: Any) -> Problem:
    return Problem(
        **{
            "code": "syntax_error",
            "severity": severity,
            "file": file,
            "sentence": "It is broken.",
            "advice": "Mend it.",
            **changes,
        }
    )


def finding(severity: Severity = Severity.WARNING, file: str = "001_users.sql", **changes: Any) -> Finding:
    return Finding(
        **{
            "rule": "drop-table",
            "severity": severity,
            "file": file,
            "line": 1,
            "column": 1,
            "sentence": "It drops a table.",
            "advice": "Think twice.",
            **changes,
        }
    )


def script(sql: str = "SELECT 1;", file: str = "001_users.sql", **changes: Any) -> Script:
    text = checksum(sql)
    return Script(
        **{
            "file": file,
            "sql": sql,
            "checksum": text,
            "checksum_sql": text,
            "statements": statements.split(sql),
            **changes,
        }
    )


def migration(
    version: str = "001",
    name: str = "users",
    *,
    sql: str = "SELECT 1;",
    down: str | None = None,
    problems: Sequence[Problem] = (),
    **changes: Any,
) -> Migration:
    label = f"{version}_{name}"
    return Migration(
        version=version,
        name=name,
        up=script(sql, f"{label}.sql"),
        down=script(down, f"{label}_rollback.sql") if down is not None else None,
        problems=tuple(problems),
        **changes,
    )


def folder(*migrations: Migration, files: Sequence[FileEntry] = (), problems: Sequence[Problem] = ()) -> Folder:
    """With the files and the problems of its migrations, unless a test names others."""
    own = [FileEntry(file=m.up.file, role=FileRole.MIGRATION, version=m.version, name=m.name) for m in migrations]
    return Folder(
        source="/srv/migrations",
        format="seed",
        files=tuple(files) or tuple(own),
        migrations=migrations,
        problems=tuple(problems) or tuple(p for m in migrations for p in m.problems),
    )


# What a target remembers


def applied(version: str = "001", name: str = "users", **changes: Any) -> AppliedMigration:
    return AppliedMigration(
        **{
            "version": version,
            "name": name,
            "key": version,
            "applied_at": MOMENT,
            "checksum": checksum("SELECT 1;"),
            "applied_by": "alice",
            "run_id": "7",
            **changes,
        }
    )


def unfinished(version: str = "001", name: str = "users", *, action: str = "apply") -> Unfinished:
    entry = JournalEntry(statement=1, checksum="x", done=True)
    return Unfinished(version=version, name=name, action=action, entries=(entry,))


def history(*rows: AppliedMigration, **changes: Any) -> History:
    return History(exists=True, rows=rows, **changes)


def identity(**changes: Any) -> TargetIdentity:
    return TargetIdentity(**{"system_identifier": "7301", "database": "app", "database_oid": 16384, **changes})


def look(past: History | None = None, **changes: Any) -> LastLook:
    """A good look that stays fresh however long the tests take; `failure` makes it one that failed."""
    now = ahead(hours=1)
    return LastLook(
        **{
            "tried_at": now,
            "seen_at": now,
            "history": past or history(),
            "identity": identity(),
            "failure": None,
            **changes,
        }
    )


UNREACHABLE = Failure(code="unreachable", sentence="it cannot be reached.", remedy="Check that it is up.")
OTHER_DATABASE = Failure(code=OtherDatabase.code, sentence="it is another database.", remedy="Compare the two.")


def status(version: str = "001", name: str = "users", state: State = State.PENDING, **changes: Any) -> MigrationStatus:
    """With a file, and with a row where that state has one."""
    pending = state in {State.PENDING, State.OUT_OF_ORDER, State.ROLLED_BACK, State.UNRECORDED, State.CONFLICT}
    pending = pending or state is State.ELSEWHERE
    files = None if state is State.MISSING else migration(version, name)
    kind = {State.SKIPPED: Kind.SKIPPED, State.BASELINED: Kind.BASELINE}.get(state, Kind.APPLIED)
    success = state not in {State.FAILED, State.PARTIAL}
    row = None if pending else applied(version, name, success=success, kind=kind)
    return MigrationStatus(
        **{
            "version": version,
            "name": name,
            "state": state,
            "migration": files,
            "applied": row,
            "problems": (),
            "sentence": f"{version}_{name} is {state}.",
            **changes,
        }
    )


def blocked(version: str = "001", name: str = "users") -> MigrationStatus:
    """Pending, and its file has an error."""
    label = f"{version}_{name}"
    broken = migration(version, name, problems=[problem(file=f"{label}.sql")])
    return status(version, name, State.PENDING, migration=broken, problems=broken.problems)


def standing(*statuses: MigrationStatus, where: Environment = STAGING, **changes: Any) -> Standing:
    """Seen just now; its history holds the rows of the statuses that have one."""
    rows = tuple(s.applied for s in statuses if s.applied)
    return Standing(
        **{
            "environment": where,
            "look": look(history(*rows)),
            "known": True,
            "statuses": statuses,
            "last_run": None,
            "requests": (),
            **changes,
        }
    )


# Plans


def step(version: str = "001", name: str = "users", action: Action = Action.APPLY, **changes: Any) -> Step:
    runs = action in {Action.APPLY, Action.ROLLBACK}
    sql = "SELECT 1;" if runs else ""
    return Step(
        **{
            "action": action,
            "version": version,
            "name": name,
            "key": version,
            "file": f"{version}_{name}.sql" if action is Action.APPLY else "",
            "sql": sql,
            "checksum": checksum("SELECT 1;"),
            "down_sql": "SELECT 0;" if action is Action.APPLY else None,
            **changes,
        }
    )


def plan(*steps: Step, where: Environment = STAGING, action: Action | None = None, **changes: Any) -> Plan:
    taken = steps or (step(action=action or Action.APPLY),)
    policy = Policy(protected=where.protected, lock_timeout_ms=3000, statement_timeout_ms=0)
    return Plan(
        **{
            "environment": where.slug,
            "action": action or taken[0].action,
            "identity": identity(),
            "policy": policy,
            "basis": (),
            "steps": taken,
            **changes,
        }
    )


def warning(code: str = "no_rollback", *, version: str = "001", needs_acceptance: bool = True) -> PlanWarning:
    return PlanWarning(code=code, version=version, sentence=f"Mind {version}.", needs_acceptance=needs_acceptance)


def target(past: History | None = None, **changes: Any) -> Target:
    made = plan()
    return Target(
        environment="staging",
        name="Staging",
        identity=identity(**changes),
        policy=made.policy,
        history=past or history(),
    )


def copy(table: str = "users", **changes: Any) -> Copy:
    return Copy(schema="platform", table=table, **changes)


def detail(made: Plan, *, folder: Folder | None = None, findings: Sequence[Finding] = ()) -> Detail:
    """As services.plans.detail gives it, of a folder and of what lint says of its files."""
    outlines = tuple(plans.outline(step) for step in made.steps)
    return Detail(plan=made, outlines=outlines, folder=folder, findings=by_file(*findings))


def by_file(*findings: Finding) -> dict[str, tuple[Finding, ...]]:
    """What lint says, as selectors.findings gives it."""
    files = dict.fromkeys(each.file for each in findings)
    return {file: tuple(each for each in findings if each.file == file) for file in files}


# Runs and requests


def run(status: str = Run.Status.SUCCEEDED, *, steps: Sequence[RunStep] = (), **changes: Any) -> Run:
    """`steps` are what its relation gives."""
    action = changes.get("action", Action.APPLY)
    made = changes.pop("plan", None) or plan(action=Action(action))
    row = Run(
        **{
            "pk": 7,
            "environment": "staging",
            "action": action,
            "status": status,
            "title": "Apply 001 to Staging",
            "frozen_plan": made.to_dict(),
            "digest": made.digest,
            "started_by": user(),
            "queued_at": MOMENT,
            **changes,
        }
    )
    row._prefetched_objects_cache = {"steps": list(steps)}  # type: ignore[attr-defined]
    return row


def run_step(status: str = RunStep.Status.COMMITTED, *, said: int | None = None, **changes: Any) -> RunStep:
    """As selectors.runs gives it: with its `latest` statements, and how many it has `said` in all."""
    latest = list(changes.pop("latest", ()))
    row = RunStep(**{"position": 0, "action": "apply", "version": "001", "name": "users", "status": status, **changes})
    row.latest = latest  # type: ignore[attr-defined]
    row.said = len(latest) if said is None else said  # type: ignore[attr-defined]
    return row


def run_statement(status: str = RunStatement.Status.OK, **changes: Any) -> RunStatement:
    return RunStatement(**{"number": 1, "line": 1, "summary": "SELECT 1", "status": status, "tag": "", **changes})


def request(
    status: str = ChangeRequest.Status.OPEN,
    *,
    runs: Sequence[Run] = (),
    decisions: Sequence[Decision] = (),
    **changes: Any,
) -> ChangeRequest:
    made = changes.pop("plan", None) or plan(where=PRODUCTION, action=Action(changes.get("action", Action.APPLY)))
    row = ChangeRequest(
        **{
            "pk": 3,
            "environment": "production",
            "action": made.action.value,
            "status": status,
            "title": "Apply 001 to Production",
            "reason": "Needed.",
            "frozen_plan": made.to_dict(),
            "digest": made.digest,
            "requested_by": user(),
            "requested_at": MOMENT,
            "expires_at": ahead(hours=3),
            **changes,
        }
    )
    related = {"runs": list(runs), "decisions": list(decisions), "comments": [], "openings": []}
    row._prefetched_objects_cache = related  # type: ignore[attr-defined]
    return row


def request_state(row: ChangeRequest, **changes: Any) -> RequestState:
    """Of a request whose plan holds, in an environment where nothing is in its way."""
    return RequestState(
        **{
            "request": row,
            "environment": environments.get_even_former(row.environment),
            "decisions": tuple(row.decisions.all()),
            "runs": tuple(row.runs.all()),
            "objection": "",
            "inserted": (),
            "proof": None,
            "occupied": None,
            "unbound": None,
            "standing": quorum.of(row, environments.get_even_former(row.environment), row.decisions.all()),
            "expired": row.expires_at <= timezone.now(),
            **changes,
        }
    )


def opening(**changes: Any) -> BreakGlass:
    known = {"pk": 5, "request_id": 3, "digest": "d", "reason": "Urgent", "lifted": ["0 of 1 approvals"]}
    people = {"by": user("carol", Role.ADMIN), "at": MOMENT, "expires_at": ahead(minutes=9)}
    return BreakGlass(**{**known, **people, **changes})


def decision(verdict: str = Decision.Verdict.APPROVED, **changes: Any) -> Decision:
    return Decision(**{"verdict": verdict, "by": user("bob", APPROVER), "at": MOMENT, "reason": "Fine.", **changes})


# Schemas


def difference(key: str = "table public.users", before: str | None = None, after: str | None = "x") -> Difference:
    change = Change.ADDED if before is None else Change.REMOVED if after is None else Change.CHANGED
    return Difference(key=key, change=change, before=before, after=after)


ORDER = difference("order of columns public.users", "columns: a, b", "columns: b, a")


def snapshot(reason: str = Snapshot.Reason.FIRST, **changes: Any) -> Snapshot:
    return Snapshot(**{"pk": 1, "environment": "staging", "reason": reason, "taken_at": MOMENT, **changes})


def drift_check(outcome: str = DriftCheck.Outcome.CLEAN, **changes: Any) -> DriftCheck:
    return DriftCheck(
        **{
            "pk": 1,
            "environment": "staging",
            "at": MOMENT,
            "outcome": outcome,
            "expected": None if outcome == DriftCheck.Outcome.UNREACHABLE else snapshot(),
            **changes,
        }
    )


def drift(outcome: str = DriftCheck.Outcome.CLEAN, **changes: Any) -> DriftState:
    """Of one look; where that saw nothing, of no other."""
    check = drift_check(outcome, **changes)
    return DriftState(last=check, seen=None if outcome == DriftCheck.Outcome.UNREACHABLE else check)


DRIFTED = DriftCheck.Outcome.DRIFTED


def side(
    where: Environment = STAGING,
    *,
    only: Sequence[MigrationId] = (),
    contradicted: Sequence[MigrationId] = (),
    seen: bool = True,
    **changes: Any,
) -> Side:
    check = drift_check(**changes) if seen else None
    return Side(environment=where, seen=check, only=tuple(only), contradicted=tuple(contradicted))


def comparison(*differences: Difference, **changes: Any) -> Comparison:
    return Comparison(**{"a": side(STAGING), "b": side(PRODUCTION), "differences": differences, **changes})


# Losses


def loss(rows: int | None = 240, **changes: Any) -> Loss:
    return Loss(
        **{
            "step": ("001", "users"),
            "fate": Fate.DROPPED,
            "kind": "table",
            "schema": "platform",
            "table": "users",
            "rows": rows,
            "copy": copy(key=("id",)),
            **changes,
        }
    )


def forecast(*losses: Loss, **changes: Any) -> Forecast:
    return Forecast(losses=losses, **changes)


# Rehearsals

RAN = ScriptRun(ok=True, ms=4.0)
BROKE = ScriptRun(ok=False, ms=1.0, error=ScriptError(sentence="relation does not exist", line=3))


def proof(version: str = "001", name: str = "users", **changes: Any) -> Proof:
    """Up, down and up again, and all as before."""
    whole = {"up": RAN, "down": RAN, "again": RAN, "reversible": True, "repeatable": True}
    return Proof(version=version, name=name, **{**whole, **changes})


def report(*proofs: Proof, **changes: Any) -> Report:
    return Report(
        **{"origin": Origin.COPY, "server_version": 170010, "ms": 900.0, "proofs": proofs or (proof(),), **changes}
    )


def rehearsal(status: str = Rehearsal.Status.DONE, *, result: Report | None = None, **changes: Any) -> Rehearsal:
    """One that was carried out an hour ago and counts, unless its report says otherwise."""
    done = status == Rehearsal.Status.DONE
    report_kept = (result or report()) if done else None
    made = changes.pop("plan", None) or plan(action=Action(changes.get("action", Action.APPLY)))
    return Rehearsal(
        **{
            "pk": 5,
            "environment": "staging",
            "action": made.action.value,
            "status": status,
            "title": "Apply 001 to Staging",
            "frozen_plan": made.to_dict(),
            "digest": made.digest,
            "origin": Origin.COPY.value,
            "asked_by": user(),
            "asked_at": MOMENT,
            "finished_at": ago(hours=1) if done else None,
            "target_major": 17,
            "server_major": 17,
            "report": report_kept.to_dict() if report_kept else None,
            "passed": report_kept.passed if report_kept else None,
            "expires_at": ahead(hours=3) if done else None,
            **changes,
        }
    )


# What broke off, what was kept, what was edited, what leads elsewhere


def lines(*traces: Trace, first: int = 1) -> tuple[JournalLine, ...]:
    return tuple(
        JournalLine(number=number, line=number * 2, summary=f"statement {number}", trace=trace)
        for number, trace in enumerate(traces, start=first)
    )


def broken_off(*traces: Trace, evidence: InDoubt = InDoubt.NONE, **changes: Any) -> BrokenOff:
    """It can be gone on with from its second statement."""
    onward = plan(step(first_statement=2))
    script_lines = lines(*(traces or (Trace.DONE, Trace.NOT_RUN)))
    doubtful = any(line.trace is Trace.DOUBTFUL for line in script_lines)
    return BrokenOff(
        **{
            "version": "001",
            "name": "users",
            "action": Action.APPLY,
            "row": None,
            "lines": script_lines,
            "mark": "mark",
            "evidence": evidence,
            "index": "platform.by_name",
            "leftovers": (Leftover(name="platform.by_name"),) if evidence is InDoubt.HALF else (),
            "again": onward,
            "after": onward if doubtful else None,
            "repair": None,
            **changes,
        }
    )


def save(rows: int = 240, **changes: Any) -> Save:
    return Save(
        **{
            "copy": copy(saved="users_1"),
            "rows": rows,
            "action": Action.ROLLBACK.value,
            "version": "001",
            "name": "users",
            "run_id": "7",
            "by": "alice",
            "at": MOMENT,
            "brought_back_at": None,
            "brought_back_by": None,
            "brought_back_in": None,
            "exists": True,
            **changes,
        }
    )


def kept(obstacle: str = "", *, run: int | None = None, outlook: Outlook | None = None, **changes: Any) -> Kept:
    """`run` is the one of ours that saved it; without an outlook nobody has counted it."""
    return Kept(save=save(**changes), obstacle=obstacle, run=run, outlook=outlook)


def group(*rows: Kept) -> SavedGroup:
    return SavedGroup(kept=rows or (kept(),))


def edit(state: State = State.MODIFIED, *, version: str = "001", text: str | None = "SELECT 0;") -> Edit:
    return Edit(status=status(version, state=state), applied=text)


def rebinding(*, before: History | None = None, now: History | None = None, **changes: Any) -> Rebinding:
    """Bound to one database, and led to another on the same server."""
    return Rebinding(
        **{
            "bound": identity(),
            "last": look(before, seen_at=MOMENT),
            "current": target(now, database="restored", database_oid=16999),
            "known_as": (),
            **changes,
        }
    )


def undecided(*names: str, version: str = "006", taken_by: str = "") -> Undecided:
    files = tuple(status(version, name, State.CONFLICT) for name in names or ("users", "plans"))
    return Undecided(version=version, files=files, taken_by=taken_by)


def check(level: CheckLevel = CheckLevel.FINE, **changes: Any) -> Check:
    return Check(**{"code": "version", "level": level, "finding": "it is PostgreSQL 17", **changes})


def audit_event(kind: str, **changes: Any) -> AuditEvent:
    return AuditEvent(**{"pk": 11, "at": MOMENT, "kind": kind, "actor": "alice", "hash": "h" * 64, **changes})


# What every view has to keep


def drawn_icons() -> frozenset[str]:
    return frozenset(re.findall(r'id="i-([a-z-]+)"', SPRITE.read_text(encoding="utf-8")))


def page_of(url: str) -> tuple[str, dict[str, Any]]:
    """The name of the page an address leads to and its arguments. Raises Resolver404 where it leads nowhere."""
    match = resolve(unquote(url.partition("#")[0].partition("?")[0]))
    return match.view_name, match.kwargs


def query_of(url: str) -> str:
    return url.partition("#")[0].partition("?")[2]


def says(text: str, words: str) -> bool:
    """Whether these words stand there as words: "1 row" is not in "1 rows", nor in "11 row"."""
    return re.search(rf"(?<![\w,]){re.escape(words)}(?!\w)", text) is not None


def inside(view: Any) -> Iterator[Any]:
    """The view and everything in it."""
    yield view
    if is_dataclass(view) and not isinstance(view, type):
        for each in fields(view):
            yield from inside(getattr(view, each.name))
    elif isinstance(view, dict):
        for key, value in view.items():
            yield from (*inside(key), *inside(value))
    elif isinstance(view, list | tuple | set | frozenset):
        for item in view:
            yield from inside(item)


def assert_sound(*views: Any) -> None:
    """What holds of every view: tones and icons that exist, addresses that lead somewhere, nothing that is HTML."""
    for part in inside(views):
        if isinstance(part, ActionButton):
            assert_button(part)
        elif isinstance(part, Pill):
            assert part.label
            assert part.tone in TONES
            assert part.icon in drawn_icons()
        elif is_dataclass(part):
            _assert_addresses(part)
        if isinstance(part, str):
            assert not hasattr(part, "__html__"), f"templates would not escape {part!r}"


def assert_button(button: ActionButton) -> None:
    assert button.label
    assert button.tone in BUTTON_TONES
    assert button.method in {"get", "post"}
    assert not button.icon or button.icon in drawn_icons()
    assert button.disabled == bool(button.reason)
    if button.show:
        page_of(button.url)


def _assert_addresses(view: Any) -> None:
    for each in fields(view):
        address = getattr(view, each.name)
        if (each.name == "url" or each.name.endswith("_url")) and address and not isinstance(view, Environment):
            page_of(address if address.startswith("/") else f"/requests/{address}")


def tones(views: Iterable[Any]) -> list[str]:
    return [view.tone for view in views]


def looks(pill: Any) -> tuple[str, str]:
    """How it looks, whatever it says."""
    return pill.tone, pill.icon
