"""gunicorn's threaded worker, which gives a thread to a request only once all of it has arrived.

The plain one reads each request in the thread that will answer it, so that a few clients that send half a request and
then nothing hold every thread, and with them the pages and `/health`. Here the loop that accepts connections also
collects what they send; who has not sent a whole request in time is hung up on.
"""

from __future__ import annotations

import errno
import re
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from config import bodies

#: Seconds for the whole of a request to arrive, and for a client to take each part of an answer.
REQUEST_WITHIN = 15
ANSWER_PART_WITHIN = 20
#: Connections of one process that have not sent a whole request; the oldest gives way to a new one.
ARRIVING_AT_ONCE = 512
#: Bytes: of a head without its end, and of all that is collected.
LONGEST_HEAD = 64 * 1024
COLLECTED_AT_ONCE = 64 * 1024 * 1024

_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_PUSH = re.compile(rb"POST /api/v1/sources/[^/ ]+/snapshots[ ?]")
_IN_CHUNKS = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)
_REFUSAL = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_NO_LENGTH, _TOO_LARGE = b"411 Length Required", b"413 Content Too Large"


@dataclass
class _Arriving:
    """What one connection has sent of its next request."""

    deadline: float
    received: bytearray = field(default_factory=bytearray)


class CollectingWorker(ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[TConn, _Arriving] = {}  # the one that waits longest comes first

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                return
            raise
        self.nr_conns += 1
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", ANSWER_PART_WITHIN, 0))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", REQUEST_WITHIN, 0))
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.data_ready = True
        self._collect(connection)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """A connection that was kept alive sends its next request."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def enqueue_req(self, conn: TConn) -> None:
        """Behind a request that was answered, part of the next one had been read with it."""
        self._collect(conn, conn.parser.unreader.take_buffered())

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        for connection in [c for c, arriving in self._arriving.items() if arriving.deadline <= now]:
            self._hang_up(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        """A worker that is told to stop waits for nobody who has not begun."""
        super()._cap_keepalive(deadline)
        for connection in [c for c, arriving in self._arriving.items() if not arriving.received]:
            self._hang_up(connection)

    def _collect(self, connection: TConn, received: bytes = b"") -> None:
        self._make_room()
        connection.sock.setblocking(False)
        self._arriving[connection] = _Arriving(time.monotonic() + REQUEST_WITHIN, bytearray(received))
        self.poller.register(connection.sock, EVENT_READ, partial(self._on_arriving, connection))
        if received:
            self._hand_over_if_whole(connection)

    def _on_arriving(self, connection: TConn, client: socket.socket) -> None:
        if connection not in self._arriving:
            return  # it had to give way a moment ago
        try:
            part = client.recv(64 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            part = b""
        if not part:
            self._hang_up(connection)
            return
        self._arriving[connection].received += part
        self._hand_over_if_whole(connection)
        self._keep_within_memory()

    def _hand_over_if_whole(self, connection: TConn) -> None:
        received = self._arriving[connection].received
        end = received.find(b"\r\n\r\n")
        if end < 0 and len(received) < LONGEST_HEAD:
            return
        head = bytes(received[: end if end >= 0 else LONGEST_HEAD]).replace(b"\r\n", b"\n")
        length = int(match[1]) if (match := _LENGTH.search(head)) else 0
        if _IN_CHUNKS.search(head):
            self._hang_up(connection, _NO_LENGTH)
        elif length > (bodies.SNAPSHOT if _PUSH.match(head) else bodies.USUAL):
            self._hang_up(connection, _TOO_LARGE)
        elif end < 0 or len(received) >= end + 4 + length:
            self._hand_over(connection)

    def _hand_over(self, connection: TConn) -> None:
        """To a thread, which finds all of the request read already. What cannot be parsed it refuses."""
        self.poller.unregister(connection.sock)
        received = self._arriving.pop(connection).received
        connection.init()
        connection.parser.unreader.unread(bytes(received))
        super().enqueue_req(connection)

    def _keep_within_memory(self) -> None:
        """Whoever has sent most gives way, so that nobody's small request does."""
        while sum(len(a.received) for a in self._arriving.values()) > COLLECTED_AT_ONCE:
            self._hang_up(max(self._arriving, key=lambda connection: len(self._arriving[connection].received)))

    def _make_room(self) -> None:
        """The oldest give way: of those that send, and of those that are only kept alive."""
        while len(self._arriving) >= ARRIVING_AT_ONCE:
            self._hang_up(next(iter(self._arriving)))
        while self.keepalived_conns and self.nr_conns >= self.worker_connections - self.cfg.threads:
            idle = self.keepalived_conns.popleft()
            self.poller.unregister(idle.sock)
            self.nr_conns -= 1
            idle.close()

    def _hang_up(self, connection: TConn, refusal: bytes = b"") -> None:
        del self._arriving[connection]
        self.poller.unregister(connection.sock)
        if refusal:
            with suppress(OSError):
                connection.sock.send(_REFUSAL % refusal)
        self.nr_conns -= 1
        connection.close()
