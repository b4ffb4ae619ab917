"""What has not run in an environment, and what stands in its way."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from django.urls import reverse

from dashboard.engine.errors import EngineError
from dashboard.engine.migration import DUPLICATE_VERSION, NO_ROLLBACK, MigrationId, Problem, Severity, Unfinished
from dashboard.engine.plan import Plan
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import Run
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.presenters import actions, links
from dashboard.presenters import failures as boxes
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.environments import is_blocked
from dashboard.presenters.failures import ErrorBox
from dashboard.presenters.findings import Tallies
from dashboard.presenters.matrix import state_pill
from dashboard.presenters.pills import Pill
from dashboard.selectors.environments import Standing
from dashboard.services import permissions
from dashboard.services.actors import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    file: str
    identity: MigrationId
    url: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What has not run here: a file, or all the files that claim one number."""

    version: str
    files: tuple[WaitingFile, ...]
    pill: Pill
    sentence: str  # empty where the pill and the problems say it all
    runs_next: bool  # it is in the plan that Apply would make
    decide: ActionButton
    restore: ActionButton  # its record, which the log of the database still has
    lint: tuple[Pill, ...] = ()  # how much it has to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """A file of its source that does not run here, because it is for other environments."""

    identity: MigrationId
    url: str
    sentence: str


def excepted(standing: Standing) -> Iterator[Excepted]:
    for item in standing.statuses:
        if item.state in {State.ELSEWHERE, State.NARROWED}:
            url = links.migration(item.identity, standing.environment.source)
            yield Excepted(identity=item.identity, url=url, sentence=item.sentence)


def waiting(
    standing: Standing,
    planned: Collection[MigrationId],
    lint: Tallies,
    by: Actor,
) -> Iterator[Waiting]:
    for version, group in groupby(filter(_has_not_run, standing.statuses), key=lambda item: item.version):
        items = list(group)
        clashing = [item for item in items if item.state is State.CONFLICT]
        if len(clashing) > 1:
            yield _entry(standing, clashing, _CLASH.format(version=version, count=len(clashing)), planned, by)
            items = [item for item in items if item.state is not State.CONFLICT]
        for item in items:
            said = item.state in _SAID or is_blocked(item)
            entry = _entry(standing, [item], "" if said else item.sentence, planned, by)
            yield replace(entry, lint=lint.get(item.identity, ()))


#: States whose sentence would only repeat the pill, the problems or the box above.
_SAID = frozenset({State.PENDING, State.FAILED, State.PARTIAL})
_CLASH = (
    "{count} files have the number {version}, so it is not clear which should run, and none does. One can keep it: "
    "rename the others, or let an administrator decide which runs here and skip the rest, with a reason."
)


def _has_not_run(item: MigrationStatus) -> bool:
    return item.migration is not None and (item.is_pending or item.state in {State.CONFLICT, State.PARTIAL})


def _entry(
    standing: Standing, items: Sequence[MigrationStatus], sentence: str, planned: Collection[MigrationId], by: Actor
) -> Waiting:
    first = items[0]
    return Waiting(
        version=first.version,
        files=tuple(_file(item, standing.environment.source) for item in items),
        pill=state_pill(first),
        sentence=sentence,
        runs_next=first.identity in planned,
        decide=ActionButton(
            label="Decide…" if first.state is State.CONFLICT else "Skip…",
            url=reverse("skip", args=[standing.environment.slug, first.version]),
            show=first.state is not State.OUTDATED and not refusal(partial(permissions.check_can_skip, by)),
        ),
        restore=ActionButton(
            label="Restore its record…",
            url=reverse(
                "restore-records",
                args=[standing.environment.slug],
                query={"version": first.version, "name": first.name},
            ),
            show=_is_logged(standing, first) and not refusal(partial(permissions.check_can_skip, by)),
        ),
    )


def _is_logged(standing: Standing, item: MigrationStatus) -> bool:
    """The log says that it was applied; of one that was skipped there is no record to restore."""
    history = standing.look.history if standing.look else None
    logged = history.contradiction(item.identity) if history else None
    return item.state is State.UNRECORDED and logged is not None and not logged.was_skipped


def _file(item: MigrationStatus, source: str) -> WaitingFile:
    unsaid = {DUPLICATE_VERSION, NO_ROLLBACK} if item.state is State.CONFLICT else set()
    shown = [p for p in item.problems if p.severity is not Severity.NOTE and p.code not in unsaid]
    return WaitingFile(
        file=item.migration.up.file if item.migration else "",
        identity=item.identity,
        url=links.migration(item.identity, source),
        problems=tuple(sorted(shown, key=lambda p: p.severity is not Severity.ERROR)),
    )


def stops(offer: Plan | EngineError | None, entries: Sequence[Waiting]) -> str:
    if not isinstance(offer, Plan) or not offer.stops_before:
        return ""
    after = next((entry for entry in entries if not entry.runs_next), None)
    is_named = after is not None and any(offer.stops_before.startswith(f"{f.identity.label} ") for f in after.files)
    return (
        f"It stops before {after.version}, which cannot run: see below." if after and is_named else offer.stops_before
    )


def mishaps(standing: Standing, failures: Mapping[str, Run]) -> Iterator[ErrorBox]:
    """What freezes the environment first."""
    for left in standing.unfinished:
        yield _broken_off(left, standing, failures.get(left.label))
    for item in standing.statuses:
        if item.state is State.FAILED:
            yield _failed(item, standing.environment, failures.get(item.label))


SETTLE = "Settle it: its page shows what is there. Continue from there, or undo it by hand and start over."


def _broken_off(left: Unfinished, standing: Standing, run: Run | None) -> ErrorBox:
    row = next((row for row in standing.rows if row.identity == left.identity and not row.success), None)
    migration, name = left.label, standing.environment.name
    failure: dict[str, Any] = (run.failure if run else None) or {}
    settle = boxes.settle_button(standing.environment.slug, left.identity)
    return ErrorBox(
        title=f"{actions.WORDS[left.action].of.capitalize()}{migration} broke off on {name}",
        happened=_told(run)
        or (row and row.error_message)
        or "It ran outside a transaction and did not come to its end.",
        state_now=" ".join(
            sentence
            for sentence in (
                "What ran before it broke off is committed and still there.",
                boxes.left_then(failure),
                f"Nothing else runs on {name} until it is settled.",
            )
            if sentence
        ),
        state_tone="danger",
        next_step=f"{boxes.correction(failure)} {SETTLE}".lstrip(),
        actions=(settle, *_run_button(run)),
    )


def _failed(item: MigrationStatus, environment: Environment, run: Run | None) -> ErrorBox:
    failure: dict[str, Any] = (run.failure if run else None) or {}
    server: dict[str, Any] = failure.get("server", {})
    name, line = item.label, server.get("line")
    return ErrorBox(
        title=f"{name} failed on {environment.name}",
        happened=_told(run) or (item.applied and item.applied.error_message) or "The reason was not kept.",
        state_now=_after_failure(item, name),
        state_tone="ok" if _is_ours(item) else "warn",
        next_step=Failure.from_dict(failure).remedy or "Mend the cause; it runs again with the next run.",
        facts=boxes.server_facts(server),
        excerpt=server.get("excerpt", ""),
        url=links.migration(item.identity, environment.source, line=line) if item.migration else "",
        url_label=f"{item.migration.up.file}, line {line}" if item.migration and line else "The file",
        actions=_run_button(run),
    )


def _is_ours(item: MigrationStatus) -> bool:
    """Signalbox ran it: of what another tool recorded nobody knows what it left."""
    return bool(item.applied and item.applied.run_id)


def _after_failure(item: MigrationStatus, name: str) -> str:
    if _is_ours(item):
        return f"Nothing of this attempt at {name} remains: PostgreSQL undid it. What was applied before stands."
    return f"Another tool recorded that {name} failed. What it left is not known: look before it runs again."


def _told(run: Run | None) -> str:
    return str(((run.failure if run else None) or {}).get("sentence", ""))


def _run_button(run: Run | None) -> tuple[ActionButton, ...]:
    return (ActionButton(label=f"Run {run.pk}", url=reverse("run", args=[run.pk]), icon="runs"),) if run else ()
