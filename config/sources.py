"""Where migration files come from: `[sources.NAME]` of config/environments.toml, and what needs no declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from config import formats, git_sources
from config.errors import Misconfigured
from config.formats import DeclaredReading
from config.git_sources import GitDeclaration

#: The source of every environment that names none.
DEFAULT = "default"

_KEYS = {"path", "pushed", *formats.KEYS}
_NAME = re.compile(r"[a-z][a-z0-9-]*")


class SourceKind(StrEnum):
    FOLDER = "on-disk"
    GIT = "in-git"
    PUSHED = "pushed-by-ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A folder of migration files, under the name that environments give it: on disk, or in a repository."""

    name: str
    folder: Path  # of one in a repository: what it is called
    reading: DeclaredReading = field(default_factory=DeclaredReading, compare=False)
    git: GitDeclaration | None = None

    @property
    def kind(self) -> SourceKind:
        if self.git is None:
            return SourceKind.FOLDER
        return SourceKind.PUSHED if self.git.is_pushed else SourceKind.GIT


def load(declared_in: Path, declared: object, *, base: Path, variables: Mapping[str, str]) -> tuple[Source, ...]:
    """The declared ones; a relative path begins at `base`. Raises Misconfigured, naming the file and the key."""
    if not isinstance(declared, dict) or not all(isinstance(values, dict) for values in declared.values()):
        raise Misconfigured(f"{declared_in}: a source is a table, such as [sources.billing] with a `path`.")
    return tuple(
        _source(declared_in, name, values, base, variables)
        for name, values in declared.items()
        if not _only_says_how(name, values)
    )


def _source(
    declared_in: Path, name: str, values: Mapping[str, Any], base: Path, variables: Mapping[str, str]
) -> Source:
    _check_keys(declared_in, name, values)
    reading = formats.load(declared_in, name, values)
    if values.get("pushed", False):
        return Source(name=name, folder=Path(name), reading=reading, git=git_sources.PUSHED)
    if "git" not in values:
        return Source(name=name, folder=base / _path(declared_in, name, values), reading=reading)
    git = git_sources.load(declared_in, name, values, variables)
    return Source(name=name, folder=Path(name) / git.path, reading=reading, git=git)


def _only_says_how(name: str, values: Mapping[str, Any]) -> bool:
    """The default source has a folder anyway."""
    return name == DEFAULT and set(values) <= set(formats.KEYS)


def _check_keys(declared_in: Path, name: str, values: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{declared_in}: {name!r} is not a name for a source; use a-z, 0-9 and -.")
    if unknown := set(values) - _KEYS - git_sources.KEYS:
        raise Misconfigured(f"{declared_in}: the source {name} has unknown settings: {', '.join(sorted(unknown))}.")
    if type(values.get("pushed", False)) is not bool:
        raise Misconfigured(f"{declared_in}: `pushed` of the source {name} must be true or false.")
    if values.get("pushed") and (other := sorted({"path", "git"} & set(values))):
        raise Misconfigured(
            f"{declared_in}: the source {name} has `pushed` and `{other[0]}`, and its files come from one place."
        )
    if "git" not in values and (idle := sorted(set(values) & (git_sources.KEYS - _KEYS))):
        raise Misconfigured(
            f"{declared_in}: `{idle[0]}` of the source {name} is about a repository, and there is no `git`."
        )


def _path(declared_in: Path, name: str, values: Mapping[str, Any]) -> str:
    path = values.get("path")
    if not isinstance(path, str) or not path.strip():
        raise Misconfigured(f"{declared_in}: `path` of the source {name} must be the path of a folder, as text.")
    return path
