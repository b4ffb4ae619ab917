"""Long passwords that hold little are refused, and good ones are not."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import ValidationError

from dashboard.services.passwords import LONGEST, GuessableValidator


class Person:
    username, first_name, last_name, email = "m_approver", "Max", "Muster", "max.muster@example.com"


@pytest.fixture(scope="module")
def validator() -> GuessableValidator:
    return GuessableValidator()


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa",
        "123456789012",
        "987654321098",
        "passwordpassword",
        "Password1234",
        "m_approver m_approver",
        "max.muster.max",
        "qwertyuiop12",
        "signalbox-2026!",
        "signalbox signalbox",
        "dragonmonkey",
        "letmein letmein1",
        "abcabcabcabc",
        "111111222222",
    ],
)
def test_guessable(validator: GuessableValidator, password: str) -> None:
    with pytest.raises(ValidationError, match="easy to guess"):
        validator.validate(password, Person())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "nightfall under a canvas",
        "xK9#mQ2$vL7p",
        "alice at the signalbox",
        "bob at the signalbox",
        "lantern-orbit-velvet",
    ],
)
def test_good(validator: GuessableValidator, password: str) -> None:
    validator.validate(password, Person())  # type: ignore[arg-type]
    validator.validate(password)


def test_a_huge_one_is_refused_before_it_is_looked_at(validator: GuessableValidator) -> None:
    """Looking at each way to cut it takes the square of its length: minutes, for one that fits into a form."""
    began = time.monotonic()
    with pytest.raises(ValidationError, match="longer than 256 characters"):
        validator.validate("".join(map(str, range(300_000))))
    assert time.monotonic() - began < 1
    validator.validate("lantern orbit velvet staple " * 9)
    assert LONGEST >= 64
