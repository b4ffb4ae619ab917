"""Where a repository is: which addresses are fetched from, and which are never connected to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from dashboard.engine.git.errors import GitAddressRefused

HTTP, HTTPS, SSH = "http", "https", "ssh"
_PORTS = {HTTP: 80, HTTPS: 443, SSH: 22}
#: user@host:path, as scp has it. A path that begins with two slashes, a drive letter, or a password, is something else.
_SCP = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>[A-Za-z0-9._-]{2,}|\[[0-9A-Fa-f:.]+\]):(?P<path>(?!//)[^@]+)")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_SECRET_TAIL = re.compile(r"[?#].*", re.DOTALL)
_UNSPEAKABLE = re.compile(r"[\x00-\x20\x7f\\]")
#: Where clouds answer whoever asks with credentials of the machine.
_METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAddress:
    """`path` is as git sends it: of SSH without a leading slash where it is relative to the home of its user."""

    scheme: str
    host: str
    port: int
    path: str
    user: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host.lower(), self.port)

    @property
    def shown(self) -> str:
        """As a person writes it, with nothing secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        user = f"{self.user}@" if self.user else ""
        if self.path.startswith("/"):
            return f"{self.scheme}://{user}{host}{port}{self.path}"
        home = "" if self.path.startswith("~") else "~/"
        return f"{self.scheme}://{user}{host}{port}/{home}{self.path}" if port else f"{user}{host}:{self.path}"


def parse(url: str) -> GitAddress:
    """Raises GitAddressRefused, which never quotes a password."""
    if _UNSPEAKABLE.search(url):
        raise GitAddressRefused(repository=_without_user(url), reason="it has a blank or a control character in it")
    if "://" not in url:
        return _of_scp(url)
    try:
        return _of_url(url)
    except ValueError:  # which quotes what stands where a port should: a password may
        raise GitAddressRefused(repository=_without_user(url), reason="its host or its port cannot be read") from None


def _of_scp(url: str) -> GitAddress:
    parts = _SCP.fullmatch(url)
    if parts is None:
        raise GitAddressRefused(repository=_without_user(url), reason="it begins with no scheme, such as https://")
    path = _ssh_path(url, parts["path"])
    return GitAddress(scheme=SSH, host=parts["host"].strip("[]"), port=22, path=path, user=parts["user"] or "")


def _of_url(url: str) -> GitAddress:
    parts = urlsplit(url)
    host = parts.hostname or ""
    reason = ""
    if parts.scheme not in _PORTS:
        reason = f"{parts.scheme or 'its scheme'}:// is not fetched from, only https, http and ssh"
    elif not _HOST.fullmatch(host):
        reason = "it names no host"
    elif parts.password is not None or (parts.username and parts.scheme != SSH):
        reason = "it holds a user or a password, which would be shown wherever the address is"
    elif not parts.path.strip("/"):
        reason = "it names no repository"
    elif parts.query or parts.fragment:
        reason = "it has a ? or a # in it"
    if reason:
        raise GitAddressRefused(repository=_without_user(url), reason=reason)
    path = parts.path.rstrip("/")
    if parts.scheme == SSH:
        path = _ssh_path(url, unquote(path))
    port = parts.port or _PORTS[parts.scheme]
    return GitAddress(scheme=parts.scheme, host=host, port=port, path=path, user=unquote(parts.username or ""))


def _ssh_path(url: str, path: str) -> str:
    """It becomes an argument of a command on the server, which would take a dash for an option."""
    if path.startswith("/~"):
        path = path.removeprefix("/").removeprefix("~/")
    if path.startswith("-") or _UNSPEAKABLE.search(path):
        reason = "its path begins with a dash or has a blank in it"
        raise GitAddressRefused(repository=_without_user(url), reason=reason)
    return path


def _without_user(url: str) -> str:
    scheme, divided, rest = url.partition("://")
    if not divided:
        scheme, rest = "", url
    shown = _SECRET_TAIL.sub("", rest.rpartition("@")[2])
    shown = "".join(c if c.isprintable() else "?" for c in shown)
    return f"{scheme}{divided}{shown}"[:200] or "''"


def is_forbidden(ip: str) -> bool:
    """Link-local addresses, which hold the metadata of clouds, and what else is known to."""
    address = _unwrapped(ip)
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA


def is_public(ip: str) -> bool:
    """Anyone on the way may listen."""
    return _unwrapped(ip).is_global


def _unwrapped(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address of version 4 where one of version 6 only carries it."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
