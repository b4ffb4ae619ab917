"""Long passwords that hold little are refused, and good ones are not."""

from __future__ import annotations

import socket
import time
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from dashboard.services.passwords import LONGEST, GuessableValidator, GuessesValidator, LeakedValidator

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


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


GOOD = (
    "correct horse battery staple",
    "nightfall under a canvas",
    "xK9#mQ2$vL7p",
    "alice at the signalbox",
    "bob at the signalbox",
    "lantern-orbit-velvet",
)


@pytest.mark.parametrize("password", GOOD)
def test_good(validator: GuessableValidator, password: str) -> None:
    validator.validate(password, Person())  # type: ignore[arg-type]
    validator.validate(password)


@pytest.mark.parametrize(
    "password",
    [
        "P@ssw0rd1234",
        "iloveyou2019!",
        "Summer2026!!",
        "letmein12345!",
        "dragonball123456",
        "ncc1701enterprise",
        "michael1985jordan",
        "liverpool1892fc",
        "J4mesBond007!",
        "Winter2025Signalbox",
    ],
)
def test_what_people_make_of_leaked_passwords_is_refused_without_asking_anybody(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of the 20,000 most common ones knows none of them, and nothing but that list was asked."""
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(ValidationError, match="within a few guesses"):
        GuessesValidator().validate(password, Person())  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        validate_password(password, Person())  # type: ignore[arg-type]


@pytest.mark.parametrize("password", GOOD)
def test_what_is_not_soon_guessed_is_taken(password: str) -> None:
    GuessesValidator().validate(password, Person())  # type: ignore[arg-type]


def test_a_long_one_is_looked_at_in_no_time() -> None:
    began = time.monotonic()
    GuessesValidator().validate("lantern orbit velvet staple " * 9)
    with pytest.raises(ValidationError, match="within a few guesses"):
        GuessesValidator().validate("p@ssw0rd" * 32)
    assert time.monotonic() - began < 2


def test_a_huge_one_is_refused_before_it_is_looked_at(validator: GuessableValidator) -> None:
    """Looking at each way to cut it takes the square of its length: minutes, for one that fits into a form."""
    began = time.monotonic()
    with pytest.raises(ValidationError, match="longer than 256 characters"):
        validator.validate("".join(map(str, range(300_000))))
    assert time.monotonic() - began < 1
    validator.validate("lantern orbit velvet staple " * 9)
    assert LONGEST >= 64


# A file of leaked ones


def _hash(password: str) -> str:
    return sha1(password.encode()).hexdigest().upper()


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_each_password_of_the_file_is_refused_and_no_other(
    tmp_path: Path, settings: SettingsWrapper, count: int
) -> None:
    leaked = [f"leaked password {number}" for number in range(count)]
    lines = sorted(f"{_hash(password)}:{number * 37}" for number, password in enumerate(leaked))
    file = tmp_path / "leaked.txt"
    file.write_text("\r\n".join(lines) + "\r\n")
    settings.LEAKED_PASSWORDS_FILE = str(file)
    for password in leaked:
        with pytest.raises(ValidationError, match="known from a leak"):
            LeakedValidator().validate(password)
    for number in range(count):
        LeakedValidator().validate(f"a password of my own {number}")


def test_without_a_file_none_is_asked_and_one_that_is_gone_is_logged(
    tmp_path: Path, settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    LeakedValidator().validate("password")
    assert not caplog.text
    settings.LEAKED_PASSWORDS_FILE = str(tmp_path / "gone")
    LeakedValidator().validate("password")
    assert "leaked passwords cannot be read" in caplog.text
