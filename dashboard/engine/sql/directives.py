"""`-- signalbox:` lines: what a file asks of the runner. Only comments count; a string never does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboard.engine.sql.tokens import Token, TokenKind, tokens

_LINE = re.compile(
    r"--\s*signalbox\b\s*(?P<colon>:?)\s*(?P<key>[\w-]*)\s*(?P<equals>=?)\s*(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)
_VERSION = r"[0-9]+(?:[._][0-9]+)*"
_DURATION = re.compile(r"(?:0|[1-9][0-9]{0,8}(?:ms|s|min|h))")

_VERSIONS = re.compile(rf"{_VERSION}(?:\s*,\s*{_VERSION})*")
_NAMES = re.compile(r"[\w-]+(?:\s*,\s*[\w-]+)*")

#: The directive of a script that runs outside a transaction.
TRANSACTION = "transaction"
#: The directives of a migration that needs others to be applied, or not to be.
DEPENDS, CONFLICTS = "depends", "conflicts"
#: The directives of a migration that is for these environments only, or for all but these.
ENVIRONMENTS, EXCEPT = "environments", "except"
#: The directive of a migration that runs again whenever its text changes.
REPEATABLE = "repeatable"

#: What each directive's value must look like. An empty pattern: it takes no value.
VALUES: Mapping[str, re.Pattern[str]] = {
    TRANSACTION: re.compile("none"),
    "lock_timeout": _DURATION,
    "statement_timeout": _DURATION,
    DEPENDS: _VERSIONS,
    CONFLICTS: _VERSIONS,
    ENVIRONMENTS: _NAMES,
    EXCEPT: _NAMES,
    "irreversible": re.compile(r".*\S.*"),
    REPEATABLE: re.compile(""),
}
_EXAMPLES: Mapping[str, str] = {
    TRANSACTION: "transaction=none",
    "lock_timeout": "lock_timeout=5s",
    "statement_timeout": "statement_timeout=10min",
    DEPENDS: "depends=003,005",
    CONFLICTS: "conflicts=003,005",
    ENVIRONMENTS: "environments=development,staging",
    EXCEPT: "except=production",
    "irreversible": "irreversible=<reason>",
    REPEATABLE: REPEATABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A line that looks like a directive and cannot be obeyed."""

    code: str
    sentence: str
    advice: str
    offset: int  # 0-based, in characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    values: Mapping[str, str]
    complaints: tuple[Complaint, ...]


def values_in(sql: str) -> Mapping[str, str]:
    """The directives of a text that was read before, like a captured rollback. Raises SqlSyntaxError."""
    return read(tokens(sql)).values


def versions_in(values: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Those that such a directive names."""
    return names_in(values, key)


def names_in(values: Mapping[str, str], key: str) -> tuple[str, ...]:
    """The members of the list that such a directive has for its value."""
    return tuple(name.strip() for name in values.get(key, "").split(",") if name.strip())


def read(comments: Iterable[Token]) -> Directives:
    """The directives among the tokens of a text; only comments can hold one."""
    values: dict[str, str] = {}
    complaints: list[Complaint] = []
    for token in comments:
        match = _LINE.fullmatch(token.text) if token.kind is TokenKind.COMMENT else None
        if match is None or _is_prose_or_suppression(match):
            continue
        key, value = match["key"].lower(), match["value"].strip()
        if complaint := _complaint(match, key, value, values):
            code, sentence, advice = complaint
            complaints.append(Complaint(code=code, sentence=sentence, advice=advice, offset=token.offset))
        else:
            values[key] = value
    return Directives(values=values, complaints=tuple(complaints))


def _is_prose_or_suppression(match: re.Match[str]) -> bool:
    if match["colon"]:
        return match["key"].lower() == "allow"  # a lint suppression; the linter reads it
    return not (match["equals"] and match["key"])


def _complaint(match: re.Match[str], key: str, value: str, known: Mapping[str, str]) -> tuple[str, str, str] | None:
    """(code, sentence, advice) where the line is not a directive that can be obeyed."""
    if key not in VALUES:
        listed = ", ".join(VALUES)
        return "unknown_directive", f"`{match[0].strip()}` is not a directive.", f"Signalbox knows: {listed}."
    example = f"Write `-- signalbox: {_EXAMPLES[key]}`."
    if not match["colon"]:
        return "unknown_directive", f"`{match[0].strip()}` lacks its colon and would be ignored.", example
    if bool(match["equals"]) != bool(VALUES[key].pattern) or not VALUES[key].fullmatch(value):
        return "bad_directive", f"The directive {key} cannot be `{value}`.", example
    if known.get(key, value) != value:
        return "bad_directive", f"The directive {key} is given twice, with different values.", "Keep one of them."
    return None
