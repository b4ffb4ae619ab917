"""Reading of folders whose tool keeps each migration in a directory of its own, in a file of one name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import other_tools, parted, unrecognised
from dashboard.engine.files.format import Options
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.files.parted import SqlFile, Style
from dashboard.engine.migration import Folder, Problem, Severity


def read(listing: Listing, options: Options, style: Style, files: Sequence[str]) -> Folder:
    """`files`: what is read in a directory, the migration's first."""
    sources: list[SqlFile] = []
    beside: list[Problem] = []
    for entry in listing.entries:
        directory = _inside(entry) if style.place(f"{entry.name}/{files[0]}") else None
        if directory is None:
            beside.append(_beside(entry, listing, style))
            continue
        of_it = [SqlFile(file=f"{entry.name}/{item.name}", entry=item) for item in directory.entries]
        sources += [source for source in of_it if source.entry.name in files and _is_plain(source.entry)]
        beside += _others(entry, directory, style, files)
    return parted.read_sources(listing, options, style, sources, beside)


def _beside(entry: Entry, listing: Listing, style: Style) -> Problem:
    if _is_plain(entry) and not parted.ignored(entry.name, style):
        return parted.wrong_name(entry.name, style)
    return parted.ignored(entry.name, style) or unrecognised.complaint(entry, listing)


def _inside(entry: Entry) -> Listing | None:
    if entry.kind is not EntryKind.FOLDER or not entry.is_printable:
        return None
    try:
        return entry.listing()
    except (SourceMissing, SourceUnreadable):
        return None


def _is_plain(entry: Entry) -> bool:
    return not unrecognised.is_stranger(entry)


def _without(directory: Entry, inside: Listing, style: Style, file: str) -> Problem:
    """Some teams keep what only a program can do in a directory of its own among the others."""
    for entry in inside.entries:
        if parted.ignored(f"{directory.name}/{entry.name}", style):
            continue
        if entry.kind is EntryKind.FILE and (language := other_tools.language_of_program(entry.name)):
            problem = other_tools.in_language(f"{directory.name}/{entry.name}", language)
            return replace(problem, file=directory.name)
    return Problem(
        code="no_up_file",
        severity=Severity.ERROR,
        file=directory.name,
        sentence=f"The directory {directory.name} has no {file}, so there is nothing to apply.",
        advice=f"Restore {file}, or remove the directory.",
    )


def _others(directory: Entry, inside: Listing, style: Style, files: Sequence[str]) -> Iterator[Problem]:
    if files[0] not in {entry.name for entry in inside.entries if _is_plain(entry)}:
        yield _without(directory, inside, style, files[0])
    for entry in inside.entries:
        if entry.name in files and _is_plain(entry):
            continue
        file = f"{directory.name}/{entry.name}"
        if unrecognised.is_stranger(entry):
            yield parted.ignored(file, style) or replace(unrecognised.complaint(entry, inside), file=file)
        else:
            yield parted.ignored(file, style) or parted.wrong_name(file, style)
