"""Which targets exist: config/environments.toml, or the seed's three variables without it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from dashboard.engine.database import urls
from dashboard.engine.database.transport import Transport

#: The variables of the source document; a target exists where its variable is set.
SEED: dict[str, dict[str, Any]] = {
    "development": {"name": "Development", "url": "DATABASE_URL_DEV"},
    "staging": {"name": "Staging", "url": "DATABASE_URL_STAGING"},
    "production": {"name": "Production", "url": "DATABASE_URL", "protected": True},
}


class Requirement(StrEnum):
    """What an approver must have before them; without it a request cannot be approved."""

    REHEARSAL = "rehearsal"  # the plan was run on a throw-away database, and ran there
    LINT = "lint"  # no error in the scripts that would run
    REVERSIBLE = "reversible"  # its rollback was seen to restore the schema, or someone said why it need not
    PREVIOUS = "previous"  # the same migrations are applied in the environment declared before this one

    @property
    def is_shown_by_rehearsal(self) -> bool:
        """While one is under way, it is not missing yet."""
        return self in {Requirement.REHEARSAL, Requirement.REVERSIBLE}


#: What a protected environment asks for, unless it says otherwise.
PROTECTED_REQUIRES = (Requirement.REHEARSAL, Requirement.LINT, Requirement.REVERSIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One target and its policy. `url` is a secret: it is never stored, logged, shown or put in a repr. One that can be
    read in two ways is not kept at all: `fault` says what is wrong with it, and holds none of it."""

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
    require: tuple[Requirement, ...] = ()
    rehearsal_hours: int = 24
    tls: str = ""  # what the way there has to be like; empty: "private" if protected, else "any"
    fault: str = ""  # a clause that follows "the URL in DATABASE_URL"
    unisolated_rehearsals: bool = False

    @property
    def configured(self) -> bool:
        return bool(self.url)

    @property
    def transport(self) -> Transport:
        return Transport(self.tls or (Transport.PRIVATE if self.protected else Transport.ANY))

    @property
    def absence(self) -> str:
        """Why it has no database, as a clause, where it has none."""
        return urls.absence(self.variable, self.fault)


_KEYS = {
    *("name", "url", "protected", "approval_hours", "rollback_hours", "lock_timeout_ms", "statement_timeout_ms"),
    *("deadline_minutes", "require", "rehearsal_hours", "tls", "unisolated_rehearsals"),
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
    if (tls := values.get("tls", "")) and tls not in list(Transport):
        raise ImproperlyConfigured(f"{path}: `tls` of {slug} must be one of these: {', '.join(Transport)}.")
    given = variables.get(variable, "")
    fault = urls.fault_of(given) if given else ""
    policy = {key: value for key, value in values.items() if key not in {"name", "url", "require"}}
    return Environment(
        slug=slug,
        name=values.get("name", slug.capitalize()),
        variable=variable,
        url="" if fault else given,
        fault=fault,
        position=position,
        require=_required(path, slug, values),
        **policy,
    )


def _required(path: Path, slug: str, values: Mapping[str, Any]) -> tuple[Requirement, ...]:
    asked = values.get("require", PROTECTED_REQUIRES if values.get("protected") else [])
    known = [requirement.value for requirement in Requirement]
    if not isinstance(asked, list | tuple) or any(each not in known for each in asked):
        raise ImproperlyConfigured(f"{path}: `require` of {slug} must be a list of these: {', '.join(known)}.")
    if asked and not values.get("protected"):
        raise ImproperlyConfigured(
            f"{path}: {slug} has `require`, but is not protected: nobody approves, so nothing would be checked. "
            "Add `protected = true`, or take `require` out."
        )
    return tuple(Requirement(each) for each in asked)
