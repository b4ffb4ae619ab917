"""What of the API of GitHub and of GitLab a comment needs, on the loopback address, as both document it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a token of the job"
COMMENTS = re.compile(r"/repos/acme/app/issues/7/comments|/projects/31/merge_requests/7/notes")
COMMENT = re.compile(r"/repos/acme/app/issues/comments/(\d+)|/projects/31/merge_requests/7/notes/(\d+)")


@dataclass
class CodeHost:
    """`comments` are the bodies by their numbers; `may_write` is what the token may; `leads_to` is another address to
    which it sends whoever asks. `tokens` are those that it was shown."""

    address: str = ""
    comments: dict[int, str] = field(default_factory=dict)
    may_write: bool = True
    leads_to: str = ""
    tokens: list[str] = field(default_factory=list)

    def of_github(self) -> dict[str, str]:
        """The variables of a job for pull request 7."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.address,
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_TOKEN": TOKEN,
        }

    def of_gitlab(self) -> dict[str, str]:
        """The variables of a job for merge request 7."""
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.address,
            "CI_PROJECT_ID": "31",
            "CI_MERGE_REQUEST_IID": "7",
            "GITLAB_TOKEN": TOKEN,
        }


class _Door(BaseHTTPRequestHandler):
    host: CodeHost

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if not self._is_let_in() or not COMMENTS.fullmatch(asked.path):
            return
        query = {name: int(values[0]) for name, values in parse_qs(asked.query).items()}
        first = (query["page"] - 1) * query["per_page"]
        page = sorted(self.host.comments.items())[first : first + query["per_page"]]
        self._answer(200, [{"id": number, "body": body} for number, body in page])

    def do_POST(self) -> None:
        self._write(201, max(self.host.comments, default=0) + 1)

    def do_PATCH(self) -> None:
        self._edit()

    def do_PUT(self) -> None:
        self._edit()

    def _edit(self) -> None:
        named = COMMENT.fullmatch(self.path)
        assert named is not None
        self._write(200, int(named[1] or named[2]))

    def _write(self, status: int, number: int) -> None:
        if not self._is_let_in():
            return
        if not self.host.may_write:
            self._answer(403, {"message": "Resource not accessible by integration"})
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        self.host.comments[number] = body
        self._answer(status, {"id": number, "body": body, "html_url": f"https://example.org/comment-{number}"})

    def _is_let_in(self) -> bool:
        self.host.tokens += filter(None, (self.headers.get("Authorization"), self.headers.get("PRIVATE-TOKEN")))
        if self.host.leads_to:
            self.send_response(302)
            self.send_header("Location", f"{self.host.leads_to}{self.path}")
            self.end_headers()
            return False
        if TOKEN in (self.headers.get("Authorization", "").removeprefix("Bearer "), self.headers.get("PRIVATE-TOKEN")):
            return True
        self._answer(401, {"message": "Bad credentials"})
        return False

    def _answer(self, status: int, content: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing: the suite is quiet."""


@contextmanager
def running() -> Iterator[CodeHost]:
    host = CodeHost()
    door = type("DoorOfOne", (_Door,), {"host": host})
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        host.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()
