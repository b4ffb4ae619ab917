"""The declared sources of migration files. Like environments they live in config/environments.toml, not in a table."""

from __future__ import annotations

from config.sources import DEFAULT, Source, SourceKind
from dashboard.models import environments
from dashboard.models.environments import Environment

__all__ = ["DEFAULT", "Source", "SourceKind", "all_sources", "default", "environments_of", "in_git", "of"]


def all_sources() -> tuple[Source, ...]:
    """The default one first, where an environment takes its files from it; then the declared ones."""
    return environments.declaration().all_sources()


def default() -> Source:
    return environments.declaration().default


def of(environment: Environment) -> Source:
    """A former environment has the default one."""
    return environments.declaration().source_of(environment)


def in_git() -> tuple[Source, ...]:
    """Those that are fetched."""
    return tuple(source for source in all_sources() if source.git and not source.git.is_pushed)


def environments_of(source: Source) -> tuple[Environment, ...]:
    return tuple(e for e in environments.all_environments() if e.source == source.name)
