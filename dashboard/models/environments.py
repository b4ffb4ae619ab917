"""The declared environments. They live in config/environments.toml, not in a table; rows refer to them by slug."""

from __future__ import annotations

from django.conf import settings

from config.environments import Environment

__all__ = ["Environment", "UnknownEnvironment", "all_environments", "get", "get_even_former"]


class UnknownEnvironment(LookupError):
    """No environment of that name is declared."""


def all_environments() -> tuple[Environment, ...]:
    environments: tuple[Environment, ...] = settings.ENVIRONMENTS
    return environments


def get(slug: str) -> Environment:
    for environment in all_environments():
        if environment.slug == slug:
            return environment
    raise UnknownEnvironment(slug)


def get_even_former(slug: str) -> Environment:
    """Rows outlive the declaration of their environment: they can be read, and nothing can be run there."""
    try:
        return get(slug)
    except UnknownEnvironment:
        return Environment(slug=slug, name=slug, variable="", url="", position=0, protected=True)
