"""What holds for every call that carries a token, whoever it is for."""

from __future__ import annotations

import time
from http.client import IncompleteRead
from urllib.request import Request

import pytest

from dashboard.cli import calling
from tests.program.answering import answering


def test_an_answer_that_drips_has_an_end() -> None:
    """Each byte comes in time, and all of them do not."""
    began = time.monotonic()
    with answering(b" " * 100, pause=0.1) as server, pytest.raises(TimeoutError):
        calling.sent(Request(server.address), timeout=1)
    assert time.monotonic() - began < 5


def test_what_is_too_large_is_not_read() -> None:
    with answering(b" " * (calling.LARGEST + 1)) as server, pytest.raises(calling.AnswerTooLarge):
        calling.sent(Request(server.address))
    with answering(b" " * calling.LARGEST) as server:
        assert len(calling.sent(Request(server.address))) == calling.LARGEST


def test_half_an_answer_is_none() -> None:
    with answering(b"{}", **{"Content-Length": "3"}) as server, pytest.raises(IncompleteRead):
        calling.sent(Request(server.address))


@pytest.mark.parametrize(
    ("address", "is_fine"),
    [
        ("https://signalbox.example", True),
        ("https://signalbox.example:8443/below", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost@evil.example", False),
        ("http://signalbox.example", False),
        ("file:///etc/passwd", False),
        ("https://signalbox.example:99999", False),
        ("", False),
    ],
)
def test_where_a_token_may_go(address: str, is_fine: bool) -> None:
    assert (not calling.fault_of(address)) == is_fine
