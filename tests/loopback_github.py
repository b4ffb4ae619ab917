"""GitHub on the loopback address: the addresses and answers of github.com that a sign-in uses, and what it checks."""

from __future__ import annotations

import http.server
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "Iv1.signalbox", "kept by both"


@dataclass(kw_only=True)
class GitHub:
    """`account` and `emails` are what its API says of whoever agreed."""

    url: str = ""
    account: dict[str, Any] = field(default_factory=lambda: {"id": 4711, "login": "octocat", "name": "Octo"})
    emails: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)  # what was asked for, by the code that was given
    tokens: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)  # paths, in order

    def authorize(self, query: Mapping[str, str]) -> str:
        """The person agreed: where GitHub sends the browser."""
        assert query["client_id"] == CLIENT_ID
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: Mapping[str, str]) -> dict[str, str]:
        """As GitHub: an error is an answer of 200 too. A code works once, for its client and its verifier."""
        asked = self.codes.pop(form.get("code", ""), None)
        is_client = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if asked is None or not is_client or asked.get("code_challenge", challenge) != challenge:
            return {"error": "bad_verification_code"}
        token = f"gho_{len(self.tokens)}"
        self.tokens.add(token)
        return {"access_token": token, "scope": asked["scope"], "token_type": "bearer"}


class _Handler(http.server.BaseHTTPRequestHandler):
    github: GitHub

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.github.asked.append(address.path)
        if address.path == "/login/oauth/authorize":
            self.send_response(302)
            self.send_header("Location", self.github.authorize(dict(parse_qsl(address.query))))
            self.end_headers()
            return
        token = self.headers.get("Authorization", "").removeprefix("token ")
        said = {"/api/v3/user": self.github.account, "/api/v3/user/emails": self.github.emails}.get(address.path)
        self._say(said if token in self.github.tokens else {"message": "Bad credentials"}, token in self.github.tokens)

    def do_POST(self) -> None:
        self.github.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._say(self.github.token({name: values[0] for name, values in parse_qs(body).items()}), True)

    def _say(self, said: object, is_known: bool) -> None:
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@contextmanager
def github_on_loopback() -> Iterator[GitHub]:
    github = GitHub()
    handler = type("GitHubHandler", (_Handler,), {"github": github})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        github.url = f"http://127.0.0.1:{server.server_port}"
        yield github
        server.shutdown()
