"""Changelogs of Liquibase in XML, YAML or JSON: what they hold and what they order is not read, and that is said."""

from __future__ import annotations

import re

from dashboard.engine.files import other_tools
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.migration import Problem, Severity

_ENDING = re.compile(r".+\.(?:xml|ya?ml|json)", re.IGNORECASE)
_BYTES = 1024 * 1024
#: One that nothing ends goes on to the end: looking for its end anew at each beginning would take quadratic time.
_COMMENT = re.compile(r"<!--.*?(?P<end>-->|\Z)|^[ \t]*#[^\n]*", re.DOTALL | re.MULTILINE)
_CHANGELOG = re.compile(r"<(?:\w+:)?databaseChangeLog\b|\bdatabaseChangeLog[\"']?\s*:")
_CHANGE_SET = re.compile(r"<(?:\w+:)?changeSet\b|\bchangeSet[\"']?\s*:")
_INCLUDED = re.compile(
    r"<(?:\w+:)?include\s[^<>]*?\bfile\s*=\s*[\"'](?P<tag>[^\"']+)|\bfile[\"']?\s*:\s*(?P<key>[^\s,}]+)"
)
_ALL_OF = re.compile(
    r"<(?:\w+:)?includeAll\s[^<>]*?\bpath\s*=\s*[\"'](?P<tag>[^\"']+)|\bpath[\"']?\s*:\s*(?P<key>[^\s,}]+)"
)
_WAY = (
    "Go on running these with Liquibase. Or write each change set as SQL, which `liquibase update-sql` shows: as a "
    "change set of a file that begins with `--liquibase formatted sql`, or as a plain file. Where it has run them "
    "everywhere already, take a baseline and move this file out of the folder."
)


def complaint(entry: Entry, listing: Listing) -> Problem | None:
    """What is to be said of this file; None where it is no changelog."""
    text = _text(entry)
    if not _CHANGELOG.search(text):
        return None
    if _CHANGE_SET.search(text):
        sentence = f"{entry.name} has change sets of Liquibase, which Signalbox reads in SQL only."
        return _error(entry, sentence)
    if unread := _unread(text, listing):
        return _error(entry, f"{entry.name} lets Liquibase run {unread}, which is not read here.")
    return Problem(
        code="other_order",
        severity=Severity.WARNING,
        file=entry.name,
        sentence=f"{entry.name} may say in which order Liquibase runs the files; here they run by their numbers.",
        advice="Check that it is the same order.",
    )


def _unread(text: str, listing: Listing) -> str:
    """The first that it includes and that is none of the files here; empty where each is."""
    files = {name for name in listing.names if name.endswith(".sql")}
    for match in _INCLUDED.finditer(text):
        file = (match["tag"] or match["key"]).strip("\"'")
        if file.rpartition("/")[2] not in files:
            return file
    for match in _ALL_OF.finditer(text):
        path = (match["tag"] or match["key"]).strip("\"'")
        if not files or path.rstrip("/").rpartition("/")[2] in listing.names:
            return path
    return ""


def is_changelog(entry: Entry) -> bool:
    return bool(_CHANGELOG.search(_text(entry)))


def position(file: str) -> str:
    """The place of one that is an error and has no number: nobody knows what it has before the other files."""
    return "0" if _ENDING.fullmatch(file) else ""


def _text(entry: Entry) -> str:
    """Without what is commented out; nothing of any other file."""
    if entry.kind is not EntryKind.FILE or not _ENDING.fullmatch(entry.name):
        return ""
    try:
        return _COMMENT.sub(_without, entry.content(_BYTES).decode(errors="replace"))
    except OSError:
        return ""


def _error(entry: Entry, sentence: str) -> Problem:
    return Problem(code=other_tools.CODE, severity=Severity.ERROR, file=entry.name, sentence=sentence, advice=_WAY)


def _without(comment: re.Match[str]) -> str:
    """Nothing hides behind one that is not ended."""
    return comment[0] if comment["end"] == "" else ""
