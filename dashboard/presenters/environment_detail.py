"""The page of one environment: what stands there, what is to come, and what each row allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.urls import reverse

from dashboard.engine.database.transport import Transport
from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Plan
from dashboard.engine.status import State
from dashboard.models import Rehearsal, Run
from dashboard.models.environments import Environment
from dashboard.models.sources import DEFAULT
from dashboard.presenters import (
    drift,
    environment_history,
    environment_pending,
    plans,
    policy,
    rehearsals,
    requirements,
    wording,
)
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.environment_history import Recorded
from dashboard.presenters.environment_pending import Excepted, Waiting
from dashboard.presenters.environments import SHARED, SHARED_ADVICE, SHARED_STOPS, Card, card
from dashboard.presenters.failures import ErrorBox
from dashboard.presenters.findings import Tallies
from dashboard.presenters.rehearsals import RehearsalRow
from dashboard.selectors.environments import Standing
from dashboard.services import permissions, policies, targets
from dashboard.services.actors import Actor

#: Of more files that are missing, one sentence tells.
FILES_TOLD_ALONE = 3
#: How long after its last run there another installation is told of.
OTHERS_TOLD_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is wrong with what has run, or with the schema; `url` is where what differs is shown, if anywhere."""

    sentence: str
    tone: str = "warn"
    url: str = ""
    url_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPage:
    card: Card
    facts: tuple[tuple[str, str], ...]
    rebind: ActionButton
    apply: ActionButton
    test: ActionButton  # of the connection
    rehearse: ActionButton
    rehearsal: RehearsalRow | None  # the last of what Apply would do
    stops: str  # why Apply would not go to the end
    waiting: tuple[Waiting, ...]
    excepted: tuple[Excepted, ...]  # files of its source that are for other environments
    notices: tuple[Notice, ...]
    mishaps: tuple[ErrorBox, ...]
    history: tuple[Recorded, ...]
    history_exists: bool
    mend: ActionButton  # the history, by a person's word
    bring: ActionButton  # the history that another tool keeps


def page(  # one for each thing that is known of it
    standing: Standing,
    offer: Plan | EngineError | None,
    *,
    by: Actor,
    rehearsal: Rehearsal | None,
    lint: Tallies,
    runs: Mapping[str, Run],
    failures: Mapping[str, Run],
    installation: str = "",
) -> EnvironmentPage:
    """`offer` is what Apply would do, `rehearsal` the last of that; `lint` is the tally of each migration; `runs` by
    their id as the target names them; `failures` by the label of the migration that failed;
    `installation` is this one among those that work there."""
    planned = {step.identity for step in offer.steps} if isinstance(offer, Plan) else set()
    waiting = tuple(environment_pending.waiting(standing, planned, lint, by))
    history = standing.look.history if standing.look else None
    return EnvironmentPage(
        card=card(standing),
        facts=tuple(_facts(standing.environment)),
        rebind=_rebind_button(standing, by),
        apply=_apply_button(standing, offer, by),
        test=_test_button(standing.environment, by),
        rehearse=_rehearse_button(standing, offer, by),
        rehearsal=rehearsals.row(rehearsal) if rehearsal else None,
        stops=environment_pending.stops(offer, waiting),
        waiting=waiting,
        excepted=tuple(environment_pending.excepted(standing)),
        notices=(
            *_shared(standing),
            *_forgotten(standing),
            *not_imported(standing),
            *_notices(standing),
            *_others(standing, installation),
        ),
        mishaps=tuple(environment_pending.mishaps(standing, failures)),
        history=tuple(environment_history.rows(standing, runs, by)),
        history_exists=history is not None and history.exists,
        mend=_mend_button(standing.environment, by),
        bring=_import_button(standing, by),
    )


def failed_labels(standing: Standing) -> list[str]:
    return [*_failed_labels(standing), *(item.label for item in standing.unfinished)]


def _failed_labels(standing: Standing) -> list[str]:
    return [item.label for item in standing.statuses if item.state is State.FAILED]


def run_ids(standing: Standing) -> set[str]:
    return {row.run_key for row in standing.rows if row.run_key}


# The policy


def _facts(environment: Environment) -> Iterator[tuple[str, str]]:
    yield "Database", targets.address(environment).shown if environment.configured or environment.fault else ""
    yield "URL from", environment.variable
    yield "Files from the source", environment.source
    if environment.read_url:
        yield "Pages read with", f"{environment.read_variable}, whose role should only read"
    if environment.dual_write:
        yield "Rows are also written to", environment.dual_write.label
    yield from policy.facts(environment)
    if environment.protected:
        yield "An approval", f"is used within {wording.hours(environment.approval_hours)}, or expires"
        yield "The approval also covers", f"the rollback, for {wording.hours(environment.rollback_hours)} after the run"
        yield "An approval needs", _needs(environment)
    yield "The way there", _TRANSPORT[environment.transport]
    yield "Waits for a lock (lock_timeout)", wording.limit(environment.lock_timeout_ms)
    yield "A statement runs (statement_timeout)", wording.limit(environment.statement_timeout_ms)


#: What may lie between here and there.
_TRANSPORT = {
    Transport.ANY: "As the URL says; it may be unencrypted",
    Transport.PRIVATE: "Encrypted, unless it stays in a private network",
    Transport.REQUIRE: "Encrypted",
    Transport.VERIFY_FULL: "Encrypted, and the server proves its name",
}


def _needs(environment: Environment) -> str:
    if not environment.require:
        return "No proof"
    proofs = (requirements.WORDS[requirement].needed for requirement in environment.require)
    return ", ".join(proofs).format(span=wording.hours(environment.rehearsal_hours)).capitalize()


def _mend_button(environment: Environment, by: Actor) -> ActionButton:
    return ActionButton(
        label="Mend the history…",
        url=reverse("repairs", args=[environment.slug]),
        show=not refusal(partial(permissions.check_can_skip, by)),
    )


def _import_button(standing: Standing, by: Actor) -> ActionButton:
    """Until something is recorded here anybody may look for one; after that only where one is left to import."""
    is_left = bool(standing.elsewhere) or not any(row.success for row in standing.rows)
    return ActionButton(
        label="Import a history…",
        url=reverse("import", args=[standing.environment.slug]),
        show=is_left and not refusal(partial(permissions.check_can_skip, by)),
    )


# Another database


def _rebind_button(standing: Standing, by: Actor) -> ActionButton:
    return ActionButton(
        label="Compare the two databases",
        url=reverse("rebind", args=[standing.environment.slug]),
        icon="arrow",
        show=_leads_elsewhere(standing),
        reason=refusal(partial(permissions.check_can_rebind, by)),
    )


def _leads_elsewhere(standing: Standing) -> bool:
    return standing.look is not None and standing.look.other_database


# What is wrong with what has run


def _notices(standing: Standing) -> Iterator[Notice]:
    if sentence := drift.differs(standing.drift, of=" of its schema"):
        yield Notice(sentence=sentence, url=reverse("drift", args=[standing.environment.slug]), url_label="See which")
    if sentence := drift.left_half_done(standing.drift):
        url = reverse("drift", args=[standing.environment.slug])
        yield Notice(sentence=sentence, tone="danger", url=url, url_label="See what leads on")
    url = reverse("edits", args=[standing.environment.slug])
    for item in standing.statuses:
        if item.state is State.MODIFIED:
            yield Notice(sentence=item.sentence, tone="danger", url=url, url_label="See what differs")
    yield from _altered(standing)
    yield from (Notice(sentence=sentence) for sentence in _missing(standing))
    if annotated := [item for item in standing.statuses if item.state is State.ANNOTATED]:
        many = f"{len(annotated)} files were edited since they were applied here, in comments and blanks only."
        sentence = annotated[0].sentence if len(annotated) == 1 else many
        yield Notice(sentence=sentence, url=url, url_label="Compare and accept")


def _shared(standing: Standing) -> Iterator[Notice]:
    if standing.keeps_approvals:
        protected = standing.environment.protected
        stops, tone = (f" {SHARED_STOPS}", "danger") if protected else ("", "warn")
        yield Notice(sentence=f"{SHARED[0].upper()}{SHARED[1:]}.{stops} {SHARED_ADVICE}", tone=tone)


def _forgotten(standing: Standing) -> Iterator[Notice]:
    if not standing.forgotten:
        return
    last = max(standing.forgotten, key=lambda step: (step.run_id, step.position))
    label, more = last.identity.label, len(standing.forgotten) - 1
    subject = f"{label} and {more} more migration{'s' if more > 1 else ''}" if more else label
    yield Notice(
        sentence=f"Signalbox has applied {subject} here, and this database does not know of that any more: neither its "
        f"history nor its log says so. It looks as if an older copy was restored into {standing.environment.name}. "
        "If so, all is well: what the copy does not have is pending again. If not, find out who changed the tracking "
        "tables before anything is applied.",
        tone="danger",
        url=reverse("run", args=[last.run_id]),
        url_label=f"Run {last.run_id}",
    )


def not_imported(standing: Standing) -> Iterator[Notice]:
    """Also for whoever mends the history by hand."""
    if standing.elsewhere:
        tools = wording.all_of([other.label for other in standing.elsewhere])
        yield Notice(
            sentence=f"A history of {tools} in this database knows files that are not recorded here: what is pending "
            "below may have run already. Import that history before anything is applied.",
            url=reverse("import", args=[standing.environment.slug]),
            url_label="Import a history",
        )


def _others(standing: Standing, installation: str) -> Iterator[Notice]:
    """One that was given up is not told of for ever; the test of the connection still names it."""
    look = standing.look
    if not installation or look is None or look.history is None or look.seen_at is None:
        return
    since = look.seen_at - OTHERS_TOLD_FOR
    others = [other for other in look.history.installations if other.identity != installation and other.at > since]
    if others:
        named = "; ".join(other.named for other in others)
        yield Notice(
            sentence=f"Another Signalbox runs migrations here too: {named}. This one is {installation[:8]}. They take "
            "turns by a lock in the database, but see nothing of each other's requests and approvals. Keep only one.",
            url=reverse("connection", args=[standing.environment.slug]),
            url_label="Test the connection",
        )


def _altered(standing: Standing) -> Iterator[Notice]:
    """What is in the log and not in the history is told where it waits to run."""
    for item in standing.statuses:
        if item.state is State.ALTERED:
            query = {"version": item.version, "name": item.name}
            url = reverse("restore-records", args=[standing.environment.slug], query=query)
            yield Notice(sentence=item.sentence, url=url, url_label="Restore the record")


def _missing(standing: Standing) -> list[str]:
    """A folder that is empty, or another one, is not told file by file."""
    sentences = [item.sentence for item in standing.statuses if item.state is State.MISSING]
    if len(sentences) <= FILES_TOLD_ALONE:
        return sentences
    name = standing.environment.source
    place = "SIGNALBOX_SOURCE" if name == DEFAULT else f"`path` of [sources.{name}] in the file of environments"
    return [
        f"{len(sentences)} migrations are recorded here, but their files are gone from the folder. Restore them from "
        f"version control; or point {place} at the folder that has them, and restart Signalbox."
    ]


# Apply


def _apply_button(standing: Standing, offer: Plan | EngineError | None, by: Actor) -> ActionButton:
    environment = standing.environment
    migrations = plans.migrations(len(offer.steps) if isinstance(offer, Plan) else len(standing.pending))
    label = (
        f"Request approval for {migrations}" if environment.protected else f"Apply {migrations} to {environment.name}"
    )
    return ActionButton(
        label=label,
        url=reverse("apply", args=[environment.slug]),
        tone="primary",
        icon="arrow",
        show=bool(standing.pending),
        reason=refusal(
            partial(permissions.check_can_request, by),
            partial(policies.check_stands_free, standing),
            partial(_check_plan, offer),
        )
        or _unbound(standing),
    )


def _unbound(standing: Standing) -> str:
    """The page says the rest above."""
    if standing.keeps_approvals and standing.environment.protected:
        return SHARED_STOPS
    return str(policies.stands_unbound(standing) or "")


def _test_button(environment: Environment, by: Actor) -> ActionButton:
    return ActionButton(
        label="Test the connection",
        url=reverse("connection", args=[environment.slug]),
        show=environment.configured and not refusal(partial(permissions.check_can_request, by)),
    )


def _rehearse_button(standing: Standing, offer: Plan | EngineError | None, by: Actor) -> ActionButton:
    """A run under way is no obstacle: nothing is touched."""
    return ActionButton(
        label="Rehearse",
        url=reverse("apply-rehearse", args=[standing.environment.slug]),
        method="post",
        icon="rehearsal",
        show=isinstance(offer, Plan) and not refusal(partial(permissions.check_can_request, by)),
    )


def _check_plan(offer: Plan | EngineError | None) -> None:
    if isinstance(offer, EngineError):
        raise offer
