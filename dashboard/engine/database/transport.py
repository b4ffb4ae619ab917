"""Who could listen between here and a target, and what an environment demands of the connection."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address

#: Names that only a private network knows.
PRIVATE_NAMES = (".railway.internal", ".internal", ".local", ".localhost")
#: libpq's modes, from the first that insists on encryption on.
_ENCRYPTED = ("require", "verify-ca", "verify-full")


class Transport(StrEnum):
    """The key `tls` of an environment."""

    ANY = "any"  # whatever its URL says
    PRIVATE = "private"  # encrypted, unless it does not leave this machine or a private network
    REQUIRE = "require"  # encrypted
    VERIFY_FULL = "verify-full"  # encrypted, and the server proves that it bears the name in the URL


def demanded(transport: Transport, parts: Mapping[str, str]) -> dict[str, str]:
    """What to add to the parts of a URL. A URL may demand more than its environment, never less."""
    given = parts.get("sslmode", "")
    match transport:
        case Transport.VERIFY_FULL:
            return {"sslmode": "verify-full", **_trusted(parts)}
        case Transport.REQUIRE if given not in _ENCRYPTED:
            return {"sslmode": "require"}
        case Transport.PRIVATE if given not in _ENCRYPTED and not is_private(parts):
            return {"sslmode": "require"}
    return {}


def is_private(parts: Mapping[str, str]) -> bool:
    """Whether every host that is tried is this machine or in a private network."""
    hosts = (parts.get("hostaddr") or parts.get("host") or "").split(",")
    return all(_is_private(host) for host in hosts)


def _trusted(parts: Mapping[str, str]) -> dict[str, str]:
    """Without a certificate of its own, those that the operating system trusts."""
    return {} if parts.get("sslrootcert") or os.environ.get("PGSSLROOTCERT") else {"sslrootcert": "system"}


def _is_private(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host.endswith(PRIVATE_NAMES):
        return True
    try:
        addresses = [host] if _is_address(host) else _resolved(host)
    except OSError:
        return False
    return all(ip_address(each).is_private or ip_address(each).is_link_local for each in addresses)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _resolved(host: str) -> list[str]:
    return [str(answer[4][0]).partition("%")[0] for answer in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
