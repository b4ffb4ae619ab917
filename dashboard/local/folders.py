"""The migrations of a source whose folder is on disk, as it is now."""

from __future__ import annotations

from collections.abc import Sequence

from config.environments import Environment
from config.sources import DEFAULT, Source
from dashboard.engine import scoping
from dashboard.engine.errors import SourceMissing
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder


def read(source: Source, environments: Sequence[Environment]) -> Folder:
    """Raises SourceMissing or SourceUnreadable."""
    reading = source.reading
    try:
        folder = discovery.read(
            source.folder, folder_format=reading.format, placeholders=reading.placeholders, names=reading.names
        )
    except SourceMissing as error:
        if source.name == DEFAULT:
            raise
        raise SourceMissing(source=source.folder, remedy=_how_to_name(source)) from error
    return judged(folder, source, environments)


def _how_to_name(source: Source) -> str:
    """The default one is named by a variable."""
    if not source.name:
        return "Create it, or name the folder that holds your .sql files with --source."
    return (
        f"Create it, or correct `path` of [sources.{source.name}] in the file of environments, and restart web and "
        "worker."
    )


def judged(folder: Folder, source: Source, environments: Sequence[Environment]) -> Folder:
    """With what is wrong with the environments that its files name."""
    declared, sharing = named(source, environments)
    return scoping.judged(folder, declared=declared, sharing=sharing)


def named(source: Source, environments: Sequence[Environment]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every environment, and those that take their files from this source."""
    return tuple(e.slug for e in environments), tuple(e.slug for e in environments if e.source == source.name)
