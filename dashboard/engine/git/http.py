"""A git server over HTTP: dulwich speaks git, this module decides where it is spoken to, and what is sent there."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import urllib3
from dulwich.client import AbstractHttpGitClient
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from dashboard.engine.git import addresses
from dashboard.engine.git.addresses import GitAddress
from dashboard.engine.git.capabilities import CapableClient
from dashboard.engine.git.errors import (
    GitAddressRefused,
    GitCertificateRefused,
    GitFetchFailed,
    GitHostUnknown,
    GitRedirected,
    GitRepositoryMissing,
    GitServerUnusable,
    GitTokenExposed,
    GitTokenRefused,
    GitUnreachable,
)
from dashboard.engine.git.meter import Meter
from dashboard.engine.git.proxies import Proxies, Proxy, ProxyUnusable
from dashboard.engine.git.values import Remote

#: GitHub answers only to a name that begins with git/.
_AGENT = "git/2.40 (signalbox)"
_DIRECTLY = Proxies()
_CONNECT_S = 15.0
_REDIRECTS = 4
_MOVED = frozenset({301, 302, 303, 307, 308})
_LISTED, _RESULT = "application/x-git-upload-pack-advertisement", "application/x-git-upload-pack-result"


class HttpClient(CapableClient, AbstractHttpGitClient):
    """A client of one repository; its path is always empty. `silence`: seconds without a byte before it is left."""

    def __init__(
        self, address: GitAddress, remote: Remote, meter: Meter, *, silence: float, proxies: Proxies = _DIRECTLY
    ) -> None:
        super().__init__(f"{address.scheme}://{_netloc(address)}{address.path}", thin_packs=False, quiet=True)
        self._address = address
        self.shown = address.shown
        self._meter = meter
        self._authorization = _basic(remote)
        self._timeout = urllib3.Timeout(connect=min(_CONNECT_S, silence), read=silence)
        self._proxies = proxies
        self._pools: dict[Proxy | None, urllib3.PoolManager] = {}
        #: What an address has to begin with to be asked: this repository, and where it has moved to.
        self._bases = [self._base_url]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.clear()

    def _http_request(  # type: ignore[override]  # of two libraries that type a response differently
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[urllib3.BaseHTTPResponse, Callable[[int], bytes]]:
        asked = url
        if not url.startswith(tuple(self._bases)):  # a pack may name another address that holds a part of it
            raise GitServerUnusable(repository=self.shown, reason="it wants something fetched from another address")
        for _ in range(_REDIRECTS):
            response = self._send(asked, headers or {}, data)
            if response.status not in _MOVED:
                break
            response.close()
            asked = self._followed(asked, response.headers.get("Location", ""), is_post=data is not None)
            self._bases.append(asked.partition("?")[0].removesuffix("info/refs"))
        else:
            raise GitServerUnusable(repository=self.shown, reason="it redirects again and again")
        self._judge(response, expected=_LISTED if data is None else _RESULT)
        response.content_type = response.headers.get("Content-Type")  # type: ignore[attr-defined]
        response.redirect_location = asked if asked != url else ""  # type: ignore[attr-defined]
        return response, lambda size: self._meter.count(self._read(response, size))

    def _send(
        self, url: str, headers: Mapping[str, str], data: bytes | Iterator[bytes] | None
    ) -> urllib3.BaseHTTPResponse:
        sent = {"User-Agent": _AGENT, "Pragma": "no-cache", **headers}
        if self._authorization:
            sent["Authorization"] = self._authorization
        with _named(self.shown, urlsplit(url).hostname or ""):
            return self._pool_to(url).request(
                "GET" if data is None else "POST",
                url,
                body=data,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,  # nothing was asked to be compressed, so nothing grows on its way here
                timeout=self._timeout,
            )

    def _pool_to(self, url: str) -> urllib3.PoolManager:
        """Connections to where the address is, or to the proxy that passes on what is for it."""
        try:
            proxy = self._proxies.way_to(url)
        except ProxyUnusable as error:
            raise GitUnreachable(
                repository=self.shown, reason=f"{error} names no proxy of http:// or https:// with a host"
            ) from None
        if proxy is not None:
            self._admit_by_proxy(url)
        if proxy not in self._pools:
            pool = _pool(proxy)
            pool.pool_classes_by_scheme = _guarded_pools(self._admit)
            self._pools[proxy] = pool
        return self._pools[proxy]

    def _admit_by_proxy(self, url: str) -> None:
        """The proxy looks the host up, so only what the address itself says can be judged."""
        parts = urlsplit(url)
        if _is_ip(parts.hostname or "") and addresses.is_forbidden(parts.hostname or ""):
            raise GitAddressRefused(
                repository=self.shown, reason=f"its host is {parts.hostname}, which no proxy is asked for"
            )
        if parts.scheme == addresses.HTTP and self._authorization:
            raise GitTokenExposed(repository=self.shown)

    def _read(self, response: urllib3.BaseHTTPResponse, size: int) -> bytes:
        with _named(self.shown, self._address.host):
            return response.read(size)

    def _judge(self, response: urllib3.BaseHTTPResponse, *, expected: str) -> None:
        if response.status == 200 and _kind_of(response) == expected:
            return
        response.close()
        if response.status in {401, 403}:
            reason = "it does not take this token" if self._authorization else "it asks for a token, and none is given"
            raise GitTokenRefused(repository=self.shown, status=response.status, reason=reason)
        if response.status in {404, 410}:
            raise GitRepositoryMissing(repository=self.shown, quoted="")
        if response.status == 429 or response.status >= 500:
            raise GitFetchFailed(repository=self.shown, reason=f"the server answers with status {response.status}")
        if response.status != 200:
            raise GitServerUnusable(repository=self.shown, reason=f"it answers with status {response.status}")
        raise GitServerUnusable(
            repository=self.shown, reason=f"it sends {_kind_of(response) or 'something without a type'}"
        )

    def _followed(self, asked: str, location: str, *, is_post: bool) -> str:
        """Where a redirect leads, if it is to be followed."""
        target = urljoin(asked, location)
        try:
            leads_to = addresses.parse(target.partition("?")[0])
        except GitAddressRefused:
            raise GitServerUnusable(repository=self.shown, reason="it redirects to no address") from None
        if not leads_to.path.endswith("/info/refs") or is_post:
            raise GitServerUnusable(repository=self.shown, reason=f"it redirects to {leads_to.shown}")
        origin = addresses.parse(asked.partition("?")[0])
        if not _may_follow(origin, leads_to, has_secret=bool(self._authorization)):
            raise GitRedirected(repository=self.shown, target=leads_to.shown.removesuffix("/info/refs"))
        return target

    def _admit(self, ip: str, scheme: str) -> None:
        """Asked of every connection before anything is sent on it."""
        if addresses.is_forbidden(ip):
            raise GitAddressRefused(repository=self.shown, reason=f"its host is {ip}, which is never connected to")
        if scheme == addresses.HTTP and self._authorization and addresses.is_public(ip):
            raise GitTokenExposed(repository=self.shown)


def _pool(proxy: Proxy | None) -> urllib3.PoolManager:
    headers = {"User-Agent": _AGENT}
    if proxy is None:
        return urllib3.PoolManager(headers=headers, num_pools=4)
    return urllib3.ProxyManager(proxy.url, headers=headers, proxy_headers=proxy.headers, num_pools=4)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _netloc(address: GitAddress) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _basic(remote: Remote) -> str:
    return str(urllib3.make_headers(basic_auth=remote.login)["authorization"]) if remote.login else ""


def _kind_of(response: urllib3.BaseHTTPResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()[:80]


def _may_follow(origin: GitAddress, target: GitAddress, *, has_secret: bool) -> bool:
    """Anywhere but out of https; with a token, to the same host only, or from its http to its https."""
    if target.scheme == addresses.SSH or (origin.scheme, target.scheme) == (addresses.HTTPS, addresses.HTTP):
        return False
    is_upgrade = origin.host.lower() == target.host.lower() and target.scheme == addresses.HTTPS and target.port == 443
    return not has_secret or origin.origin == target.origin or is_upgrade


def _guarded_pools(admit: Callable[[str, str], None]) -> dict[str, type[HTTPConnectionPool]]:
    """Pools whose connections ask first. The address is that of the connection, so no second look at the DNS can
    differ."""

    class PlainConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _admitted(super()._new_conn(), addresses.HTTP, admit)

    class TlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _admitted(super()._new_conn(), addresses.HTTPS, admit)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {addresses.HTTP: PlainPool, addresses.HTTPS: TlsPool}


def _admitted(connection: socket.socket, scheme: str, admit: Callable[[str, str], None]) -> socket.socket:
    try:
        admit(connection.getpeername()[0], scheme)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _named(repository: str, host: str) -> Iterator[None]:
    """Errors of the line get the names that they have here."""
    try:
        yield
    except urllib3.exceptions.NameResolutionError as error:
        raise GitHostUnknown(repository=repository, host=host) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        if refusal := _certificate_refusal(error):
            raise GitCertificateRefused(repository=repository, reason=refusal) from error
        raise GitUnreachable(repository=repository, reason=_reason(error)) from error


def _certificate_refusal(error: BaseException | None) -> str:
    while error is not None:
        for each in (error, *error.args):
            if isinstance(each, ssl.SSLCertVerificationError):
                return each.verify_message
        error = error.__cause__ or error.__context__
    return ""


def _reason(error: BaseException) -> str:
    match error:
        case urllib3.exceptions.ProxyError():
            return "the proxy of this machine passes nothing on to it, or does not answer"
        case urllib3.exceptions.NewConnectionError():  # before the next: it is one of those, too
            refused = isinstance(error.__cause__, ConnectionRefusedError)
            return "the connection was refused" if refused else "no connection came about"
        case urllib3.exceptions.ConnectTimeoutError():
            return "the connection was not answered"
        case urllib3.exceptions.ReadTimeoutError():
            return "it fell silent"
        case urllib3.exceptions.SSLError():
            return "no TLS connection came about"
        case _:
            return "the connection broke"
