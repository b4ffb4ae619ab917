"""The text of a known_hosts file, as sshd(8) describes it. Certificates of hosts are not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from paramiko.hostkeys import HostKeys

_REVOKED = "@revoked"
_HASHED = "|1|"
#: How a key of RSA may sign: its type in the file says nothing of that.
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    kind: str
    base64: str
    is_revoked: bool


def known_keys(text: str, host: str, port: int) -> tuple[KnownKey, ...]:
    """What the text says of that host."""
    return tuple(_matching(text, host_pattern(host, port)))


def host_pattern(host: str, port: int) -> str:
    """How a line names the host."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def signatures(keys: tuple[KnownKey, ...]) -> list[str]:
    """What a server that has one of the keys can sign with."""
    kinds = dict.fromkeys(key.kind for key in keys if not key.is_revoked)
    return [name for kind in kinds for name in _SIGNATURES.get(kind, (kind,))]


def _matching(text: str, name: str) -> Iterator[KnownKey]:
    for line in text.replace("\\n", "\n").splitlines():  # a variable may hold it in one line
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or marker not in {"", _REVOKED}:
            continue
        hosts, kind, base64 = fields[:3]
        if _names(hosts.split(","), name):
            yield KnownKey(kind=kind, base64=base64, is_revoked=marker == _REVOKED)


def _names(patterns: list[str], name: str) -> bool:
    """One that begins with ! takes back what another names."""
    if any(pattern.startswith("!") and _is(pattern[1:], name) for pattern in patterns):
        return False
    return any(_is(pattern, name) for pattern in patterns)


def _is(pattern: str, name: str) -> bool:
    if not pattern.startswith(_HASHED):
        # Of the signs that fnmatch knows only two are meant, and a port has brackets.
        return fnmatchcase(name, pattern.lower().replace("[", "[[]"))
    try:
        return bool(HostKeys.hash_host(name, pattern) == pattern)
    except (ValueError, AssertionError):
        return False
