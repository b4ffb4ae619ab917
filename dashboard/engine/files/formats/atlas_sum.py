"""atlas.sum: what Atlas knows of the files of a folder, each hashed together with all before it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dashboard.engine.files import cuts, unrecognised
from dashboard.engine.files.cuts import CutFault
from dashboard.engine.files.listing import Listing
from dashboard.engine.migration import Problem, Severity

NAME = "atlas.sum"
_BYTES = 1024 * 1024
_TOTAL = re.compile(r"h1:\S+")
_LINE = re.compile(r"(?P<file>.+) h1:(?P<hash>\S+)")
#: A file whose text counts for nothing, by its first comments.
_IGNORED = re.compile(rb"(?:--.*\n)*?-- *atlas:sum +ignore *(?:\r?\n|\Z)")
_LOOK = "Look at what was changed, and by whom. If it is right, `atlas migrate hash` writes atlas.sum anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """`faults`: of single files, by their names; `problems`: of atlas.sum itself."""

    faults: Mapping[str, Sequence[CutFault]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def held_against(listing: Listing, file_bytes: int) -> Sums:
    """The files that only one of folder and atlas.sum knows; where both know the same, the first that has another text.
    Whatever follows that one was hashed together with it, so nothing is known of it."""
    known = _known(listing)
    if known is None:
        return Sums(problems=(_problem("atlas.sum cannot be read.", "Let `atlas migrate hash` write it anew."),))
    hashes = dict(_hashes(listing, file_bytes))
    gone = [file for file in known if file not in hashes]
    unknown = [file for file in hashes if file not in known]
    others = [file for file, digest in hashes.items() if known.get(file) != digest] if not gone and not unknown else []
    sentence = "{file} is {so}, so Atlas would run nothing of this folder."
    so = "not in atlas.sum" if unknown else "not the file that atlas.sum knows"
    return Sums(
        faults={f: (cuts.other_hash(sentence.format(file=f, so=so), _LOOK),) for f in [*unknown, *others[:1]]},
        problems=tuple(_problem(f"atlas.sum knows {file}, which is not in the folder.", _LOOK) for file in gone),
    )


def _known(listing: Listing) -> Mapping[str, str] | None:
    """The hash of each file; None where that cannot be read."""
    entry = next((entry for entry in listing.entries if entry.name == NAME), None)
    try:
        lines = entry.content(_BYTES).decode().splitlines() if entry else []
    except (OSError, UnicodeDecodeError):
        return None
    matches = [_LINE.fullmatch(line) for line in lines[1:]]
    if not lines or not _TOTAL.fullmatch(lines[0]) or not all(matches):
        return None
    return {match["file"]: match["hash"] for match in matches if match}


def _hashes(listing: Listing, file_bytes: int) -> Iterator[tuple[str, str]]:
    running = hashlib.sha256()
    for entry in listing.entries:
        if unrecognised.is_stranger(entry):
            continue
        try:
            content = entry.content(file_bytes + 1)
        except OSError:
            content = b""  # reading it says why it cannot be read
        running.update(entry.name.encode())
        if not _IGNORED.match(content):
            running.update(content)
            yield entry.name, base64.b64encode(running.digest()).decode()


def _problem(sentence: str, advice: str) -> Problem:
    return Problem(code=cuts.OTHER_HASH, severity=Severity.ERROR, file=NAME, sentence=sentence, advice=advice)
