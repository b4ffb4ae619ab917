"""A schema at a moment: the objects of a database by key, each with its canonical text. Knows no database.

A key names an object: `table platform.users`, `column platform.users.email`, `index users_email_idx on platform.users`,
`function platform.add(integer, integer)`, `grants on table platform.users`, `comment on table platform.users`.
A text is lines of `attribute: value`; a value's further lines are indented. `order of columns platform.users` is an
object of its own, so that tables that differ only in it can be told.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

COLUMN_ORDER = "order of columns"

_INDENT = "    "
_NAME = r'(?:"(?:[^"]|"")+"|[^\s".]+)'
_COLUMN = re.compile(rf"column ({_NAME}\.{_NAME})\.{_NAME}")
_PART = re.compile(rf"(?:constraint|index|trigger|rule|policy) {_NAME} on (.+)")
_INDEX = re.compile(rf"index ({_NAME}) on ({_NAME})\.{_NAME}")
_STATISTICS = re.compile(rf"statistics {_NAME}\.{_NAME} on (.+)")
_TABLE = re.compile(rf"(?:foreign table|table|materialized view|view|{COLUMN_ORDER}) (.+)")
_ABOUT = re.compile(r"(?:grants on|comment on) (.+)")


@dataclass(frozen=True, kw_only=True)
class SchemaSnapshot:
    """The schema of a database. `versions` of extensions stand beside it: no dump of a schema holds them."""

    objects: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 hex of all objects; equal schemas have equal fingerprints."""
        text = json.dumps(self.objects, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        return {"objects": dict(self.objects), "versions": dict(self.versions)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SchemaSnapshot:
        return cls(objects=data["objects"], versions=data["versions"])


def text_of(attributes: Iterable[tuple[str, Any]]) -> str:
    """The canonical text of an object. What is absent, false or empty is not said."""
    return "\n".join(
        _line(name, value) for name, value in attributes if not (value is None or value is False or value == "")
    )


def attributes_of(text: str) -> dict[str, str]:
    """The attributes back from a canonical text."""
    attributes: dict[str, str] = {}
    for line in re.split(rf"\n(?!{_INDENT})", text) if text else ():
        name, _, value = line.partition(":")
        attributes[name] = value.removeprefix(" ").replace(f"\n{_INDENT}", "\n").removeprefix("\n")
    return attributes


def is_leftover(text: str) -> bool:
    """An invalid index, or a partition whose detaching is pending: nobody's aim, and left by what broke off."""
    return not {"invalid", "detach pending"}.isdisjoint(attributes_of(text))


def index_of(key: str) -> str | None:
    """The qualified name of the index that a key names: it stands in the schema of its table."""
    match = _INDEX.fullmatch(key)
    return f"{match[2]}.{match[1]}" if match else None


def table_of(key: str) -> str | None:
    """The table or view an object is or belongs to, like `platform.users`; None where it belongs to none."""
    if match := _ABOUT.fullmatch(key):
        return table_of(match[1])
    for pattern in (_COLUMN, _PART, _STATISTICS, _TABLE):
        if match := pattern.fullmatch(key):
            return match[1]
    return None


def subject_of(key: str) -> str | None:
    """The key of the object that a comment or grants are about; None for every other object."""
    match = _ABOUT.fullmatch(key)
    return match[1] if match else None


def _line(name: str, value: Any) -> str:
    text = "yes" if value is True else str(value)
    return f"{name}:\n{text}".replace("\n", f"\n{_INDENT}") if "\n" in text else f"{name}: {text}"
