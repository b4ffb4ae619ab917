"""graphile-migrate: `committed/000001-users.sql`, each chained to the one before it by a hash; forward only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise, takewhile

from dashboard.engine.files import cuts, parted, unrecognised
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.files.parted import UNNAMED, Place, SqlFile, Style
from dashboard.engine.migration import FileRole, Folder, Problem, numbers_of

_NAME = re.compile(r"(?:committed/)?(?P<version>[0-9]+)(?:-(?P<name>[-_a-zA-Z0-9]*))?\.sql")
_HEADER = re.compile(r"--!\s*(?P<key>[A-Za-z][\w-]*)\s*(?::\s*(?P<value>.*))?")
_KEYS = frozenset({"previous", "hash", "allowinvalidhash", "message", "no-transaction", "include"})
_INCLUDE = re.compile(r"--!\s*include\b.*", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"(?<![:\w]):(?P<name>[A-Z][A-Z0-9_]+)\b")
#: They have a value without a declaration: the tool takes it from the database.
_OF_DATABASE = re.compile(r":DATABASE_(?:NAME|OWNER)\b")
_COMMITTED = "committed"


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"] or UNNAMED) if match else None


def cut(placeholders: Mapping[str, str], breaks: Mapping[str, str], text: str, file: str) -> Cut:
    """`breaks`: the files that do not follow the one before them, each with that."""
    lines = text.split("\n")
    top = [*takewhile(lambda line: not line.strip() or line.startswith("--!"), lines)]
    header = {m["key"].lower(): m["value"] or "" for line in top if (m := _HEADER.match(line))}
    body = cuts.joined([*("" for _ in top), *lines[len(top) :]])
    body = _PLACEHOLDER.sub(lambda match: placeholders.get(match["name"], match[0]), body)
    return Cut(
        up=body,
        says=(cuts.OUTSIDE,) if "no-transaction" in header else (),
        faults=(
            *_broken(breaks, file),
            *_edited(header, text, file),
            *_faults(header, lines, file),
            *_of_database(body),
        ),
    )


def _broken(breaks: Mapping[str, str], file: str) -> Iterator[CutFault]:
    if file in breaks:
        sentence = f"The hash that {file} names as the previous one is not that of {breaks[file]}."
        yield cuts.bad_marks(1, sentence, "Restore the migrations as they were committed.")


def _edited(header: Mapping[str, str], text: str, file: str) -> Iterator[CutFault]:
    if "hash" in header and "allowinvalidhash" not in header and header["hash"] != native_checksum(text.encode()):
        yield cuts.other_hash(
            f"The hash that {file} names as its own is not that of its text: it was edited after it was committed.",
            "Restore the file as it was committed, and put the change into a new migration.",
        )


def _of_database(body: str) -> Iterator[CutFault]:
    """In a string or a function body nothing else shows that one was meant to be replaced."""
    for number, line in enumerate(body.split("\n"), 1):
        if not cuts.is_blank(line) and (match := _OF_DATABASE.search(line)):
            yield cuts.undeclared(match[0], number)
            return


def _faults(header: Mapping[str, str], lines: list[str], file: str) -> Iterator[CutFault]:
    if not {"previous", "hash"} <= header.keys():
        sentence = f"{file} does not begin with `--! Previous:` and `--! Hash:`, so graphile-migrate did not commit it."
        yield cuts.bad_marks(1, sentence, "Commit it with `graphile-migrate commit`.")
    if unknown := sorted(header.keys() - _KEYS):
        sentence = f"`--! {unknown[0]}` at the top of {file} is no word that graphile-migrate knows."
        yield cuts.bad_marks(1, sentence, "Write `--! no-transaction` if that is meant, or remove the line.")
    if included := next((number for number, line in enumerate(lines, 1) if _INCLUDE.fullmatch(line.strip())), None):
        yield cuts.template(included, f"Line {included} of {file} includes another file.")


def _style(options: Options, sources: Sequence[SqlFile] = ()) -> Style:
    return Style(
        format="graphile-migrate",
        title="graphile-migrate",
        named="<number>-<name>.sql",
        place=place,
        cut=partial(cut, options.placeholders, _breaks(sources)),
        undone="a new migration where it has to be undone",
        ignores={
            r"current\.sql|current": "is the draft of the next migration",
            r"fixtures": "holds what drafts include",
            r"(after|before)\w+\.sql": "is run by graphile-migrate around commands of its own",
        },
        fills=True,
    )


def read(listing: Listing, options: Options) -> Folder:
    """The folder `committed`, or the one above it."""
    below = next((e for e in listing.entries if e.name == _COMMITTED and e.kind is EntryKind.FOLDER), None)
    committed = below.listing() if below else listing
    prefix = f"{_COMMITTED}/" if below else ""
    style = _style(options)
    sources = [SqlFile(file=f"{prefix}{entry.name}", entry=entry) for entry in committed.entries if _is_sql(entry)]
    beside = [_beside(entry, committed, style, prefix) for entry in committed.entries if not _is_sql(entry)]
    if below:
        others = [entry for entry in listing.entries if entry.name != _COMMITTED]
        sources += [SqlFile(file=e.name, entry=e) for e in others if _is_sql(e) and not parted.ignored(e.name, style)]
        beside += [_beside(e, listing, style) for e in others if not _is_sql(e) or parted.ignored(e.name, style)]
    return parted.read_sources(listing, options, _style(options, sources), sources, beside)


def _is_sql(entry: Entry) -> bool:
    return not unrecognised.is_stranger(entry)


def _beside(entry: Entry, listing: Listing, style: Style, prefix: str = "") -> Problem:
    problem = parted.ignored(entry.name, style) or unrecognised.complaint(entry, listing)
    return replace(problem, file=f"{prefix}{entry.name}")


def _breaks(sources: Sequence[SqlFile]) -> Mapping[str, str]:
    placed = [(numbers_of(p.version), s) for s in sources if (p := place(s.file))]
    headers = [(source.file, _header(source)) for _, source in sorted(placed, key=lambda pair: pair[0])]
    links = pairwise([("nothing", {"hash": "-"}), *headers])
    return {
        file: before
        for (before, above), (file, header) in links
        if header.get("previous") and header["previous"] != above.get("hash")
    }


_HEADER_BYTES = 16 * 1024


def _header(source: SqlFile) -> Mapping[str, str]:
    """What the header says, read in as much of the file as a header can be."""
    try:
        text = source.entry.content(_HEADER_BYTES).decode(errors="replace")
    except OSError:
        return {}
    return {m["key"].lower(): (m["value"] or "").strip() for line in text.splitlines() if (m := _HEADER.match(line))}


def recognises(look: Look) -> bool:
    is_above = _COMMITTED in look.folders and bool(look.names & {"current.sql", "current"})
    return is_above or look.is_marked("graphile-migrate")


def native_checksum(content: bytes) -> str:
    """As the tool counts it: of the hash before, and the text below the header."""
    text = content.decode(errors="replace").replace("\r\n", "\n")
    lines = text.split("\n")
    header = {m["key"].lower(): (m["value"] or "").strip() for line in lines if (m := _HEADER.match(line))}
    top = [*takewhile(lambda line: re.match(r"--!\s*(Previous|Hash|Message|AllowInvalidHash)", line), lines)]
    previous = header.get("previous", "-")
    body = "\n".join(lines[len(top) :]).strip()
    whole = f"{'' if previous == '-' else previous}\n{body}".strip() + "\n"
    return f"sha1:{hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest()}"


FORMAT = Format(
    name="graphile-migrate",
    title="graphile-migrate",
    signature="a folder committed/ beside current.sql or current/, or `--! Previous:` in at least half of the files",
    recognises=recognises,
    read=read,
    directives=("`--! no-transaction`", "`:PLACEHOLDER`"),
    ignores=("current.sql", "current/", "fixtures/", "afterReset.sql and its like"),
    native_checksum=native_checksum,
)
