"""The API of a server, by the HTTP client of the standard library. A token is sent to that server alone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request

from config.errors import Misconfigured
from config.version import VERSION
from dashboard.cli import calling
from dashboard.cli.calling import AnswerTooLarge
from dashboard.cli.exits import Exit, code_named

PREFIX = "/api/v1"
#: How often a call is sent that got no answer; under one key it is done once.
ATTEMPTS = 3
#: Seconds between two looks at what goes on.
PAUSE = 2.0
_NOT_THE_API = "Correct SIGNALBOX_URL: the address of its overview, without a path."


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
        known = code_named(self.code)
        if known is not None:
            return known
        by_status = {401: Exit.PERMISSION, 403: Exit.PERMISSION, 404: Exit.USAGE, 400: Exit.USAGE, 409: Exit.BUSY}
        by_status |= {422: Exit.FAILED, 429: Exit.BUSY}
        return by_status.get(self.status, Exit.UNREACHABLE)

    @property
    def lines(self) -> list[str]:
        """The sentence, what the database is now, what to do; and of a call that is wrong, where."""
        then = " ".join(str(self.problem[part]) for part in ("state", "remedy") if self.problem.get(part))
        errors = self.problem.get("errors")
        named = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
        faults = [f"{each.get('where')}: {each.get('fault')}" for each in named]
        return [f"signalbox: {self.problem['detail']}", *(f"  {line}" for line in (then, *faults) if line)]


class ServerAnswer(dict[str, Any]):
    """An object of an answer. What it lacks and the API promises is a matter of the server."""

    def __missing__(self, key: str) -> Any:
        detail = f"The server's answer has no {key}: it is not the API of Signalbox, or that of another version."
        remedy = "Compare the versions with `signalbox version`, and look at its pages for what was carried out."
        raise ServerSaidNo({"detail": detail, "remedy": remedy})


@dataclass(frozen=True, kw_only=True)
class SignalboxServer:
    """Where it is, and who asks."""

    url: str
    token: str = field(default="", repr=False)
    command: str = "signalbox"

    def __post_init__(self) -> None:
        if fault := calling.fault_of(self.url):
            raise Misconfigured(f"SIGNALBOX_URL {fault}.")

    def get(self, path: str, **query: Any) -> ServerAnswer:
        """Raises ServerSaidNo."""
        asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        return self._object(self._answer("GET", f"{PREFIX}{path}" + (f"?{asked}" if asked else "")))

    def listed(self, path: str) -> list[ServerAnswer]:
        """A list that comes whole. Raises ServerSaidNo."""
        return self._rows(self._answer("GET", f"{PREFIX}{path}"))

    def post(self, path: str, body: dict[str, Any] | None = None) -> ServerAnswer:
        """Raises ServerSaidNo. A call that got no answer is sent again under the same key, and done once."""
        sent = {name: value for name, value in (body or {}).items() if value not in (None, "", [])}
        return self._object(self._answer("POST", f"{PREFIX}{path}", json.dumps(sent).encode(), key=uuid.uuid4().hex))

    def public(self, path: str) -> ServerAnswer:
        """What needs no token; also where it says 503."""
        try:
            return self._object(self._answer("GET", path))
        except ServerSaidNo as error:
            if error.status and "ready" in error.problem:
                return ServerAnswer(error.problem)
            raise

    def every(self, path: str, **query: Any) -> Iterator[ServerAnswer]:
        """All pages of a list, one row after the other."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from self._rows(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def _answer(self, method: str, path: str, body: bytes | None = None, *, key: str = "") -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, path, body, key)
            except (OSError, HTTPException) as error:
                if attempt == ATTEMPTS:
                    raise ServerSaidNo(self._silence(error, is_deed=body is not None)) from None
                time.sleep(attempt)
        raise AssertionError("the last attempt answers or raises")

    def _object(self, content: Any) -> ServerAnswer:
        if not isinstance(content, ServerAnswer):
            raise self._not_the_api()
        return content

    def _rows(self, content: Any) -> list[ServerAnswer]:
        if not isinstance(content, list):
            raise self._not_the_api()
        return [self._object(each) for each in content]

    def _not_the_api(self) -> ServerSaidNo:
        return ServerSaidNo(
            {"detail": f"What answers at {self.url} is not the API of Signalbox.", "remedy": _NOT_THE_API}
        )

    def _once(self, method: str, path: str, body: bytes | None, key: str) -> Any:
        headers = {"Accept": "application/json", "User-Agent": f"signalbox/{VERSION}"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key} if body is not None else {}
        address = f"{self.url.rstrip('/')}{quote(path, safe='/?=&%,.:-_~+')}"
        request = Request(address, data=body, headers=headers, method=method)  # noqa: S310 - http and https alone
        try:
            return _read(calling.sent(request))
        except HTTPError as error:
            with error:
                raise ServerSaidNo(_problem(error), status=error.code) from None
        except AnswerTooLarge:
            detail = f"What {self.url} answers is larger than {calling.LARGEST // 1_048_576} MiB, and was not read."
            raise ServerSaidNo({"detail": detail, "remedy": _NOT_THE_API}) from None
        except ValueError:
            raise self._not_the_api() from None

    def _silence(self, error: Exception, *, is_deed: bool) -> dict[str, Any]:
        reason = getattr(error, "reason", None) or error
        detail = f"{self.url} does not answer: {reason}."
        if not is_deed:
            return {"detail": detail, "remedy": "See that the server runs, and ask again."}
        return {
            "detail": detail,
            "state": "Whether the last call was carried out is not known.",
            "remedy": f"Look with `{self.command} runs` and `{self.command} requests` before it is repeated.",
        }


def _read(content: bytes) -> Any:
    """Raises ValueError."""
    try:
        return json.loads(content, object_hook=ServerAnswer, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> None:
    """NaN and its like, which Python reads and JSON does not have."""
    raise ValueError(constant)


def _problem(error: HTTPError) -> dict[str, Any]:
    try:
        content = _read(calling.content_of(error))
    except ValueError:
        content = None
    if isinstance(content, dict) and ("detail" in content or "ready" in content):
        return {"detail": "Signalbox is not ready."} | content
    return {"detail": f"{error.url} answers {error.code} {error.reason}, and not as Signalbox does."}
