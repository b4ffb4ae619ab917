"""The API of a server, by the HTTP client of the standard library. A token is sent to that server alone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from config.errors import Misconfigured
from config.version import VERSION
from dashboard.cli.exits import Exit, code_named

PREFIX = "/api/v1"
TIMEOUT = 60
#: How often a call is sent that got no answer; under one key it is done once.
ATTEMPTS = 3
#: Seconds between two looks at what goes on.
PAUSE = 2.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerSaidNo(Exception):
    """It was not answered: problem details of the server, or no answer at all."""

    def __init__(self, problem: dict[str, Any], *, status: int = 0) -> None:
        super().__init__(problem["detail"])
        self.problem = problem
        self.status = status

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))

    @property
    def exit_code(self) -> Exit:
        if known := code_named(self.code):
            return known
        by_status = {401: Exit.PERMISSION, 403: Exit.PERMISSION, 404: Exit.USAGE, 400: Exit.USAGE, 409: Exit.BUSY}
        by_status |= {422: Exit.FAILED, 429: Exit.BUSY}
        return by_status.get(self.status, Exit.UNREACHABLE)

    @property
    def lines(self) -> list[str]:
        """The sentence, what the database is now, what to do; and of a call that is wrong, where."""
        then = " ".join(filter(None, (self.problem.get("state"), self.problem.get("remedy"))))
        faults = [f"{fault['where']}: {fault['fault']}" for fault in self.problem.get("errors", ())]
        return [f"signalbox: {self.problem['detail']}", *(f"  {line}" for line in (then, *faults) if line)]


class _StaysThere(HTTPRedirectHandler):
    """No answer leads elsewhere: what follows it would take the token along."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


@dataclass(frozen=True, kw_only=True)
class SignalboxServer:
    """Where it is, and who asks."""

    url: str
    token: str = field(default="", repr=False)
    command: str = "signalbox"
    _opener: OpenerDirector = field(default_factory=lambda: build_opener(_StaysThere), repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise Misconfigured("SIGNALBOX_URL must be the address of a server, such as https://signalbox.example.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise Misconfigured("SIGNALBOX_URL must begin with https://: the token would cross the network readable.")

    def get(self, path: str, **query: Any) -> Any:
        """Raises ServerSaidNo."""
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return self._answer("GET", f"{PREFIX}{path}" + (f"?{asked}" if asked else ""))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Raises ServerSaidNo. A call that got no answer is sent again under the same key, and done once."""
        sent = {name: value for name, value in (body or {}).items() if value not in (None, "", [])}
        return self._answer("POST", f"{PREFIX}{path}", json.dumps(sent).encode(), key=uuid.uuid4().hex)

    def public(self, path: str) -> Any:
        """What needs no token; also where it says 503."""
        try:
            return self._answer("GET", path)
        except ServerSaidNo as error:
            if error.status and "ready" in error.problem:
                return error.problem
            raise

    def every(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All pages of a list, one row after the other."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _answer(self, method: str, path: str, body: bytes | None = None, *, key: str = "") -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, path, body, key)
            except (OSError, HTTPException) as error:
                if attempt == ATTEMPTS:
                    raise ServerSaidNo(self._silence(error)) from None
                time.sleep(attempt)
        raise AssertionError("the last attempt answers or raises")

    def _once(self, method: str, path: str, body: bytes | None, key: str) -> Any:
        headers = {"Accept": "application/json", "User-Agent": f"signalbox/{VERSION}"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key} if body is not None else {}
        address = f"{self.url.rstrip('/')}{quote(path, safe='/?=&%,.:-_~+')}"
        request = Request(address, data=body, headers=headers, method=method)  # noqa: S310 - http and https alone
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            with error:
                raise ServerSaidNo(_problem(error), status=error.code) from None
        except ValueError:
            detail = f"What answers at {self.url} is not the API of Signalbox."
            remedy = "Correct SIGNALBOX_URL: the address of its overview, without a path."
            raise ServerSaidNo({"detail": detail, "remedy": remedy}) from None

    def _silence(self, error: Exception) -> dict[str, Any]:
        reason = getattr(error, "reason", None) or error
        return {
            "detail": f"{self.url} does not answer: {reason}.",
            "state": "Whether the last call was carried out is not known.",
            "remedy": f"Look with `{self.command} runs` and `{self.command} requests` before it is repeated.",
        }


def _problem(error: HTTPError) -> dict[str, Any]:
    try:
        content = json.loads(error.read())
    except ValueError:
        content = None
    if isinstance(content, dict) and ("detail" in content or "ready" in content):
        return {"detail": "Signalbox is not ready."} | content
    return {"detail": f"{error.url} answers {error.code} {error.reason}, and not as Signalbox does."}
