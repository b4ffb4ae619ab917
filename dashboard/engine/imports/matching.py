"""The rows of a tool against the files of a folder: which file each row is about, and what stands in the way. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.imports.values import Importer, KnownFile, Stand, TextMatch, ToolEntry, ToolRow
from dashboard.engine.migration import MigrationId


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEntry:
    """A row, the file that it is about, and whether that is as it was then."""

    file: KnownFile
    entry: ToolEntry

    @property
    def text(self) -> TextMatch:
        if not self.entry.checksum or not self.file.native:
            return TextMatch.UNKNOWN
        return TextMatch.SAME if self.entry.checksum == self.file.native else TextMatch.DIFFERS

    @property
    def runs_again(self) -> bool:
        """It is repeatable and its text has changed since: the tool would run it again, and so does the next run."""
        return self.file.is_repeatable and self.text is TextMatch.DIFFERS


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What the history of a tool says of a folder."""

    applied: tuple[MatchedEntry, ...]  # in the order of the folder
    waiting: tuple[KnownFile, ...]  # files that it does not call applied
    broken: tuple[ToolEntry, ...]  # failed and dirty rows, with a file or without one
    unclear: tuple[ToolEntry, ...]  # rows that say too little, or are about several files
    without_file: tuple[ToolEntry, ...]  # applied, and the folder has no such file

    @property
    def gaps(self) -> tuple[KnownFile, ...]:
        """Waiting files that come before one that is applied. Repeatable ones come behind all others anyway."""
        last = max((m.file.identity for m in self.applied if not m.file.is_repeatable), default=None)
        if last is None:
            return ()
        return tuple(file for file in self.waiting if file.identity < last)


def reconcile(importer: Importer, rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Reconciliation:
    """`files` in the order of the folder, which stays."""
    by_key: dict[str, list[KnownFile]] = defaultdict(list)
    for file in files:
        for key in dict.fromkeys(importer.keys(file)):
            by_key[key].append(file)
    applied: dict[MigrationId, MatchedEntry] = {}
    broken: list[ToolEntry] = []
    unclear: list[ToolEntry] = []
    without_file: list[ToolEntry] = []
    for entry in importer.entries(rows, files):
        candidates = _files_of(entry, by_key)
        if entry.stand in {Stand.FAILED, Stand.DIRTY}:
            broken.append(entry)
        elif entry.stand is Stand.UNCLEAR or len(candidates) > 1:
            unclear.append(_ambiguous(entry, candidates) if candidates else entry)
        elif entry.stand is Stand.APPLIED and candidates:
            applied.setdefault(candidates[0].identity, MatchedEntry(file=candidates[0], entry=entry))
        elif entry.stand is Stand.APPLIED:
            without_file.append(entry)
    return Reconciliation(
        applied=tuple(applied[file.identity] for file in files if file.identity in applied),
        waiting=tuple(file for file in files if file.identity not in applied),
        broken=tuple(broken),
        unclear=tuple(unclear),
        without_file=tuple(without_file),
    )


def _files_of(entry: ToolEntry, by_key: Mapping[str, Sequence[KnownFile]]) -> Sequence[KnownFile]:
    """Those of the surest key that any file has; the next key settles which of several it is."""
    candidates: Sequence[KnownFile] = ()
    for key in entry.keys:
        of_key = by_key.get(key, ())
        if candidates and of_key:
            both = [file for file in candidates if file in of_key]
            candidates = both or candidates
        candidates = candidates or of_key
        if len(candidates) == 1:
            break
    return candidates


def _ambiguous(entry: ToolEntry, candidates: Sequence[KnownFile]) -> ToolEntry:
    names = ", ".join(file.file for file in candidates[:5])
    return replace(entry, stand=Stand.UNCLEAR, note=f"It can be about each of these files: {names}.")
