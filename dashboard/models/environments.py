"""The declared environments. They live in config/environments.toml, not in a table; rows refer to them by slug."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from config.declaration import Declaration
from config.environments import Environment, UnknownEnvironment
from config.sources import DEFAULT, Source

__all__ = ["Environment", "UnknownEnvironment", "all_environments", "declaration", "file", "get", "get_even_former"]


def declaration() -> Declaration:
    """What holds now, as one value."""
    return Declaration(
        environments=settings.ENVIRONMENTS,
        default=Source(name=DEFAULT, folder=settings.SOURCE, reading=settings.SOURCE_READING, git=settings.SOURCE_GIT),
        sources=settings.SOURCES,
        jobs=settings.TRUSTED_JOBS,
        tracking_schema=settings.TRACKING_SCHEMA,
        rehearsal_url=settings.REHEARSAL_URL,
    )


def all_environments() -> tuple[Environment, ...]:
    environments: tuple[Environment, ...] = settings.ENVIRONMENTS
    return environments


def file() -> str:
    """Where they are declared, as it is told to people: within this checkout from there."""
    path: Path = settings.ENVIRONMENTS_FILE
    base: Path = settings.BASE_DIR
    return str(path.relative_to(base) if path.is_relative_to(base) else path)


def get(slug: str) -> Environment:
    """Raises UnknownEnvironment."""
    return declaration().get(slug)


def get_even_former(slug: str) -> Environment:
    """Rows outlive the declaration of their environment: they can be read, and nothing can be run there."""
    try:
        return get(slug)
    except UnknownEnvironment:
        return Environment(slug=slug, name=slug, variable="", url="", position=0, protected=True)
