"""How a schema stands, in words: the panel of an environment, the page of its drift, two of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse

from dashboard.engine.migration import MigrationId
from dashboard.engine.schema.diff import Change, Difference
from dashboard.models import DriftCheck, Snapshot
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.presenters import links, schema_diff, statuses
from dashboard.presenters.badges import Badge, badge
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.pills import Pill
from dashboard.presenters.schema_diff import SchemaDiff
from dashboard.selectors.compare import Comparison, Side
from dashboard.selectors.drift import DriftState
from dashboard.selectors.git import CommitFact
from dashboard.selectors.leftovers import LeftByRun
from dashboard.services import permissions
from dashboard.services.actors import Actor
from dashboard.services.drift import LATE

#: What a difference from the expected schema means.
CHANGES: Mapping[Change, Pill] = {
    Change.ADDED: Pill(label="Added", tone="warn", icon="plus"),
    Change.REMOVED: Pill(label="Removed", tone="danger", icon="fail"),
    Change.CHANGED: Pill(label="Changed", tone="warn", icon="modified"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaPanel:
    """`expected` and `differs` are sentences; `failure` says why the last look failed, where it did."""

    pill: Pill
    url: str
    expected: str
    differs: str
    left: str  # what broken-off runs left half done, as a sentence
    since: datetime | None
    failure: str
    next_step: str
    checked_at: datetime | None
    checked_by: str
    seen_at: datetime | None  # where the last look failed: the last that did not
    checking: bool
    check: ActionButton
    compare_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoverView:
    """What a broken-off run left half done, and what takes it away."""

    sentence: str
    way_on: str
    run: int
    run_url: str
    label: str  # of the migration
    settle_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPage:
    panel: SchemaPanel
    leftovers: tuple[LeftoverView, ...]
    diff: SchemaDiff | None
    fingerprint: str
    late: str  # why the expected schema may hold more than a run's work
    accept_refused: str  # why this person may not accept


def panel(environment: Environment, state: DriftState) -> SchemaPanel:
    last, newest = state.last, state.seen
    failure = Failure.from_dict((last.failure if last else None) or {})
    return SchemaPanel(
        pill=statuses.SCHEMA[last.outcome] if last else statuses.SCHEMA_NOT_SEEN,
        url=reverse("drift", args=[environment.slug]),
        expected=_expected(newest.expected) if newest and newest.expected else "",
        differs=differs(state),
        left=left_half_done(state),
        since=newest.since if newest and state.drifted else None,
        failure=failure.sentence,
        next_step=failure.next_step,
        checked_at=last.at if last else None,
        checked_by=last.by.get_username() if last and last.by else "",
        seen_at=newest.at if newest and newest != last else None,
        checking=state.checking,
        check=ActionButton(
            label="Check now",
            url=reverse("drift-check", args=[environment.slug]),
            method="post",
            icon="refresh",
            show=environment.configured and not state.checking,
        ),
        compare_url=reverse("compare", query={"b": environment.slug}),
    )


def differs(state: DriftState, *, of: str = "") -> str:
    """Empty where the schema is as its runs left it, as far as is known."""
    if state.seen is None or not state.drifted:
        return ""
    count = state.seen.differing
    return f"{count} object{'' if count == 1 else 's'}{of} {'was' if count == 1 else 'were'} changed outside Signalbox."


def left_half_done(state: DriftState) -> str:
    """Empty where no run left anything."""
    left = state.leftovers
    if not left:
        return ""
    runs = sorted({leftover.run for leftover in left})
    objects = "1 object is" if len(left) == 1 else f"{len(left)} objects are"
    return f"{objects} half done, left by run {' and run '.join(map(str, runs))}."


def page(environment: Environment, state: DriftState, differences: Sequence[Difference], *, by: Actor) -> DriftPage:
    """`differences` are those that were changed outside Signalbox, in the newest look that saw the schema."""
    return DriftPage(
        panel=panel(environment, state),
        leftovers=tuple(_leftover(leftover, environment) for leftover in state.leftovers),
        diff=schema_diff.schema_diff(differences, CHANGES) if differences else None,
        fingerprint=state.seen.fingerprint if state.seen else "",
        late=_late(state.seen.expected) if state.seen and state.seen.expected else "",
        accept_refused=refusal(partial(permissions.check_can_accept_drift, by)),
    )


def _leftover(leftover: LeftByRun, environment: Environment) -> LeftoverView:
    return LeftoverView(
        sentence=leftover.sentence,
        way_on=leftover.way_on,
        run=leftover.run,
        run_url=reverse("run", args=[leftover.run]),
        label=leftover.label,
        settle_url=reverse("settle", args=[environment.slug, *leftover.identity]),
    )


def _expected(snapshot: Snapshot) -> str:
    match snapshot.reason:
        case Snapshot.Reason.RUN if snapshot.run:
            return f"as run {snapshot.run.pk} left it"
        case Snapshot.Reason.ACCEPTED if snapshot.by:
            return f"as {snapshot.by.get_username()} accepted it"
        case Snapshot.Reason.ACCEPTED:
            return "as it was with the rights that Signalbox asked for"
        case _:
            return "as it was when Signalbox first looked"


def _late(snapshot: Snapshot) -> str:
    run = snapshot.run
    if run is None or run.finished_at is None or snapshot.taken_at - run.finished_at <= LATE:
        return ""
    return (
        f"The schema could not be read right after run {run.pk}, only later. What somebody changed by hand in between "
        "counts as that run's work, and is not shown here."
    )


# Side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    place: Badge
    seen_at: datetime | None
    drifted: bool
    url: str  # of its drift
    check: ActionButton
    commit: CommitFact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationLink:
    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    sides: tuple[SideView, SideView]
    unseen: tuple[SideView, ...]  # nobody has looked at their schema yet
    verdict: Pill
    sentence: str
    only: tuple[tuple[Badge, tuple[MigrationLink, ...]], ...]  # migrations that stand in one of them
    records: tuple[tuple[Badge, tuple[MigrationLink, ...]], ...]  # of which history and log say different things
    versions: tuple[str, ...]  # extensions of another version
    diff: SchemaDiff | None


SAME = Pill(label="The same", tone="ok", icon="ok")
ORDER = Pill(label="Another order of columns", tone="info", icon="order")
EXPLAINED = Pill(label="Explained by migrations", tone="info", icon="migration")
CONTRADICTED = Pill(label="Records contradict", tone="danger", icon="missing")
UNEXPLAINED = Pill(label="Not explained", tone="warn", icon="attention")
UNKNOWN = Pill(label="Not known", tone="muted", icon="unknown")


def compare(comparison: Comparison) -> ComparePage:
    sides = _side(comparison.a), _side(comparison.b)
    verdict, sentence = _verdict(comparison)
    if comparison.a.contradicted or comparison.b.contradicted:
        verdict = CONTRADICTED
    differences = comparison.differences
    return ComparePage(
        sides=sides,
        unseen=tuple(side for side in sides if side.seen_at is None),
        verdict=verdict,
        sentence=sentence,
        only=tuple(_links(comparison, lambda side: side.only)),
        records=tuple(_links(comparison, lambda side: side.contradicted)),
        versions=tuple(comparison.versions),
        diff=schema_diff.schema_diff(differences, _sides_pills(comparison), comparison.explained)
        if differences
        else None,
    )


def _side(side: Side) -> SideView:
    return SideView(
        place=badge(side.environment),
        seen_at=side.seen.at if side.seen else None,
        drifted=side.seen is not None and side.seen.outcome == DriftCheck.Outcome.DRIFTED,
        commit=side.commit,
        url=reverse("drift", args=[side.environment.slug]),
        check=ActionButton(
            label=f"Check {side.environment.name}",
            url=reverse("drift-check", args=[side.environment.slug]),
            method="post",
            icon="refresh",
            show=side.environment.configured,
        ),
    )


def _sides_pills(comparison: Comparison) -> Mapping[Change, Pill]:
    return {
        Change.ADDED: Pill(label=f"Only in {comparison.b.environment.name}", tone="info", icon="plus"),
        Change.REMOVED: Pill(label=f"Only in {comparison.a.environment.name}", tone="info", icon="missing"),
        Change.CHANGED: Pill(label="Differs", tone="warn", icon="modified"),
    }


def _verdict(comparison: Comparison) -> tuple[Pill, str]:
    if comparison.a.seen is None or comparison.b.seen is None:
        return UNKNOWN, "Both schemas have to be looked at before they can be compared."
    differences = comparison.differences
    if not differences:
        return SAME, "The two schemas are the same, object by object."
    if all(d.is_order for d in differences):
        tables = f"{len(differences)} table" + ("" if len(differences) == 1 else "s")
        return ORDER, f"Only the order of columns differs, in {tables}. No query that names its columns can tell."
    open_questions = sum(1 for d in differences if d.key not in comparison.explained)
    if not open_questions:
        return (
            EXPLAINED,
            f"{_objects(len(differences))}; all of it comes from migrations that stand in one of the two only.",
        )
    return UNEXPLAINED, (
        f"{_objects(len(differences))}, {open_questions} of them not explained by a migration that stands in one of "
        "the two only."
    )


def _objects(count: int) -> str:
    return f"{count} object differs" if count == 1 else f"{count} objects differ"


def _links(
    comparison: Comparison, of: Callable[[Side], Sequence[MigrationId]]
) -> Iterator[tuple[Badge, tuple[MigrationLink, ...]]]:
    for side in (comparison.a, comparison.b):
        if of(side):
            source = side.environment.source
            named = (MigrationLink(label=each.label, url=links.migration(each, source)) for each in of(side))
            yield badge(side.environment), tuple(named)
