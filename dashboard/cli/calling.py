"""Calls over HTTP that carry a token: each reaches the host that it is for and no other, and has an end."""

from __future__ import annotations

from functools import cache
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection, IncompleteRead
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request
from urllib.request import build_opener as opener_with

#: Seconds to connect, again to send, and again until the whole answer is there.
TIMEOUT = 60.0
#: Bytes of an answer.
LARGEST = 32 * 1_048_576
_NO_ADDRESS = "must be the address of a server, such as https://signalbox.example"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class AnswerTooLarge(ValueError):
    """More than LARGEST."""


def fault_of(address: str) -> str:
    """Why no token goes there, to stand behind the name of the variable; empty where one may."""
    try:
        parts = urlsplit(address)
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        return _NO_ADDRESS
    if not is_whole:
        return _NO_ADDRESS
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "must begin with https://: the token would cross the network readable"
    return ""


def sent(request: Request, *, timeout: float = TIMEOUT) -> bytes:
    """What is answered. The address is one without a fault.

    Raises HTTPError, OSError, HTTPException, AnswerTooLarge.
    """
    is_here = urlsplit(request.full_url).hostname in _LOOPBACK
    with _opener(is_here=is_here).open(request, timeout=timeout) as answer:
        return content_of(answer)


def content_of(answer: Any) -> bytes:
    """Raises OSError, HTTPException, AnswerTooLarge."""
    content: bytes = answer.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise AnswerTooLarge
    if answer.length:
        raise IncompleteRead(content, answer.length)
    return content


@cache
def _opener(*, is_here: bool) -> OpenerDirector:
    """Over plain HTTP a proxy would read the token, so none stands before this machine."""
    proxies = [ProxyHandler({})] if is_here else []
    return opener_with(_StaysThere, _TimedHttp, _TimedHttps, *proxies)


class _StaysThere(HTTPRedirectHandler):
    """No answer leads elsewhere: what follows it would take the token along."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


class _UntilThen(RawIOBase):
    """What comes in, while there is time: a socket alone would wait anew for each byte."""

    def __init__(self, stream: RawIOBase, sock: socket) -> None:
        self._stream, self._sock = stream, sock
        self._end = monotonic() + (sock.gettimeout() or TIMEOUT)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        count: int | None = self._stream.readinto(buffer)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedAnswer(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = BufferedReader(_UntilThen(self.fp.detach(), sock))


class _TimedConnection(HTTPConnection):
    response_class = _TimedAnswer


class _TimedTlsConnection(HTTPSConnection):
    response_class = _TimedAnswer


class _TimedHttp(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_TimedConnection, req)


class _TimedHttps(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_TimedTlsConnection, req)
