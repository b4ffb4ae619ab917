"""A TCP proxy that knows where one message of the PostgreSQL protocol ends, and breaks the line at the one it is told.

It breaks connections of runs only (by their application_name); whoever else comes through is left alone. Messages
are counted as a client sends them: what goes out between two answers is one.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

#: The client waits for an answer after these: a password, Query, Sync, or that is all.
ENDS = b"pQS"
ENCRYPTION_ASKED_FOR = {struct.pack("!I", code) for code in (80877103, 80877104)}
GOODBYE = b"X"
#: The server's last word to one message: it is ready for the next, or wants to hear more of who we are.
ANSWERS = b"ZR"


class Break(StrEnum):
    BEFORE = "before"  # the message never arrives, and both ends see the connection end
    AFTER = "after"  # it arrives and is worked on, but the answer is lost
    HOLE = "hole"  # it never arrives, and nobody hears of it
    HOLE_AFTER = "hole after"  # it arrives and is worked on; of that and all else nobody hears


@dataclass
class Proxy:
    """`fail(k, how)` arms it for the next run's connection; `sent` says what was sent there, message by message."""

    server: tuple[str, int]
    at: int = 0
    how: Break = Break.BEFORE
    broke: threading.Event = field(default_factory=threading.Event)
    refusing: bool = False
    delay: float = 0.0  # seconds that each message of a client takes
    sent: list[bytes] = field(default_factory=list)
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, direct: str) -> str:
        parts = urlsplit(direct)
        place = f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"
        return urlunsplit((parts.scheme, place, parts.path, "", ""))

    def fail(self, at: int, how: Break) -> None:
        self.at, self.how, self.sent = at, how, []
        self.broke.clear()

    def cut_off(self) -> None:
        """Whoever is connected is cut, and nobody gets through any more."""
        self.refusing = True
        for end in self._open:
            _cut(end)

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            _Line(self, client).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            _cut(end)
            end.close()


@contextmanager
def running(host: str, port: int) -> Iterator[Proxy]:
    proxy = Proxy((host, port))
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    yield proxy
    proxy.close()
    thread.join()


class _Line:
    """One client's connection and ours to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.proxy, self.client = proxy, client
        self.server = socket.create_connection(proxy.server)
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_a_run = self.is_dead = self.mutes = False
        self.count = 0
        proxy._open += [client, self.server]

    def start(self) -> None:
        for act in (self._upward, self._downward):
            threading.Thread(target=self._until_cut, args=(act,), daemon=True).start()

    def _until_cut(self, act: object) -> None:
        try:
            act()  # type: ignore[operator]
        except (OSError, EOFError):
            if not self.mutes:
                _cut(self.client)
                _cut(self.server)

    def _upward(self) -> None:
        while (opening := _opening(self.client))[4:8] in ENCRYPTION_ASKED_FOR:
            self.client.sendall(b"N")
        self.is_a_run = b"signalbox:" in opening
        self.server.sendall(opening)
        message, kinds = b"", b""
        while True:
            kind, part = _message(self.client)
            message, kinds = message + part, kinds + kind
            if kind == GOODBYE:
                self.server.sendall(part)
            elif kind in ENDS:
                self._send(message, kinds)
                message, kinds = b"", b""

    def _send(self, message: bytes, kinds: bytes) -> None:
        time.sleep(self.proxy.delay)
        if self.is_a_run:
            self.count += 1
            self.proxy.sent.append(message)
        if not self.is_a_run or self.count != self.proxy.at:
            if not self.mutes:
                self.server.sendall(message)
            return
        how = self.proxy.how
        self.mutes = how is not Break.BEFORE
        if how in {Break.AFTER, Break.HOLE_AFTER}:
            self.server.sendall(message)
        if how is not Break.AFTER:
            self.proxy.broke.set()
        if how is Break.BEFORE:
            raise EOFError

    def _downward(self) -> None:
        while True:
            kind, part = _message(self.server)
            if not self.mutes:
                self.client.sendall(part)
            elif kind in ANSWERS and self.proxy.how is Break.AFTER:
                self.mutes = False
                self.proxy.broke.set()
                raise EOFError


def _opening(end: socket.socket) -> bytes:
    """The first message of a connection has no kind."""
    length = _exactly(end, 4)
    return length + _exactly(end, struct.unpack("!I", length)[0] - 4)


def _message(end: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(end, 5)
    return head[:1], head + _exactly(end, struct.unpack("!I", head[1:])[0] - 4)


def _exactly(end: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = end.recv(min(length - len(data), 1 << 16))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _cut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
