"""What is proven about a plan, held against what its environment asks for before anyone may approve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from config.environments import Requirement
from dashboard.engine import scoping
from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.lint import Finding
from dashboard.engine.migration import AppliedMigration, Kind, Severity
from dashboard.engine.plan import Action, Plan, Step
from dashboard.engine.rehearsal.report import Proof, Report, Verdict
from dashboard.engine.sql import directives
from dashboard.models import ChangeRequest, Rehearsal, environments
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.selectors import environments as standings
from dashboard.selectors import findings, folders, rehearsals
from dashboard.selectors.rehearsals import Known
from dashboard.services import policies
from dashboard.services.errors import EvidenceMissing


class EvidenceStatus(StrEnum):
    SATISFIED = "satisfied"  # it was seen to be so
    ANSWERED = "answered"  # it was not, and a person said why it may go on
    MISSING = "missing"  # asked for, and not there
    NOT_REQUIRED = "not_required"  # not there, and nobody asks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    requirement: Requirement
    verdict: EvidenceStatus
    sentence: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Without items there is nothing to prove: such a plan runs no migration."""

    items: tuple[Item, ...] = ()
    rehearsal: Rehearsal | None = None  # the one to look at: what counts, else what was tried last
    changes_nothing: tuple[str, ...] = ()  # sentences on migrations that left everything as it was when rehearsed
    irreversible: bool = False  # a step has no rollback, and its file does not say why

    @property
    def missing(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.verdict is EvidenceStatus.MISSING)

    def lacks(self, requirement: Requirement) -> bool:
        return any(item.requirement is requirement for item in self.missing)

    @property
    def under_way(self) -> bool:
        return self.rehearsal is not None and self.rehearsal.status in rehearsals.ACTIVE

    def to_rows(self) -> dict[str, Any]:
        """For keeping with a decision; `as_kept` reads it."""
        items = [
            {"requirement": i.requirement.value, "verdict": i.verdict.value, "sentence": i.sentence} for i in self.items
        ]
        kept = {"items": items, "rehearsal": self.rehearsal.pk if self.rehearsal else None}
        return kept | ({"changes_nothing": [*self.changes_nothing]} if self.changes_nothing else {})

    def to_dict(self) -> dict[str, Any]:
        """For the audit log."""
        verdicts = {item.requirement.value: item.verdict.value for item in self.items}
        event = {"rehearsal": self.rehearsal.pk if self.rehearsal else None, "verdicts": verdicts}
        return event | ({"changes_nothing": [*self.changes_nothing]} if self.changes_nothing else {})


def of_plan(plan: Plan, environment: Environment, *, irreversible_because: str = "") -> Evidence:
    """From the control database and the folder; the target is not asked."""
    if not policies.can_be_rehearsed(plan):
        return Evidence()
    known = _known(plan)
    if plan.action is Action.ROLLBACK:
        facts = _of_rollback(known, environment)
    else:
        facts = _of_apply(plan, environment, known, irreversible_because)
    return Evidence(
        items=tuple(_judged(fact, environment) for fact in facts),
        rehearsal=known.under_way or known.proof or known.latest,
        changes_nothing=changes_nothing(plan),
        irreversible=is_irreversible(plan),
    )


def of_request(request: ChangeRequest, environment: Environment) -> Evidence:
    plan = request.plan
    return of_plan(plan, environment, irreversible_because=request.irreversible_because)


def as_kept(rows: dict[str, Any]) -> Evidence:
    """The evidence on which a decision was made. A requirement that exists no more is left out."""
    known = {requirement.value for requirement in Requirement}
    items = tuple(
        Item(
            requirement=Requirement(row["requirement"]),
            verdict=EvidenceStatus(row["verdict"]),
            sentence=row["sentence"],
        )
        for row in rows["items"]
        if row["requirement"] in known
    )
    return Evidence(
        items=items,
        rehearsal=Rehearsal.objects.filter(pk=rows["rehearsal"]).first(),
        changes_nothing=tuple(rows.get("changes_nothing", ())),
    )


def changes_nothing(plan: Plan) -> tuple[str, ...]:
    """A sentence on each of its migrations of which a rehearsal saw that."""
    return tuple(proof.nothing_changed for proof in rehearsals.changing_nothing(plan))


def check(request: ChangeRequest) -> Evidence:
    """What an approval of this request rests on. Raises EvidenceMissing."""
    evidence = of_request(request, environments.get(request.environment))
    if missing := evidence.missing:
        raise EvidenceMissing(
            missing=" ".join(item.sentence for item in missing),
            remedy=" ".join(dict.fromkeys(item.next_step for item in missing)),
        )
    return evidence


def suppressions(plan: Plan) -> list[dict[str, Any]]:
    """What lint found in the files of a plan and the files allow, with the reasons they give."""
    return [
        {"rule": f.rule, "file": f.file, "line": f.line, "reason": f.suppressed}
        for f in _findings(plan) or ()
        if f.suppressed
    ]


def is_irreversible(plan: Plan) -> bool:
    """A step has no rollback, and its file does not say why: known without any rehearsal."""
    steps = (step for step in plan.steps if not step.is_repeatable)
    return plan.action.can_be_rolled_back and any(not step.down_sql and not _declared(step) for step in steps)


# Weighing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    requirement: Requirement
    held: bool
    sentence: str
    next_step: str = ""
    answered: bool = False


def _judged(fact: _Fact, environment: Environment) -> Item:
    verdict = EvidenceStatus.MISSING if fact.requirement in environment.require else EvidenceStatus.NOT_REQUIRED
    if fact.held or fact.answered:
        verdict = EvidenceStatus.SATISFIED if fact.held else EvidenceStatus.ANSWERED
    return Item(requirement=fact.requirement, verdict=verdict, sentence=fact.sentence, next_step=fact.next_step)


def _known(plan: Plan) -> Known:
    """A rollback may be proven by the rehearsal of the apply that it takes back."""
    known = rehearsals.of_plan(plan)
    if plan.action is Action.ROLLBACK and known.done is None and (proof := rehearsals.proving(plan)):
        return Known(latest=known.under_way or proof, done=proof)
    return known


def _of_apply(plan: Plan, environment: Environment, known: Known, because: str) -> Iterator[_Fact]:
    yield _rehearsed(known, environment)
    yield _reversible(plan, known, because)
    yield _linted(_findings(plan))
    if fact := _applied_before(plan, environment):
        yield fact


def _of_rollback(known: Known, environment: Environment) -> Iterator[_Fact]:
    """Where it was not shown to fail, whoever asks for it may accept it unproven: the form sees to that."""
    fact = _rehearsed(known, environment)
    if known.proof and known.proof.action == Action.APPLY:
        sentence = "When the apply was rehearsed, it restored the schema."
        fact = replace(fact, sentence=sentence)
    if fact.held or _failed(known.done) or known.under_way:
        yield fact
    else:
        sentence = f"{fact.sentence} Whoever asks for it accepts that."
        yield _Fact(requirement=fact.requirement, held=False, answered=True, sentence=sentence)


# The rehearsal


def _rehearsed(known: Known, environment: Environment) -> _Fact:
    sentence, next_step = _of_rehearsal(known, environment)
    return _Fact(
        requirement=Requirement.REHEARSAL, held=known.proof is not None, sentence=sentence, next_step=next_step
    )


def _of_rehearsal(known: Known, environment: Environment) -> tuple[str, str]:
    done, latest = known.done, known.latest
    if known.proof:
        return "It ran on a copy of the schema.", ""
    if known.under_way:
        return "It is being rehearsed.", "Wait for the rehearsal: it takes seconds."
    if latest is None:
        return "It has not been rehearsed.", "Rehearse it: that takes seconds and touches nothing."
    if latest.status == Rehearsal.Status.FAILED or done is None:
        failure = Failure.from_dict(latest.failure or {})
        return f"The rehearsal could not be carried out: {failure.sentence}", failure.next_step or _AGAIN
    return _of_done(done, environment)


def _of_done(done: Rehearsal, environment: Environment) -> tuple[str, str]:
    """Why one that was carried out does not count."""
    if _failed(done):
        return "It failed when it was rehearsed.", "See what failed there, correct the file, and ask again."
    report = rehearsals.report_of(done)
    if report is None:
        return "It was rehearsed by an earlier release, which looked at less.", _AGAIN
    if not report.passed:
        return f"The rehearsal proves not all of it: {_unproven(report)}", _TO_PROVE_MORE
    if rehearsals.is_expired(done):
        return "Its rehearsal is too old to count.", _AGAIN
    return (
        f"It was rehearsed on PostgreSQL {done.server_major}, and {environment.name} runs {done.target_major}.",
        f"Set SIGNALBOX_REHEARSAL_URL to a server with PostgreSQL {done.target_major}, and rehearse it again.",
    )


_AGAIN = "Rehearse it again."

#: Of what the rehearsal server is to blame for, or the plan.
_TO_PROVE_MORE = "Set SIGNALBOX_REHEARSAL_URL to a server like the target, or correct the file, and rehearse it again."


def _failed(done: Rehearsal | None) -> bool:
    """Something in it fails, as far as the rehearsal shows. What is only not proven may still run."""
    if done is None or done.passed:
        return False
    report = rehearsals.report_of(done)
    return report is None or report.verdict is Verdict.FAILED


def _unproven(report: Report) -> str:
    """The first of it, and why."""
    doubted = [f"{p.label} is not proven, because {p.because.removesuffix('.')}." for p in report.proofs if p.because]
    sentences = [*doubted, *(left.sentence for left in report.not_reached), *report.unread]
    more = f" {len(sentences) - 1} more like it." if len(sentences) > 1 else ""
    return (sentences[0] if sentences else "nothing was rehearsed.") + more


# The way back


def _reversible(plan: Plan, known: Known, because: str) -> _Fact:
    doubted = {step.label: step for step in plan.steps if not step.is_repeatable}
    if known.proof and (report := rehearsals.report_of(known.proof)):
        restored = {proof.label for proof in report.proofs if _restores(proof)}
        doubted = {label: step for label, step in doubted.items() if label not in restored}
    declared = {label: reason for label, step in doubted.items() if (reason := _declared(step))}
    return _Fact(
        requirement=Requirement.REVERSIBLE,
        held=not doubted,
        answered=bool(because) or len(declared) == len(doubted),
        sentence=" ".join((*_of_rollbacks(plan, doubted, declared, because, known), *_of_repeatable(plan))),
        next_step=_next_step(doubted, known),
    )


def _restores(proof: Proof) -> bool:
    return proof.passed and (bool(proof.reversible) or proof.order_only)


def _of_rollbacks(
    plan: Plan, doubted: Mapping[str, Step], declared: Mapping[str, str], because: str, known: Known
) -> Iterator[str]:
    without = [label for label, step in doubted.items() if not step.down_sql and label not in declared]
    if not doubted:
        if not all(step.is_repeatable for step in plan.steps):
            yield "Each rollback restored the schema."
    elif because:
        yield f"It may go without a proven rollback: “{because}”"
    elif len(declared) == len(doubted):
        yield from (f"{label} says itself that it is irreversible: “{why}”" for label, why in declared.items())
    elif without:
        yield f"{_and(without)} {'has' if len(without) == 1 else 'have'} no rollback that can be used."
    elif known.proof:
        yield f"The rollback of {_and(list(doubted))} does not restore the schema."
    else:
        yield "Whether its rollback restores the schema is not known."


def _of_repeatable(plan: Plan) -> Iterator[str]:
    if labels := [step.label for step in plan.steps if step.is_repeatable]:
        are = "is" if len(labels) == 1 else "are"
        yield f"{_and(labels)} {are} repeatable: the text of before, run again, is the way back."


def _next_step(doubted: dict[str, Step], known: Known) -> str:
    if not doubted:
        return ""
    if known.proof or any(not step.down_sql for step in doubted.values()):
        return "Correct the rollback, or ask again and say why it may go without one."
    return "The rehearsal shows it."


def _declared(step: Step) -> str:
    try:
        return directives.values_in(step.sql).get("irreversible", "")
    except SqlSyntaxError:
        return ""


# Lint


def _findings(plan: Plan) -> Sequence[Finding] | None:
    folder = folders.current(environments.get_even_former(plan.environment)).folder
    return findings.of_plan(plan, folder) if folder else None


def _linted(findings: Sequence[Finding] | None) -> _Fact:
    if findings is None:
        return _Fact(
            requirement=Requirement.LINT,
            held=False,
            sentence="The folder does not hold these scripts any more.",
            next_step="Ask again with what it holds now.",
        )
    errors = [f for f in findings if f.blocks]
    warnings = [f for f in findings if f.severity is Severity.WARNING and not f.suppressed]
    allowed = [f for f in findings if f.suppressed]
    first = f": {errors[0].file}, line {errors[0].line}" if errors else ""
    parts = [
        f"{_count(errors, 'error')}{first}." if errors else "No error.",
        f"{_count(warnings, 'warning')} beside the SQL." if warnings else "",
        f"{_count(allowed, 'finding')} allowed in the files." if allowed else "",
    ]
    return _Fact(
        requirement=Requirement.LINT,
        held=not errors,
        sentence=" ".join(filter(None, parts)),
        next_step="Correct the file, or allow the finding there and say why; then ask again." if errors else "",
    )


# The environment before


def _applied_before(plan: Plan, environment: Environment) -> _Fact | None:
    """None for the first environment: nothing comes before it."""
    earlier = [e for e in environments.all_environments() if e.position < environment.position]
    if not earlier:
        return None
    before = max(earlier, key=lambda e: e.position)
    rows = {row.identity: row for row in standings.standing(before, None).rows}
    asked = scoping.meant_for(plan.steps, before.slug)
    without = [step.label for step in asked if not _is_same(rows.get(step.identity), step)]
    spared = _spared([step.label for step in plan.steps if step not in asked], before)
    if not without:
        stands = f"The same stands on {before.name}." if asked else ""
        sentence = " ".join(filter(None, (stands, spared)))
        return _Fact(requirement=Requirement.PREVIOUS, held=True, sentence=sentence)
    verb = "is" if len(without) == 1 else "are"
    return _Fact(
        requirement=Requirement.PREVIOUS,
        held=False,
        sentence=f"{_and(without)} {verb} not applied on {before.name} as it stands here. {spared}".rstrip(),
        next_step=f"Apply it to {before.name} first.",
    )


def _spared(labels: Sequence[str], before: Environment) -> str:
    """On what the environment before never gets."""
    verb = "is" if len(labels) == 1 else "are"
    name = before.name
    return f"{_and(labels)} {verb} not for {name}, so nothing is asked of {name}." if labels else ""


def _is_same(row: AppliedMigration | None, step: Step) -> bool:
    """Comments may differ."""
    if row is None or not row.success or row.kind is Kind.SKIPPED:
        return False
    return row.checksum == step.checksum or (bool(row.checksum_sql) and row.checksum_sql == step.checksum_sql)


def _and(labels: Sequence[str]) -> str:
    if len(labels) > 3:
        return f"{labels[0]} and {len(labels) - 1} others"
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def _count(findings: Sequence[Finding], noun: str) -> str:
    return f"{len(findings)} {noun}{'' if len(findings) == 1 else 's'}"
