"""What several tools have in common: they know a migration by its number alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports.rows import same_number
from dashboard.engine.imports.values import Certainty, KnownFile, Stand, ToolEntry
from dashboard.engine.migration import version_key


def by_text(file: KnownFile) -> Sequence[str]:
    return (file.version,)


def by_number(file: KnownFile) -> Sequence[str]:
    return (same_number(file.version),)


def up_to(version: int, files: Sequence[KnownFile], *, current: Stand, note: str) -> Iterator[ToolEntry]:
    """For a tool that keeps only the version that is current: every file before it counts as applied."""
    own = str(version)
    numbers = sorted({number for file in files if (number := same_number(file.version)).isdigit()}, key=int)
    for each in numbers:
        if int(each) < version:
            yield ToolEntry(label=each, keys=(each,), certainty=Certainty.INFERRED)
    certainty = Certainty.EXACT if current is Stand.APPLIED else Certainty.INFERRED
    yield ToolEntry(label=own, keys=(own,), stand=current, certainty=certainty, note=note)


def up_to_text(version: str, files: Sequence[KnownFile], note: str) -> Iterator[ToolEntry]:
    """For a baseline: every file up to this version counts as applied, without having run."""
    for file in files:
        if version_key(file.version)[0] <= version_key(version)[0]:
            yield ToolEntry(label=file.label, keys=(f"={file.label}",), certainty=Certainty.INFERRED, note=note)


def by_label(file: KnownFile) -> str:
    """The key that `up_to_text` uses."""
    return f"={file.label}"
