"""How the files of a source are read, where its declaration says so, and where their tool keeps its history."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.errors import Misconfigured
from dashboard.engine.files import catalogue
from dashboard.engine.files.formats import flyway

KEYS = ("format", "placeholders", "names", "history_table")

_NAME = re.compile(r"[A-Za-z_][\w.:-]*")
_TABLE = re.compile(r"[^.\s]+\.\S+")
_SECRET = re.compile(r"passw|secret|token|credential|api_?key|private_?key", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredReading:
    """`format` is empty where the folder itself tells it, `history_table` where the tool's table has its usual name."""

    format: str = ""
    placeholders: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    history_table: str = ""


def load(declared_in: Path, source: str, values: Mapping[str, Any]) -> DeclaredReading:
    """Of the table of a source. Raises Misconfigured, naming the file and the key."""
    name = values.get("format", "")
    if name != "" and name not in catalogue.BY_NAME:
        known = ", ".join(catalogue.BY_NAME)
        raise Misconfigured(f"{declared_in}: `format` of the source {source} must be one of these: {known}.")
    placeholders = values.get("placeholders", {})
    if not isinstance(placeholders, dict):
        raise Misconfigured(f"{declared_in}: `placeholders` of the source {source} must be a table of texts.")
    for key, value in placeholders.items():
        _check(declared_in, source, key, value)
    return DeclaredReading(
        format=name,
        placeholders=placeholders,
        names=_names(declared_in, source, values),
        history_table=_history_table(declared_in, source, values),
    )


def _history_table(declared_in: Path, source: str, values: Mapping[str, Any]) -> str:
    table = values.get("history_table", "")
    if table != "" and not (isinstance(table, str) and _TABLE.fullmatch(table)):
        raise Misconfigured(
            f"{declared_in}: `history_table` of the source {source} must be a schema and a table with a dot between "
            'them, as in "public.deployed".'
        )
    return str(table)


def _names(declared_in: Path, source: str, values: Mapping[str, Any]) -> Mapping[str, str]:
    names = values.get("names", {})
    if names == {}:
        return {}
    known = ", ".join(flyway.NAMES)
    if values.get("format") != "flyway":
        raise Misconfigured(
            f'{declared_in}: `names` of the source {source} are those of Flyway; write `format = "flyway"` too.'
        )
    if not isinstance(names, dict) or not all(isinstance(value, str) for value in names.values()):
        raise Misconfigured(f"{declared_in}: `names` of the source {source} must be a table of texts: {known}.")
    if unknown := names.keys() - flyway.NAMES.keys():
        raise Misconfigured(
            f"{declared_in}: `names` of the source {source} has {', '.join(sorted(unknown))}; known are {known}."
        )
    if fault := flyway.fault_of(names):
        raise Misconfigured(f"{declared_in}: `names` of the source {source} cannot be used: {fault}.")
    return names


def _check(declared_in: Path, source: str, key: str, value: object) -> None:
    if not isinstance(value, str) or not value.isprintable() or not _NAME.fullmatch(key):
        raise Misconfigured(
            f"{declared_in}: the placeholder {key!r} of the source {source} must be a name with a text of one line."
        )
    if _SECRET.search(key):
        raise Misconfigured(
            f"{declared_in}: the placeholder {key} of the source {source} sounds like a secret. What is put into a "
            "migration is shown on pages and kept in databases, so no secret can be."
        )


def of_default(declared_in: Path) -> DeclaredReading:
    """What [sources.default] says, where there is such a table. A file that cannot be read is told by who needs it."""
    try:
        declared = tomllib.loads(declared_in.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return DeclaredReading()
    values = declared.get("sources", {}).get("default", {})
    return load(declared_in, "default", values)
