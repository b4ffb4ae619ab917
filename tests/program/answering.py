"""A server that answers every call alike, on the loopback address."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class OddServer:
    address: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def answering(content: bytes, *, status: int = 200, pause: float = 0, **headers: str) -> Iterator[OddServer]:
    """`asked` are the paths. With a pause it answers byte by byte."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # whoever asked has had enough
                for piece in [content[at : at + 1] for at in range(len(content))] if pause else [content]:
                    time.sleep(pause)
                    self.wfile.write(piece)

        def log_message(self, *_: object) -> None:
            """Nothing: the suite is quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        here = OddServer(address=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()
