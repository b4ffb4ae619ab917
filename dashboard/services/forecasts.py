"""What a plan would destroy, counted on its target now, and the word of the person who lets it run all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.database.statistics import Written
from dashboard.engine.forecast import counting, returning, values
from dashboard.engine.forecast import reading as engine
from dashboard.engine.forecast.values import Forecast
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan, Step
from dashboard.engine.schema.diff import Difference
from dashboard.models import Rehearsal, RunStep, Snapshot
from dashboard.models.environments import Environment
from dashboard.selectors import rehearsals
from dashboard.services import targets
from dashboard.services.errors import RowsNotTyped

#: What to do where no page asks.
FOR_MACHINES = 'Find out what it is. If it may go, send "rows_to_lose": "{expected}", and the call again.'


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What a person typed, or a machine sent, about the rows that would be lost, and what the page had told."""

    typed: str
    shown: str = ""  # by the page; a machine sees none
    forecast: Forecast | None = None  # as counted when the form came back; None: counted when it is checked
    by_machine: bool = False


#: Of whoever says nothing.
NO_WORD = Confirmation(typed="")


def of_plan(plan: Plan, environment: Environment) -> Forecast:
    """Asks the target only where the scripts threaten something or saved rows are put over others, and for a few
    seconds at most."""
    if plan.action is Action.BRING_BACK:
        return returning.take(targets.address(environment), plan)
    if not plan.action.runs_migrations:
        return Forecast()
    rehearsed = _seen(plan)
    reading = engine.read(plan, rehearsed or {})
    counted = counting.take(targets.address(environment), reading, then=_written_by_then(plan))
    return replace(counted, from_rehearsal=rehearsed is not None)


def needs_word(plan: Plan, forecast: Forecast) -> bool:
    """Nobody destroys rows or values that the plan does not save first, or lets run what may do so, without saying how
    many."""
    is_needed = forecast.is_destructive and forecast.word != "0"
    return is_needed and not forecast.is_saved_by({copy for step in plan.steps for copy in step.copies})


def check_confirmed(plan: Plan, environment: Environment, given: Confirmation) -> Confirmation:
    """Raise RowsNotTyped where rows or values may go and nobody has said how many, whatever the environment.

    What was shown is enough, however many there are by now: the page's plan is the one that runs, and a table in use
    never holds still. Where the plan saves all of it first, no number is asked for. Gives what was confirmed, counted.
    """
    forecast = given.forecast or of_plan(plan, environment)
    if needs_word(plan, forecast) and not values.is_confirmed(forecast, typed=given.typed, shown=given.shown):
        how = {"remedy": FOR_MACHINES.format(expected=forecast.word)} if given.by_machine else {}
        raise RowsNotTyped(lost=_loss(forecast), expected=forecast.word, **how)
    return replace(given, forecast=forecast)


def _loss(forecast: Forecast) -> str:
    if forecast.is_known:
        return f"{lost(forecast)} would be lost"
    return "Nobody can tell how many rows or values would be lost"


def lost(forecast: Forecast) -> str:
    """Where that is known, the start of a sentence: "240 rows", "About 1,200,000 rows"."""
    return f"{'About ' if forecast.is_estimate else ''}{forecast.rows:,} {'row' if forecast.rows == 1 else 'rows'}"


# What a rehearsal saw


def _seen(plan: Plan) -> Mapping[MigrationId, Sequence[Difference]] | None:
    """What each step does to the schema; None where no rehearsal counts for this plan."""
    rehearsal = rehearsals.of_plan(plan).proof or (rehearsals.proving(plan) if plan.action is Action.ROLLBACK else None)
    return dict(_by_step(plan, rehearsal)) if rehearsal else None


def _by_step(plan: Plan, rehearsal: Rehearsal) -> Iterator[tuple[MigrationId, Sequence[Difference]]]:
    report = rehearsals.report_of(rehearsal)
    for proof in report.proofs if report else ():
        yield proof.identity, proof.unmade if plan.action is Action.ROLLBACK else proof.made


# What was written by the time a migration had been applied


def _written_by_then(plan: Plan) -> dict[MigrationId, Written]:
    if plan.action is not Action.ROLLBACK:
        return {}
    by_step = {step.identity: _written_by_end_of(plan, step) for step in plan.steps}
    return {identity: written for identity, written in by_step.items() if written}


def _written_by_end_of(plan: Plan, step: Step) -> Written | None:
    applied = (
        RunStep.objects.filter(
            run__environment=plan.environment,
            action=Action.APPLY,
            version=step.version,
            name=step.name,
            status=RunStep.Status.COMMITTED,
        )
        .order_by("-id")
        .values_list("run", flat=True)
        .first()
    )
    snapshot = (
        applied
        and Snapshot.objects.filter(run=applied).exclude(counted_since="").only("rows_written", "counted_since").first()
    )
    return Written(rows=snapshot.rows_written, since=snapshot.counted_since) if snapshot else None
