"""Mending the history of an environment: what can be done, and with which migrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from dashboard.engine.plan import Action
from dashboard.engine.status import MigrationStatus
from dashboard.models.environments import Environment
from dashboard.presenters.matrix import state_pill
from dashboard.presenters.pills import Pill

#: So many have a box of their own on the page; all of them can be chosen at once.
SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairWords:
    label: str
    lede: str
    why: str  # the label of its reason
    nothing: str  # where there is no migration for it


WORDS: Mapping[Action, RepairWords] = {
    Action.SKIP: RepairWords(
        label="Skip",
        lede="They are recorded as skipped with your reason, and do not run here. That can be taken back.",
        why="Why do they not run here?",
        nothing="Nothing waits here that could be skipped.",
    ),
    Action.UNSKIP: RepairWords(
        label="Take back skips",
        lede="Their records are removed, so they are pending again. The next apply would run them.",
        why="Why are they needed after all?",
        nothing="Nothing is skipped here.",
    ),
    Action.MARK_APPLIED: RepairWords(
        label="Mark as applied",
        lede="For files that somebody ran by hand, for example with psql. They are recorded as applied with the "
        "checksum of the file as it is now, with your reason, and not as run by Signalbox. Where a file has a "
        "rollback, it is kept with the record, so it can be rolled back like any other.",
        why="Who ran them, when, and how do you know that they are there?",
        nothing="Nothing waits here that somebody could have run by hand.",
    ),
    Action.BASELINE: RepairWords(
        label="Baseline",
        lede="For a database that had all of it before Signalbox came, for example from a dump. Every file up to a "
        "version is recorded as applied without being run. No text ran, so there is no rollback. What is recorded "
        "already stays as it is.",
        why="Where does the database come from, and how do you know that it has all of this?",
        nothing="Nothing waits here that a baseline could cover.",
    ),
    Action.ACCEPT: RepairWords(
        label="Accept comments",
        lede="The files are not as they were applied, and only comments or blanks differ. Their recorded text and "
        "checksum become those of the file.",
        why="Why do the comments differ?",
        nothing="No file here has other comments than it was applied with.",
    ),
    Action.ACCEPT_CHANGE: RepairWords(
        label="Accept changed SQL",
        lede="The SQL of these files is not what ran here. The database keeps what the old text did, and nothing of "
        "the new one is run: the record takes the new checksum, and the text that ran and its rollback stay. Restoring "
        "the file is the better way wherever it is possible.",
        why="Why is the new text right, and how does the database come to fit it?",
        nothing="No file here has other SQL than it was applied with.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairTab:
    label: str
    url: str
    is_here: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    value: str  # as the form sends it
    label: str
    pill: Pill
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPage:
    words: RepairWords
    tabs: tuple[RepairTab, ...]
    covers_all_before: bool  # one version is chosen, and everything before it goes with it
    picks: tuple[Pick, ...]
    total: int

    @property
    def hidden(self) -> int:
        """So many have no box of their own."""
        return self.total - len(self.picks)


def page(here: Action, candidates: Mapping[Action, Sequence[MigrationStatus]], environment: Environment) -> RepairPage:
    """`candidates` are the migrations that each action can be asked for."""
    return RepairPage(
        words=WORDS[here],
        tabs=tuple(_tabs(here, candidates, environment)),
        covers_all_before=here is Action.BASELINE,
        picks=tuple(map(_pick, candidates[here][:SHOWN])),
        total=len(candidates[here]),
    )


def _tabs(
    here: Action, candidates: Mapping[Action, Sequence[MigrationStatus]], environment: Environment
) -> Iterator[RepairTab]:
    for action, items in candidates.items():
        yield RepairTab(
            label=WORDS[action].label,
            url=reverse("repair", args=[environment.slug, action.value]),
            is_here=action is here,
            count=len(items),
        )


def _pick(item: MigrationStatus) -> Pick:
    return Pick(
        value=f"{item.version}/{item.name}",
        label=item.label,
        pill=state_pill(item),
        sentence=item.sentence,
    )
