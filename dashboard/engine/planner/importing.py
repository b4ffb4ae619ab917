"""Plans that record what another tool has applied, as its own table says. They run no SQL of a migration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from dashboard.engine import status
from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.imports.matching import MatchedEntry, Reconciliation
from dashboard.engine.imports.values import Certainty, Importer, TextMatch
from dashboard.engine.migration import IMPORTED, UNKNOWN_CHECKSUM, Folder, Identified, MigrationId
from dashboard.engine.plan import Action, ImportOrigin, Plan, PlanWarning, Step, Target
from dashboard.engine.planner.building import apply_steps, bare_step, plan_of
from dashboard.engine.planner.obstacles import refuse_unfinished
from dashboard.engine.status import MigrationStatus, State

#: A row of another tool says nothing against these, so it may be recorded.
_OPEN = frozenset({State.PENDING, State.OUT_OF_ORDER, State.FAILED, State.ELSEWHERE})
#: Of several, so many are named.
_NAMED = 5
#: Of those that stay pending.
_PENDING_NAMED = 10


def import_history(
    target: Target, folder: Folder, importer: Importer, origin: ImportOrigin, reconciliation: Reconciliation
) -> Plan:
    """One step for each file that the tool has applied and that is not recorded yet.

    Raises PlanBlocked where the tool itself says that something broke off, NothingToDo where nothing is left.
    """
    refuse_unfinished(target.history)
    _refuse_broken(importer, reconciliation)
    statuses = {item.identity: item for item in status.compute(folder, target.history)}
    wanted = [matched for matched in reconciliation.applied if matched.file.identity in statuses]
    taken = [m for m in wanted if statuses[m.file.identity].state in _OPEN and not m.runs_again]
    table = origin.label
    if not taken:
        raise NothingToDo(environment=target.name, reason=_why_nothing_is_left(importer, table, wanted))
    migrations = [migration for m in taken if (migration := statuses[m.file.identity].migration)]
    keys = {step.identity: step.key for step in apply_steps(migrations, target.history)}
    steps = [replace(_step(statuses[m.file.identity], m, importer, table), key=keys[m.file.identity]) for m in taken]
    pending = _pending(statuses, taken)
    warnings = [*_warnings(importer, table, reconciliation, taken), *_of_left(statuses, wanted), *pending]
    made = plan_of(target, Action.IMPORT, steps, warnings=warnings, commit=folder.commit)
    return replace(made, origin=origin)


def _refuse_broken(importer: Importer, reconciliation: Reconciliation) -> None:
    for entry in reconciliation.broken:
        raise PlanBlocked(
            version=entry.label,
            reason=f"the history of {importer.title} calls it {entry.stand}, so nobody knows what stands.",
            remedy=f"{entry.note} Then import again.",
        )


def _why_nothing_is_left(importer: Importer, table: str, wanted: Sequence[MatchedEntry]) -> str:
    if wanted:
        return f"whatever {importer.title} has applied there, by {table}, is recorded already"
    return f"no row of {table} is about a file of the folder"


def _step(item: MigrationStatus, matched: MatchedEntry, importer: Importer, table: str) -> Step:
    assert item.migration is not None, "a file was matched"
    entry, step = matched.entry, bare_step(Action.IMPORT, item.migration, _reason(matched, importer, table))
    if matched.text is TextMatch.DIFFERS:
        step = replace(step, checksum=UNKNOWN_CHECKSUM, checksum_sql="")
    return replace(step, applied_at=entry.applied_at.isoformat() if entry.applied_at else "")


def _reason(matched: MatchedEntry, importer: Importer, table: str) -> str:
    """What is kept with the row: who had applied it, when, and how sure that is."""
    entry = matched.entry
    by = f" by {entry.by}" if entry.by else ""
    when = f"on {entry.applied_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if entry.applied_at else "at an unknown time"
    sentences = [f"{IMPORTED} {importer.title}, which applied it {when}{by}, says {table}."]
    if entry.certainty is Certainty.INFERRED:
        sentences.append("Inferred: that table has no row for it, only a later version.")
    sentences.append(_OF_TEXT[matched.text].format(tool=importer.title))
    if entry.note:
        sentences.append(entry.note)
    return " ".join(sentences)


_OF_TEXT = {
    TextMatch.SAME: "The file is as {tool} ran it.",
    TextMatch.DIFFERS: "The file is not as {tool} ran it.",
    TextMatch.UNKNOWN: "Whether the file is as {tool} ran it is not known.",
}


# What a person should know before


def _warnings(
    importer: Importer, table: str, reconciliation: Reconciliation, taken: Sequence[MatchedEntry]
) -> Iterator[PlanWarning]:
    tool = importer.title
    if inferred := [m for m in taken if m.entry.certainty is Certainty.INFERRED]:
        sentence = (
            f"{tool} keeps no row for {_listed(m.file for m in inferred)}: it keeps only a later version, and these "
            "count as applied because they come before it."
        )
        yield _warning("import_inferred", sentence)
    for matched in taken:
        if matched.text is TextMatch.DIFFERS:
            sentence = (
                f"{matched.file.label} was edited after {tool} ran it: the checksum in {table} is not that of the "
                "file. It is recorded as applied, with a text that is not known."
            )
            yield _warning("import_differs", sentence, version=matched.file.version)
    if gone := reconciliation.without_file:
        labels = _named([entry.label for entry in gone])
        yield _warning("import_without_file", f"{table} has rows for which the folder has no file: {labels}.")
    if unclear := reconciliation.unclear:
        rows = " ".join(f"{entry.label}: {entry.note}" for entry in unclear[:_NAMED])
        yield _warning("import_unclear", f"{table} has {len(unclear)} rows that nothing is taken from. {rows}")
    if gaps := reconciliation.gaps:
        sentence = (
            f"{tool} has not applied {_listed(gaps)}, and has applied what comes behind. The next run applies them out "
            "of order."
        )
        yield _warning("import_gap", sentence, needs_acceptance=False)


def _of_left(statuses: Mapping[MigrationId, MigrationStatus], wanted: Sequence[MatchedEntry]) -> Iterator[PlanWarning]:
    """Files that the tool has applied, and about which the history of Signalbox says something else."""
    for matched in wanted:
        item = statuses[matched.file.identity]
        if item.state not in _OPEN and not item.state.is_settled:
            sentence = f"{item.label} is left as it is: {item.sentence}"
            yield _warning("import_left", sentence, version=item.version, needs_acceptance=False)


def _pending(statuses: Mapping[MigrationId, MigrationStatus], taken: Sequence[MatchedEntry]) -> Iterator[PlanWarning]:
    """The files that the next run would still apply."""
    own = {matched.file.identity for matched in taken}
    waiting = [item for item in statuses.values() if item.state in _OPEN and item.state is not State.ELSEWHERE]
    if stay := [item.label for item in waiting if item.identity not in own]:
        sentence = f"Stay pending: {_named(stay, _PENDING_NAMED)}."
        yield _warning("import_pending", sentence, needs_acceptance=False)


def _warning(code: str, sentence: str, *, version: str = "", needs_acceptance: bool = True) -> PlanWarning:
    return PlanWarning(code=code, version=version, sentence=sentence, needs_acceptance=needs_acceptance)


def _listed(files: Iterable[Identified]) -> str:
    return _named([file.label for file in files])


def _named(labels: Sequence[str], most: int = _NAMED) -> str:
    more = f" and {len(labels) - most:,} more" if len(labels) > most else ""
    return f"{', '.join(labels[:most])}{more}"
