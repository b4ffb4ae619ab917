"""What would be lost, in words that hold whether nothing, much or an unknown number of rows would be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat

from dashboard.engine.forecast.values import (
    MATVIEW,
    Fate,
    Forecast,
    Loss,
)
from dashboard.engine.plan import Action, Plan
from dashboard.models.environments import Environment
from dashboard.services import forecasts, plans


@dataclass(frozen=True, slots=True, kw_only=True)
class LossView:
    what: str  # platform.users
    columns: tuple[str, ...]
    becomes: str  # "The table is dropped."
    count: str  # "240 rows"
    aside: tuple[str, ...]  # what else is known: written since, size, why it cannot be saved
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastView:
    """What _components/forecast.html shows."""

    tone: str
    icon: str
    headline: str
    sentence: str
    losses: tuple[LossView, ...]
    basis: str
    unseen: tuple[str, ...]
    saves: tuple[str, ...]  # what the plan copies first


BECOMES: Mapping[Fate, tuple[str, str]] = {
    Fate.DROPPED: ("The table is dropped with all its rows.", "Dropped, with what stands in every row."),
    Fate.EMPTIED: ("Every row is deleted; the table stays.", ""),
    Fate.REDUCED: ("Some of its rows are deleted.", ""),
    Fate.OVERWRITTEN: ("", "Overwritten in each row that the statement reaches."),
    Fate.NARROWED: ("", "Gets another type: what does not fit it is cut, rounded or refused."),
    Fate.REWRITTEN: ("", "Replaced in every row by what an expression makes of it."),
    Fate.REPLACED: ("What was saved is put over its rows.", "What was saved is put over it where it differs."),
}
#: Bytes; a copy of less than that is made in no time.
WORTH_TELLING = 1_000_000
_JUDGE = "What the statements below do to rows stands in no text that Signalbox can read, and no rehearsal shows it."
_VIEW = "Holds computed rows, which can be computed again."


def view(forecast: Forecast, environment: Environment, plan: Plan) -> ForecastView | None:
    """None for a plan that runs no migration."""
    if not plan.action.runs_migrations:
        return None
    tone, icon, headline, sentence = _verdict(forecast, environment)
    return ForecastView(
        tone=tone,
        icon=icon,
        headline=headline,
        sentence=sentence,
        losses=tuple(_loss(loss, plan, can_save=not forecast.cannot_save) for loss in forecast.losses),
        basis=_basis(forecast),
        unseen=(*forecast.unseen, *([forecast.cannot_save] if forecast.cannot_save else [])),
        saves=tuple(plans.copied(plan)),
    )


def _verdict(forecast: Forecast, environment: Environment) -> tuple[str, str, str, str]:
    """Tone, icon, headline and sentence."""
    if forecast.failure:
        sentence = f"{forecast.failure} Take it that rows are lost until you have counted them."
        return "warn", "attention", "How much would be lost is not known.", sentence
    if not forecast.is_known:
        known = f" At least {_rows(forecast.rows, is_estimate=forecast.is_estimate)}." if forecast.rows else ""
        if not forecast.losses:
            headline = "What would be lost cannot be judged."
            return "warn", "attention", headline, f"{_JUDGE} Take it that rows are lost until you have read that."
        headline = "How much would be lost is not fully known."
        return "danger", "attention", headline, f"Not all of it can be judged or counted.{known}"
    if not forecast.losses:
        return "ok", "ok", "No row would be lost.", "Each statement is proven to take no row and no value away."
    if not forecast.rows and any(loss.kind == MATVIEW for loss in forecast.losses):
        sentence = "What they are computed from stays, but nothing here makes them again."
        return "info", "info", "Only computed rows would go.", sentence
    if not forecast.rows:
        sentence = f"What goes holds no data on {environment.name} just now."
        return "ok", "ok", "No row would be lost.", sentence
    sentence = "Once this has run, only a saved copy or a backup brings them back."
    whole = all(not loss.columns for loss in forecast.losses if loss.rows and loss.kind != MATVIEW)
    fate = "be lost" if whole else "lose data"
    return "danger", "attention", f"{forecasts.lost(forecast)} would {fate}.", sentence


def _loss(loss: Loss, plan: Plan, *, can_save: bool) -> LossView:
    is_view = loss.kind == MATVIEW
    return LossView(
        what=loss.relation,
        columns=loss.columns,
        becomes=_VIEW if is_view else BECOMES[loss.fate][bool(loss.columns)],
        count="not known" if loss.rows is None else _rows(loss.rows, is_estimate=loss.is_estimate),
        aside=tuple(_aside(loss, plan, can_save=can_save)),
        tone="muted" if is_view or loss.rows == 0 else "danger",
    )


def _aside(loss: Loss, plan: Plan, *, can_save: bool) -> Iterator[str]:
    if loss.why_unknown:
        yield f"Not counted: {loss.why_unknown}."
    if loss.is_estimate:
        yield "The server's estimate: counting took too long, or the table was locked."
    if plan.action is Action.ROLLBACK and loss.kind != MATVIEW:
        yield _written_since(loss.written_since)
    if loss.size >= WORTH_TELLING:
        yield f"{filesizeformat(loss.size)} with its indexes, when it was last analysed."
    yield from _unsaved(loss, can_save=can_save)


def _unsaved(loss: Loss, *, can_save: bool) -> Iterator[str]:
    if loss.fate is Fate.REPLACED:
        yield "Saved nowhere."
    elif loss.why_unsaved:
        yield f"Cannot be saved first: {loss.why_unsaved}."
    elif loss.fate is Fate.REDUCED and loss.copy is None:
        yield "Cannot be saved first: which rows go shows only when it runs."
    elif loss.copy is None and loss.kind != MATVIEW:
        yield "Cannot be saved first: its rows are kept elsewhere."
    elif loss.copy and loss.columns and not loss.copy.key and can_save:
        yield "It has no primary key that stays as it is, so a saved copy can be put back only by hand."


def _written_since(count: int | None) -> str:
    if count is None:
        return "How much was written to it since the migration was applied is not known."
    if not count:
        return "Nothing was written to the table since the migration was applied."
    return f"{count:,} {'row was' if count == 1 else 'rows were'} written to the table since the migration was applied."


def _rows(count: int, *, is_estimate: bool) -> str:
    return f"{'about ' if is_estimate else ''}{count:,} {'row' if count == 1 else 'rows'}"


def _basis(forecast: Forecast) -> str:
    if any(loss.fate is Fate.REPLACED for loss in forecast.losses):
        return "Compared with what was saved, on the live database just now."
    read = "Read statement by statement from the scripts, with what fires and what depends on it on the target."
    if forecast.from_rehearsal:
        read = f"{read} A rehearsal has shown which objects go; of rows it proves nothing."
    return read if forecast.failure or not forecast.losses else f"{read} Counted on the live database just now."
