"""Which targets exist: config/environments.toml, or the seed's three variables without it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: The variables of the source document; a target exists where its variable is set.
SEED: dict[str, dict[str, Any]] = {
    "development": {"name": "Development", "url": "DATABASE_URL_DEV"},
    "staging": {"name": "Staging", "url": "DATABASE_URL_STAGING"},
    "production": {"name": "Production", "url": "DATABASE_URL", "protected": True},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One target and its policy. `url` is a secret: it is never stored, logged, shown or put in a repr."""

    slug: str
    name: str
    variable: str
    url: str = field(repr=False)
    position: int
    protected: bool = False
    approval_hours: int = 72
    rollback_hours: int = 72
    lock_timeout_ms: int = 3000
    statement_timeout_ms: int = 0
    deadline_minutes: int = 60

    @property
    def configured(self) -> bool:
        return bool(self.url)


_KEYS = {"name", "url", "protected", "approval_hours", "rollback_hours", "lock_timeout_ms", "statement_timeout_ms"} | {
    "deadline_minutes"
}


def load(path: Path, variables: Mapping[str, str]) -> tuple[Environment, ...]:
    """The environments in order. Raises ImproperlyConfigured, naming the file and the key."""
    declared = _declared(path)
    return tuple(
        _environment(path, slug, values, position, variables)
        for position, (slug, values) in enumerate(declared.items())
    )


def _declared(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return SEED
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8")).get("environments", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error}") from None
    if not declared:
        raise ImproperlyConfigured(f"{path} declares no environment. Add one, or delete the file.")
    return declared


def _environment(
    path: Path, slug: str, values: dict[str, Any], position: int, variables: Mapping[str, str]
) -> Environment:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", slug):
        raise ImproperlyConfigured(f"{path}: {slug!r} is not a name for an environment; use a-z, 0-9 and -.")
    if unknown := set(values) - _KEYS:
        raise ImproperlyConfigured(f"{path}: {slug} has unknown settings: {', '.join(sorted(unknown))}.")
    variable = values.get("url", "")
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", variable):
        raise ImproperlyConfigured(
            f"{path}: `url` of {slug} must be the NAME of an environment variable, such as DATABASE_URL; "
            "the URL itself is a secret and does not belong in this file."
        )
    policy = {key: value for key, value in values.items() if key not in {"name", "url"}}
    return Environment(
        slug=slug,
        name=values.get("name", slug.capitalize()),
        variable=variable,
        url=variables.get(variable, ""),
        position=position,
        **policy,
    )
