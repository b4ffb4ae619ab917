"""The migrations of a source whose folder is on disk, as it is now."""

from __future__ import annotations

from collections.abc import Sequence

from config.environments import Environment
from config.sources import Source
from dashboard.engine import scoping
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder


def read(source: Source, environments: Sequence[Environment]) -> Folder:
    """Raises SourceMissing or SourceUnreadable."""
    reading = source.reading
    folder = discovery.read(
        source.folder, folder_format=reading.format, placeholders=reading.placeholders, names=reading.names
    )
    return judged(folder, source, environments)


def judged(folder: Folder, source: Source, environments: Sequence[Environment]) -> Folder:
    """With what is wrong with the environments that its files name."""
    declared, sharing = named(source, environments)
    return scoping.judged(folder, declared=declared, sharing=sharing)


def named(source: Source, environments: Sequence[Environment]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every environment, and those that take their files from this source."""
    return tuple(e.slug for e in environments), tuple(e.slug for e in environments if e.source == source.name)
