"""What the test of a connection found, in the order in which a person should care."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from dashboard.engine.database.doctor import Check, CheckLevel, is_fit
from dashboard.models import command_line
from dashboard.models.environments import Environment
from dashboard.presenters.pills import Pill
from dashboard.services import targets
from dashboard.services.imports import CODE as OTHER_HISTORY

LEVELS: Mapping[CheckLevel, Pill] = {
    CheckLevel.REFUSED: Pill(label="In the way", tone="danger", icon="fail"),
    CheckLevel.WARNING: Pill(label="Look at this", tone="warn", icon="attention"),
    CheckLevel.NOTE: Pill(label="Good to know", tone="info", icon="info"),
    CheckLevel.FINE: Pill(label="Fine", tone="ok", icon="ok"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    pill: Pill
    finding: str
    remedy: str
    url: str = ""  # of the page where something is done about it
    url_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    tone: str
    icon: str
    sentence: str


def view(check: Check, environment: Environment | None = None) -> CheckView:
    """`environment`: whose target was asked; the rehearsal server has none."""
    finding = check.finding[0].upper() + check.finding[1:]
    is_due = check.code == OTHER_HISTORY and check.level is CheckLevel.WARNING and environment is not None
    return CheckView(
        pill=LEVELS[check.level],
        finding=finding,
        remedy=check.remedy,
        url=reverse("import", args=[environment.slug]) if environment and is_due else "",
        url_label="Import a history" if is_due else "",
    )


def verdict(checks: Sequence[Check], environment: Environment) -> Fitness:
    if targets.address(environment).only_reads:
        return _of_reader(checks, environment)
    if not is_fit(checks):
        sentence = f"{environment.name} answers, and no migration can run there: see the first line."
        return Fitness(tone="danger", icon="fail", sentence=sentence)
    return Fitness(tone="ok", icon="ok", sentence=f"{environment.name} is fit to run migrations.")


def _of_reader(checks: Sequence[Check], environment: Environment) -> Fitness:
    """The web process has no more than that URL, so it says nothing of runs."""
    doctor = command_line.of("doctor")
    rest = f"Whether a migration can run there, `{doctor}` says in the worker, which has the other URL."
    if all(check.level in {CheckLevel.FINE, CheckLevel.NOTE} for check in checks):
        return Fitness(tone="ok", icon="ok", sentence=f"{environment.name} can be read by these pages. {rest}")
    sentence = f"{environment.name} answers, and something is wrong with what these pages read it with. {rest}"
    return Fitness(tone="warn", icon="attention", sentence=sentence)
