"""The header Idempotency-Key, at every address that takes it: under a key of the caller's the deed is done once."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from dashboard.services import idempotency
from dashboard.services.actors import Actor

HEADER = "Idempotency-Key"
LONGEST = 255
#: Answers that say "not now": the same call may be right later.
NOT_KEPT = frozenset({401, 403, 409, 429})
#: Told with a kept answer.
TOLD = ("Content-Type", "Location")
_FOLLOWS = "signalbox_follows"


def once(
    request: HttpRequest,
    caller: Callable[[HttpRequest], Actor],
    view: Callable[[], HttpResponse],
    *,
    unusable: Callable[[str], Exception],
    followed: frozenset[int] = frozenset(),
) -> HttpResponse:
    """What the view answers, or has answered to the same call under the same key. A call whose kept answer has one of
    the `followed` statuses goes on to ask what became of it, and `follows` tells the view so.

    Raises `unusable` where the key cannot be kept, KeyUsedAgain, CallUnderWay, and what the view does.
    """
    key = request.headers.get(HEADER)
    if request.method != "POST" or key is None:
        return view()
    if not 0 < len(key) <= LONGEST or not key.isprintable():
        raise unusable(f"{HEADER} has to have 1 to {LONGEST} printable characters.")
    token = caller(request).token
    assert token is not None, "the API is only for tokens"
    mark = idempotency.fingerprint(request.method.encode(), request.get_full_path().encode(), request.body)
    call = idempotency.begin(token, key, mark)
    if call.status in followed:
        setattr(request, _FOLLOWS, True)
    elif call.status is not None:
        replayed = HttpResponse(call.content, status=call.status, headers=call.headers)
        replayed["Idempotency-Replayed"] = "true"
        return replayed
    try:
        response = view()
        if response.status_code < 500 and response.status_code not in NOT_KEPT:
            headers = {name: response.headers[name] for name in TOLD if name in response.headers}
            idempotency.keep(call, status=response.status_code, content=response.content.decode(), headers=headers)
        return response
    finally:
        idempotency.forget(call)


def follows(request: HttpRequest) -> bool:
    """Whether its key has done the deed before, so that it only asks what became of it."""
    return getattr(request, _FOLLOWS, False)
