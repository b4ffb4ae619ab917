"""One text in two halves: what is run, what undoes it, and how its tool says that they run.

Whatever does not belong to a half is blanked in it, never taken out: a line keeps its number, so that an error names
the line of the file on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dashboard.engine.migration import Severity

#: What is sent behind a half that its tool runs outside a transaction.
OUTSIDE = "transaction=none"

BAD_MARKS = "bad_marks"
TEMPLATE = "template"
OTHER_HASH = "other_hash"
PLACEHOLDER = "placeholder"
DECLARE = (
    "Declare its value under `placeholders` of the source, in config/environments.toml. A password or another secret "
    "does not belong there, nor into a migration."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFault:
    """Why a text is not as its tool demands it, or cannot be run here."""

    code: str
    sentence: str
    advice: str
    line: int | None = None
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """`down` is None where the text says nothing of it. `says`: directives, without their `-- signalbox:`."""

    up: str
    down: str | None = None
    says: tuple[str, ...] = ()
    down_says: tuple[str, ...] = ()
    faults: tuple[CutFault, ...] = ()


@dataclass(slots=True)
class Sides:
    """The lines of a text, each on one side, on both, or on none."""

    lines: list[str]
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Sides:
        return cls(lines=text.split("\n"))

    def put(self, line: str, *, up: bool = False, down: bool = False) -> None:
        self.up.append(line if up else "")
        self.down.append(line if down else "")

    @property
    def up_text(self) -> str:
        return joined(self.up)

    @property
    def down_text(self) -> str:
        return joined(self.down)


def joined(lines: Sequence[str]) -> str:
    """The lines as a text that ends with its last one that holds anything."""
    text = "\n".join(lines).rstrip()
    return f"{text}\n" if text else ""


def is_blank(line: str) -> bool:
    """It holds nothing, or a line comment."""
    stripped = line.strip()
    return not stripped or stripped.startswith("--")


def blanked(text: str, mark: re.Pattern[str]) -> str:
    """Without the lines that are such a mark."""
    return "\n".join("" if mark.fullmatch(line) else line for line in text.split("\n"))


def filled(
    text: str, pattern: re.Pattern[str], values: Mapping[str, str], name_of: Callable[[re.Match[str]], str]
) -> tuple[str, tuple[CutFault, ...]]:
    """The text with the values of its placeholders, and a fault for each that has none. What looks like a comment may
    be a line of a string, so values are put in there too; there alone none has to be declared."""
    faults: list[CutFault] = []
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not is_blank(line):
            faults += [undeclared(m[0], number) for m in pattern.finditer(line) if name_of(m) not in values]
        lines.append(pattern.sub(lambda match: values.get(name_of(match), match[0]), line))
    return "\n".join(lines), tuple(_first_of_each(faults))


def undeclared(placeholder: str, line: int) -> CutFault:
    return CutFault(
        code=PLACEHOLDER,
        line=line,
        sentence=f"{placeholder} is a placeholder, and no value is declared for it.",
        advice=DECLARE,
    )


def _first_of_each(faults: Iterable[CutFault]) -> Iterable[CutFault]:
    return {fault.sentence: fault for fault in reversed([*faults])}.values()


def bad_marks(line: int | None, sentence: str, advice: str) -> CutFault:
    return CutFault(code=BAD_MARKS, line=line, sentence=sentence, advice=advice)


def other_hash(sentence: str, advice: str) -> CutFault:
    """The file is not as its tool has it."""
    return CutFault(code=OTHER_HASH, line=None, sentence=sentence, advice=advice)


def template(line: int, sentence: str) -> CutFault:
    return CutFault(
        code=TEMPLATE,
        line=line,
        sentence=f"{sentence} Signalbox fills in no templates and follows no includes, so the file is not run.",
        advice="Write out what the tool would make of it, as plain SQL.",
    )
