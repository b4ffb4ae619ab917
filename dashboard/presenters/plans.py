"""A plan as people read it before they let it run: what, where, and what is known about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard.engine.migration import NO_ROLLBACK, Migration
from dashboard.engine.plan import (
    DYNAMIC,
    Action,
    Plan,
    PlanWarning,
    Step,
)
from dashboard.engine.run.executor import Approval
from dashboard.engine.status import State
from dashboard.models import ChangeRequest
from dashboard.models.environments import Environment
from dashboard.models.sources import DEFAULT
from dashboard.presenters import actions, links, row_changes, rows, statuses, wording
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.findings import Note, notes
from dashboard.presenters.row_changes import RowChangeView
from dashboard.selectors import findings
from dashboard.selectors.findings import Findings
from dashboard.selectors.git import CommitFact, Staleness
from dashboard.services import plans, targets
from dashboard.services.plans import Detail, Outline


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStepView:
    """One migration of the plan, with the exact SQL that is sent."""

    number: int
    label: str
    does: str  # "Apply", "Roll back", ...
    summary: str  # "3 statements in one transaction"
    notes: tuple[str, ...]
    sql: str
    empty: str  # said where no SQL of a migration is sent
    listing: str  # what names the listing
    margin: tuple[Note, ...]
    down_sql: str
    down_margin: tuple[Note, ...]
    lacks_rollback: bool  # one that is applied from its start, with nothing captured to take it back
    anchor: str
    url: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAlarm:
    """The history and the log of the target say different things of one migration."""

    title: str  # "Record is gone: 001"
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    title: str
    place: Badge
    digest: str
    runs_migrations: bool
    steps: tuple[PlanStepView, ...]
    rows: tuple[RowChangeView, ...]  # of the history, before and after; empty where it sends SQL
    reasons: Sequence[str]  # what is kept with these rows
    row_notes: Sequence[str]  # what an import keeps with every one of them
    to_accept: tuple[PlanWarning, ...]
    to_know: tuple[PlanWarning, ...]
    unjudged: tuple[str, ...]  # what no reading of the plan can tell
    contradictions: tuple[RecordAlarm, ...]  # above everything else
    stops_before: str
    certain: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    commit: CommitFact | None  # that its files were read from
    stale: Staleness | None  # later pushes may be missing


#: The code of the warning that each step repeats beside its SQL.
SAID_AT_THE_STEP = NO_ROLLBACK
#: How many characters of a digest tell plans apart on a page; the whole of it is what is compared.
SHORT_DIGEST = 12


def view(detail: Detail, environment: Environment, *, saving: Plan | None = None) -> PlanView:
    """`saving` is the same plan with the rows saved first, where that is still to be chosen."""
    plan = detail.plan
    return PlanView(
        title=plans.title(plan, environment),
        place=badge_of(environment.slug),
        digest=plan.digest,
        runs_migrations=plan.action.runs_migrations,
        steps=tuple(_step(detail, position) for position in range(len(plan.steps))),
        rows=row_changes.views(detail.rows, source=plan.source or DEFAULT),
        reasons=() if plan.action is Action.IMPORT else plan.reasons,
        row_notes=rows.common_notes(detail.rows),
        to_accept=tuple(w for w in plan.warnings if w.needs_acceptance),
        to_know=tuple(w for w in plan.warnings if not w.needs_acceptance and w.code != SAID_AT_THE_STEP),
        unjudged=plan.unjudged,
        contradictions=tuple(map(_contradiction, plan.contradictions)),
        stops_before=plan.stops_before,
        certain=certain(detail),
        facts=(*facts(plan, environment), *_other_digests(plan, saving)),
        commit=detail.commit,
        stale=detail.stale,
    )


def certain(detail: Detail) -> tuple[str, ...]:
    """What is certain about this plan, for whoever decides."""
    plan = detail.plan
    match plan.action:
        case Action.APPLY:
            return (*_sizes(detail), _reversibility(plan.steps))
        case Action.ROLLBACK:
            captured = "The scripts are those captured when the migrations were applied, not today's files."
            return (*_sizes(detail), captured)
        case Action.BRING_BACK:
            return (*actions.WORDS[plan.action].certain, _what_gives_way(plan))
        case _:
            return actions.WORDS[plan.action].certain


def _what_gives_way(plan: Plan) -> str:
    over = [copy.label for step in plan.steps for copy in step.copies if copy.overwrite]
    if over:
        names = ", ".join(over)
        return f"Whatever stands in {names} when it runs is overwritten with what was saved, and is kept nowhere."
    return "Only rows that are gone and columns nobody has written to since are filled."


def facts(plan: Plan, environment: Environment) -> tuple[tuple[str, str], ...]:
    return (
        ("Files from the source", plan.source),
        ("Database", plan.identity.database),
        ("Address", address(environment)),
        ("System identifier", plan.identity.system_identifier),
        ("Waits for a lock (lock_timeout)", wording.limit(plan.policy.lock_timeout_ms)),
        ("A statement runs (statement_timeout)", wording.limit(plan.policy.statement_timeout_ms)),
        ("Digest", f"sha256 {plan.digest[:SHORT_DIGEST]}…"),
    )


def _other_digests(plan: Plan, saving: Plan | None) -> Iterator[tuple[str, str]]:
    """What is saved first is a part of a digest, so the same plan with and without it has two."""
    if saving is not None:
        yield "Digest, if rows are saved", f"sha256 {saving.digest[:SHORT_DIGEST]}…"
    if (bare := plan.without_saving().digest) != plan.digest:
        yield "Digest without saving", f"sha256 {bare[:SHORT_DIGEST]}…"


def address(environment: Environment) -> str:
    """Host, port, database and user; never the URL."""
    return targets.address(environment).shown if environment.configured else "not configured"


def button_label(plan: Plan, environment: Environment) -> str:
    """What the button does: "Apply 2 migrations to Production", "Roll back 009 on Production"."""
    if plan.action is Action.APPLY and not continues(plan):
        return f"Apply {migrations(len(plan.steps))} to {environment.name}"
    return plans.title(plan, environment)


def request_label(plan: Plan, environment: Environment) -> str:
    match plan.action:
        case Action.ROLLBACK:
            return "Request approval of this rollback"
        case Action.APPLY if not continues(plan):
            return f"Request approval for {migrations(len(plan.steps))} on {environment.name}"
        case _:
            return f"Request approval on {environment.name}"


def continues(plan: Plan) -> bool:
    """It goes on with what broke off outside a transaction."""
    return any(step.first_statement > 1 for step in plan.steps)


def consent(plan: Plan, covering: tuple[ChangeRequest, Approval] | None) -> str:
    """Who has already agreed to exactly this plan, and until when; empty where nobody has to, or nobody did."""
    if covering is None:
        return ""
    change_request, approval = covering
    same = change_request.digest == plan.digest
    subject = "this" if same else f"this rollback together with request {change_request.pk}"
    until = f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"
    people = " and ".join(approval.approved_by)
    return f"{people} approved {subject}, for {approval.requested_by}. That holds until {until}."


def upto_links(plan: Plan) -> tuple[str, ...]:
    """Where an apply could stop earlier: every version but the last."""
    return tuple(step.version for step in plan.steps[:-1])


def others(plan: Plan, version: str) -> tuple[str, ...]:
    """What is rolled back besides the version that was asked for, in the order it goes."""
    return tuple(step.label for step in plan.steps if step.version != version)


def migrations(count: int) -> str:
    return f"{count} migration" if count == 1 else f"{count} migrations"


def _contradiction(warning: PlanWarning) -> RecordAlarm:
    state = statuses.MIGRATION[State(warning.code)].label
    return RecordAlarm(title=f"{state}: {warning.version}", sentence=warning.sentence)


def _step(detail: Detail, position: int) -> PlanStepView:
    step, outline = detail.plan.steps[position], detail.outlines[position]
    is_unjudged = any(w.code == DYNAMIC and w.version == step.version for w in detail.plan.warnings)
    words = actions.WORDS[step.action]
    migration = detail.folder.find(step.identity) if detail.folder else None
    return PlanStepView(
        number=position + 1,
        label=step.label,
        does="Continue" if step.first_statement > 1 else words.does,
        summary=_summary(step, outline) + (", puts SQL together while it runs" if is_unjudged else ""),
        notes=_notes(step, outline),
        sql=step.sql,
        empty=words.instead_of_sql,
        listing=step.file or f"{step.label}, captured rollback",
        margin=_margin(detail.findings, migration, step.sql),
        down_sql=step.down_sql or "",
        down_margin=_margin(detail.findings, migration, step.down_sql),
        lacks_rollback=_lacks_rollback(step),
        anchor=anchor(position),
        url=links.migration(step.identity, detail.plan.source or DEFAULT),
        open=position == 0 or is_unjudged,
    )


def _lacks_rollback(step: Step) -> bool:
    """A repeatable migration needs none."""
    is_whole = step.action.can_be_rolled_back and step.first_statement == 1
    return is_whole and not step.down_sql and not step.is_repeatable


def _margin(findings_by_file: Findings, migration: Migration | None, sql: str | None) -> tuple[Note, ...]:
    return notes(findings.of_text(findings_by_file, migration, sql)) if migration and sql else ()


def anchor(position: int) -> str:
    """Prefix of the line anchors of one step's listing."""
    return f"s{position + 1}-"


def _summary(step: Step, outline: Outline) -> str:
    if not step.sql:
        return actions.WORDS[step.action].summary
    if not outline.sent:
        return "nothing is run: it is recorded as done"
    count = _count(len(outline.sent))
    return f"{count}, each committed by itself" if outline.outside else f"{count} in one transaction"


def _notes(step: Step, outline: Outline) -> tuple[str, ...]:
    notes = [f"{name} = {value}" for name, value in outline.directives]
    if outline.absorbed:
        notes.append(
            "Carries its own BEGIN and COMMIT: they are not sent, the run's own transaction takes their place."
        )
    if step.is_repeatable and step.action is Action.APPLY:
        notes.append(
            "Repeatable: it runs again whenever its file changes. The way back is the text that it had before."
        )
    if step.first_statement > 1:
        last = step.first_statement - 1
        before = "Statement 1 is" if last == 1 else f"Statements 1 to {last} are"
        notes.append(f"{before} committed already and not sent again.")
    if step.copies:
        notes.append(_copies(step, outline))
    if step.reason:
        notes.append(f"Reason: {step.reason}")
    return tuple(notes)


def _copies(step: Step, outline: Outline) -> str:
    copies = ", ".join(copy.label for copy in step.copies)
    if step.action is Action.BRING_BACK:
        return f"Brings back {copies}."
    apart = "in a transaction of its own: rows written after that are not in it"
    when = apart if outline.outside else "in the same transaction"
    return f"Saves {copies} first, in the schema signalbox_saved, {when}."


def _count(statements_sent: int) -> str:
    return f"{statements_sent} statement{'' if statements_sent == 1 else 's'}"


def _sizes(detail: Detail) -> Iterator[str]:
    """What a failure leaves is the first thing to know of a plan, so it is never said of all where some differ."""
    outlined = list(zip(detail.plan.steps, detail.outlines, strict=True))
    closed = [outline for step, outline in outlined if step.sql and not outline.outside]
    if closed:
        count = sum(len(outline.sent) for outline in closed)
        each = "one transaction" if len(closed) == 1 else f"{len(closed)} transactions, one for each migration"
        applies = detail.plan.action is Action.APPLY
        whole = " A migration is applied completely, or nothing of it remains." if applies else ""
        yield f"{_count(count)} in {each}.{whole}"
    for step, outline in outlined:
        if outline.outside:
            yield (
                f"{step.label} runs outside a transaction: {_count(len(outline.sent))}, each committed by itself. "
                "If one fails, those before it stay, and someone has to settle what is left."
            )


def _reversibility(steps: Sequence[Step]) -> str:
    once = [step for step in steps if not step.is_repeatable]
    without = [step.version for step in once if not step.down_sql]
    if not once:
        return "No rollback script is captured: repeatable migrations have none."
    if not without:
        which = "each migration" if len(once) == len(steps) else "each migration that runs once"
        return f"A rollback script is captured with {which}."
    if len(without) == len(steps):
        return "No rollback exists, so only a new migration could undo this."
    return f"{', '.join(without)} {'has' if len(without) == 1 else 'have'} no rollback."
