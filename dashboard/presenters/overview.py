"""The overview: is anything wrong, does anything wait for me?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.urls import reverse

from dashboard.engine.migration import Severity
from dashboard.engine.status import State
from dashboard.models import BreakGlass, ChangeRequest, Installation
from dashboard.models.failures import Failure
from dashboard.models.sources import DEFAULT
from dashboard.presenters import environments, installations, links, wording
from dashboard.presenters.environments import Card, Remark
from dashboard.presenters.findings import Tallies
from dashboard.presenters.matrix import Matrix, matrix
from dashboard.presenters.request_detail import glass_sentence
from dashboard.presenters.sources import compare_url
from dashboard.selectors.board import BoardRow
from dashboard.selectors.environments import Standing
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.git import CommitFact, Staleness

VERSIONS_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    tone: str
    icon: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReading:
    """A source, and what is known of its migrations."""

    reading: FolderReading
    rows: Sequence[BoardRow]
    lint: Tallies
    moved: tuple[CommitFact, CommitFact] | None = None  # since the last run: from which commit to which


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Where the environments of one source are."""

    source: str  # its name, where there are several
    matrix: Matrix
    failure: Failure | None  # why its folder cannot be read
    commit: CommitFact | None  # of a source in a repository
    stale: Staleness | None  # fetching fails, so it may be older than what was pushed
    empty_source: str  # the folder, where it holds no migration

    @property
    def first_file(self) -> str:
        """Where the first migration of an empty folder could be."""
        return f"{self.empty_source}/001_create_users.sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    sentences: tuple[Sentence, ...]
    cards: tuple[Card, ...]
    boards: tuple[Board, ...]  # one for each source


def overview(
    standings: Sequence[Standing],
    files: Sequence[SourceReading],
    waiting: Sequence[ChangeRequest],
    *,
    unreviewed: Sequence[BreakGlass] = (),
    installation: Installation | None = None,
) -> Overview:
    """`waiting` are the requests that wait for the reader; `unreviewed` what one person let run alone."""
    is_held = installation is not None and installation.is_held
    readings = [each.reading for each in files]
    return Overview(
        sentences=(
            *_of_copy(installation),
            *_of_glass(unreviewed),
            *_sentences(standings, readings, waiting, quiet=not (unreviewed or is_held)),
            *(_of_push(*each.moved) for each in files if each.moved),
        ),
        cards=tuple(environments.card(standing, back="overview") for standing in standings),
        boards=tuple(_board(standings, each, is_alone=len(files) == 1) for each in files),
    )


def _board(standings: Sequence[Standing], files: SourceReading, *, is_alone: bool) -> Board:
    folder, source = files.reading.folder, files.reading.source
    own = [standing for standing in standings if standing.environment.source == source]
    return Board(
        source="" if is_alone else source,
        matrix=matrix(own, files.rows, limit=VERSIONS_SHOWN, lint=files.lint, source=source),
        failure=files.reading.failure,
        commit=files.reading.commit,
        stale=files.reading.stale,
        empty_source=folder.source if folder and not folder.migrations else "",
    )


def _sentences(
    standings: Sequence[Standing], readings: Sequence[FolderReading], waiting: Sequence[ChangeRequest], *, quiet: bool
) -> Iterator[Sentence]:
    environments_said = list(_of_environments(standings))
    dangers = [sentence for sentence in environments_said if sentence.tone == "danger"]
    others = [sentence for sentence in environments_said if sentence.tone != "danger"]
    of_folders = [sentence for reading in readings for sentence in _of_folder(reading)]
    said = [*_of_waiting(waiting), *dangers, *_of_approved(standings), *others, *of_folders]
    if not said and quiet and all(reading.folder and reading.folder.migrations for reading in readings):
        text = "Every environment has every migration. Nothing waits for you."
        said = [Sentence(tone="ok", icon="ok", text=text)]
    yield from said


def _of_copy(installation: Installation | None) -> Iterator[Sentence]:
    """Before everything else: what stands below may have gone on elsewhere."""
    if installation and installation.is_held:
        text, url = installations.sentence(installation), reverse("installation")
        yield Sentence(tone="danger", icon="attention", text=text, url=url)


def _of_glass(unreviewed: Sequence[BreakGlass]) -> Iterator[Sentence]:
    """First, and until it is signed."""
    for opening in unreviewed:
        url = reverse("request", args=[opening.request_id])
        text = f"{glass_sentence(opening)} {opening.request.title}."
        yield Sentence(tone="danger", icon="attention", text=text, url=url)


def _of_waiting(waiting: Sequence[ChangeRequest]) -> Iterator[Sentence]:
    if len(waiting) == 1:
        url = reverse("request", args=[waiting[0].pk])
        yield Sentence(
            tone="wait", icon="wait", text=f"A request waits for your decision: {waiting[0].title}.", url=url
        )
    elif waiting:
        yield Sentence(
            tone="wait", icon="wait", text=f"{len(waiting)} requests wait for your decision.", url=reverse("requests")
        )


def _of_environments(standings: Sequence[Standing]) -> Iterator[Sentence]:
    """The worst first; what holds of several environments is said once, but for failures: each leads to its page, where
    its error stands and what to do about it."""
    holders: dict[tuple[Remark, str], list[Standing]] = defaultdict(list)
    for standing in standings:
        for remark in environments.remarks(standing):
            alone = standing.environment.slug if remark.state == State.FAILED else ""
            holders[remark, alone].append(standing)
    for remark, alone in sorted(holders, key=lambda holder: holder[0].rank):
        concerned = holders[remark, alone]
        yield Sentence(
            tone=remark.tone, icon=remark.icon, text=_said_of(remark, concerned), url=_url(remark, concerned)
        )


def _said_of(remark: Remark, concerned: Sequence[Standing]) -> str:
    names = [standing.environment.name for standing in concerned]
    subject = wording.all_of(names)
    if remark.verbs is None:
        return f"{subject}: {remark.text}"
    return f"{subject} {remark.verbs[0 if len(names) == 1 else 1]} {remark.text}"


def _url(remark: Remark, concerned: Sequence[Standing]) -> str:
    if remark.url:
        return remark.url
    of_sources = {standing.environment.source for standing in concerned}
    if len(concerned) > 1 and remark.state and len(of_sources) == 1:
        return links.migrations(of_sources.pop(), state=remark.state)
    if len(concerned) > 1:
        return reverse("environments")
    run = concerned[0].run
    if run and remark.rank <= environments.RUN_RANK:
        return reverse("run", args=[run.pk])
    return reverse("environment", args=[concerned[0].environment.slug])


def _of_approved(standings: Sequence[Standing]) -> Iterator[Sentence]:
    for standing in standings:
        for request in standing.requests:
            if request.status == ChangeRequest.Status.APPROVED and not standing.run:
                url = reverse("request", args=[request.pk])
                text = f"Request {request.pk} is approved and has not been run: {request.title}."
                yield Sentence(tone="info", icon="arrow", text=text, url=url)


def _of_push(old: CommitFact, new: CommitFact) -> Sentence:
    text = f"The source {new.source} is at commit {new.short}, and the last run took it at {old.short}: what that adds."
    return Sentence(tone="info", icon="migration", text=text, url=compare_url(old, new))


def _of_folder(reading: FolderReading) -> Iterator[Sentence]:
    if reading.folder and not reading.folder.migrations:
        text = f"The folder {reading.folder.source} holds no migration."
        yield Sentence(tone="warn", icon="migration", text=text, url=links.problems(reading.source))
    errors = [p for p in reading.folder.problems if p.severity is Severity.ERROR] if reading.folder else []
    if errors:
        files = len({p.file for p in errors})
        count = f"{len(errors)} error{'' if len(errors) == 1 else 's'} in {files} file{'' if files == 1 else 's'}"
        named = "The folder" if reading.source == DEFAULT else f"The source {reading.source}"
        yield Sentence(tone="warn", icon="migration", text=f"{named} has {count}.", url=links.problems(reading.source))
