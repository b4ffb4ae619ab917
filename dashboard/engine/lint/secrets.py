"""What looks like a secret. Nothing here returns the secret itself."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.sql.trees import constant, function_name, options, unwrap


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSecret:
    kind: str
    offset: int


def known_secret(text: str) -> KnownSecret | None:
    """What comes first in `text` and is a secret by its shape."""
    if not _MARKS.search(text):  # most files: the expressions are spared
        return None
    for kind, _, pattern in _SHAPES:
        for match in pattern.finditer(text):
            if not _is_placeholder(match["secret"]):
                return KnownSecret(kind=kind, offset=match.start())
    return None


def assigned_secrets(parsed: Parsed) -> Iterator[str]:
    """What is given to something that is named like a secret."""
    if reader := _ASSIGNING.get(parsed.kind):
        yield from reader(parsed.tree)
    yield from _called(parsed)


#: Its name, texts of which it holds at least one, and its shape.
_SHAPES = tuple(
    (kind, marks, re.compile(pattern))
    for kind, marks, pattern in (
        (
            "A connection URL with its password",
            ("://",),
            r"(?<![\w+.-])[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@'\"]+:(?P<secret>[^\s@/'\"]+)@",
        ),
        ("A private key", ("PRIVATE KEY",), r"(?P<secret>-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----)"),
        ("A signed token (JWT)", ("eyJ",), r"(?<![\w-])(?P<secret>eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"),
        (
            "A GitHub token",
            ("ghp_", "gho_", "ghu_", "ghr_", "ghs_", "github_pat_"),
            r"(?<![\w-])(?P<secret>gh[pousr]_\w{30,}|github_pat_\w{30,})",
        ),
        ("A GitLab token", ("glpat-",), r"(?<![\w-])(?P<secret>glpat-[\w-]{20,})"),
        ("An AWS access key", ("AKIA", "ASIA"), r"(?<![\w-])(?P<secret>(?:AKIA|ASIA)[0-9A-Z]{16})\b"),
        (
            "A Stripe key",
            ("_live_", "_test_", "whsec_"),
            r"(?<![\w-])(?P<secret>(?:sk|rk)_(?:live|test)_\w{16,}|whsec_\w{20,})",
        ),
        ("A Supabase key", ("sbp_", "sb_secret_"), r"(?<![\w-])(?P<secret>sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,})"),
        ("A Slack token", ("xox",), r"(?<![\w-])(?P<secret>xox[abeprs]-[\w-]{10,})"),
        ("A Google API key", ("AIza",), r"(?<![\w-])(?P<secret>AIza[\w-]{35})"),
        ("An API key of an AI service", ("sk-",), r"(?<![\w-])(?P<secret>sk-(?:ant-|proj-)?[\w-]{30,})"),
        ("A SendGrid key", ("SG.",), r"(?<![\w-])(?P<secret>SG\.[\w-]{16,}\.[\w-]{16,})"),
        ("An npm token", ("npm_",), r"(?<![\w-])(?P<secret>npm_\w{36})"),
    )
)
_MARKS = re.compile("|".join(re.escape(mark) for _, marks, _ in _SHAPES for mark in marks))
_CONNINFO_PASSWORD = re.compile(r"\bpassword\s*=\s*\S+", re.IGNORECASE)

_PLACEHOLDERS = re.compile(
    r"""pass(word|wd)?|pwd|secret|x{3,}|\*+|\.{3}|…|change[-_]?me|example|your[-_\w]*|my[-_]?\w*pass\w*|\w*placeholder\w*
    |postgres|todo|redacted|none|null|dummy|<.*|\$.*|\{.*|\[.*|%.*|:.*""",
    re.IGNORECASE | re.VERBOSE,
)


def _is_placeholder(secret: str) -> bool:
    return _PLACEHOLDERS.fullmatch(secret) is not None


# Names that promise a secret, and values that keep the promise

_SECRET_NAME = re.compile(r"(?:^|[._])\w*(?:password|passwd|secret|token|api_?key|private_?key|jwt)\w*$", re.IGNORECASE)
_ABOUT_A_SECRET = re.compile(
    r"(?:_id|_at|_type|_name|_count|_expiry|_expires|_expires_in|_length|_url|_hint|_policy|_version|_enabled|_algorithm)$",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PASSWORD_HASH = re.compile(r"\$(?:2[abxy]|argon2\w*|scrypt|5|6)\$")
_SHORTEST = 12
_BITS = 3.2  # of Shannon entropy in each character: words stay below, random strings above


def _promises_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and _ABOUT_A_SECRET.search(name) is None


def _looks_random(value: str) -> bool:
    if _PASSWORD_HASH.match(value):
        return True
    if len(value) < _SHORTEST or " " in value or _UUID.fullmatch(value) or _is_placeholder(value):
        return False
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and _entropy(value) >= _BITS


def _entropy(value: str) -> float:
    shares = (count / len(value) for count in Counter(value).values())
    return -sum(share * math.log2(share) for share in shares)


def _is_secret(name: str, node: Any) -> bool:
    value = constant(node)
    return value is not None and _promises_a_secret(name) and _looks_random(value)


# Where they are assigned


def _role_password(tree: Any) -> Iterator[str]:
    password = options(tree.options).get("password")
    if password is not None and password.arg.HasField("string") and password.arg.string.sval:
        yield "The password of a role"


def _server_options(tree: Any) -> Iterator[str]:
    for name, option in options(tree.options).items():
        if "password" in name and option.arg.HasField("string") and not _is_placeholder(option.arg.string.sval):
            yield "The password for another server"


def _connected(tree: Any) -> Iterator[str]:
    if _CONNINFO_PASSWORD.search(tree.conninfo):
        yield "The password for another server"


def _inserted(tree: Any) -> Iterator[str]:
    columns = [node.res_target.name for node in tree.cols]
    for row in tree.select_stmt.select_stmt.values_lists:
        for name, node in zip(columns, row.list.items, strict=False):
            if _is_secret(name, node):
                yield f"A value for the column {name} that looks like a secret"


def _updated(tree: Any) -> Iterator[str]:
    for target in (unwrap(node) for node in tree.target_list):
        if _is_secret(target.name, target.val):
            yield f"A value for the column {target.name} that looks like a secret"


def _set(tree: Any) -> Iterator[str]:
    if any(_is_secret(tree.name, node) for node in tree.args):
        yield f"A value for the setting {tree.name} that looks like a secret"


def _called(parsed: Parsed) -> Iterator[str]:
    """set_config('app.jwt_secret', '...') and vault.create_secret('...')."""
    for call in parsed.all("FuncCall"):
        name = function_name(call)
        if name == "set_config" and len(call.args) > 1 and _is_secret(constant(call.args[0]) or "", call.args[1]):
            yield "A value for a setting that looks like a secret"
        elif name == "create_secret" and call.args and constant(call.args[0]):
            yield "A secret for the vault"


_ASSIGNING: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "CreateRoleStmt": _role_password,
    "AlterRoleStmt": _role_password,
    "CreateUserMappingStmt": _server_options,
    "AlterUserMappingStmt": _server_options,
    "CreateForeignServerStmt": _server_options,
    "CreateSubscriptionStmt": _connected,
    "InsertStmt": _inserted,
    "UpdateStmt": _updated,
    "VariableSetStmt": _set,
    "AlterDatabaseSetStmt": lambda tree: _set(tree.setstmt),
    "AlterRoleSetStmt": lambda tree: _set(tree.setstmt),
}
