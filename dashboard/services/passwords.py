"""Passwords that anybody would try first, told without asking anybody outside."""

from __future__ import annotations

import logging
import os
import re
from hashlib import sha1
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

logger = logging.getLogger(__name__)

#: What everybody here knows.
PRODUCT_WORDS = ("signalbox", "migration", "postgres", "postgresql", "database", "railway")

#: Rows of keys and of signs that a hand or a counter goes along.
RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop")

#: Longer ones would make looking at them a load that anybody who may set a password could put on the server.
LONGEST = 256

#: As many a stolen hash lets somebody try in some months on one machine: each costs a third of a second.
FEWEST_GUESSES = 10**10

#: What is looked at of a longer one: the time it takes grows with the square of it.
LOOKED_AT = 72

#: What has to be left once everything that can be guessed is taken away.
LEAST_LEFT = 6
SHORTEST_RUN = 4


class GuessableValidator:
    """Refuses what is put together from common passwords, words of the product, names of the person, repetitions and
    runs of keys: a long password that holds little."""

    def __init__(self) -> None:
        self.common: set[str] = CommonPasswordValidator().passwords

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if len(password) > LONGEST:
            raise ValidationError(f"This is longer than {LONGEST} characters.", code="password_too_long")
        if self._is_guessable(password.casefold(), _names(user)):
            raise ValidationError(
                "This is easy to guess: it is made of a common password, a known word or name, or a repetition. "
                "Four words that have nothing to do with each other are better.",
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        return "Not a common password, the product's or your name, or a repetition; also not several of them."

    def _is_guessable(self, password: str, names: list[str]) -> bool:
        left = password
        for word in (*names, *PRODUCT_WORDS):
            left = left.replace(word, "")
        left = _without_runs(re.sub(r"[\s._@-]+", "", left))
        unit = _unit(left)
        return len(unit) < LEAST_LEFT or unit in self.common or self._is_of_common_words(left)

    def _is_of_common_words(self, text: str) -> bool:
        """Two common passwords, one after the other."""
        return any(text[:cut] in self.common and text[cut:] in self.common for cut in range(3, len(text) - 2))


class GuessesValidator:
    """Refuses what too few guesses find: leaked passwords, words and names of several languages' lists that the package
    brings along, with the signs that people put in their place, years, and patterns of the keyboard, put together as
    whoever guesses does. Nobody is asked over a network."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        # what is behind the part that is looked at can only make it harder to guess
        known = [*_names(user), *PRODUCT_WORDS]
        estimate = zxcvbn(password[:LOOKED_AT], user_inputs=known)
        if estimate["guesses"] < FEWEST_GUESSES:
            raise ValidationError(
                "This is found within a few guesses: it is made of leaked passwords, words, names or years. Take four "
                "words that have nothing to do with each other.",
                code="password_guessed_soon",
            )

    def get_help_text(self) -> str:
        return (
            "Not a password, word or name of a list of those that are tried first, nor one with a year or sign added."
        )


class LeakedValidator:
    """Refuses what stands in a file of leaked passwords, where one is named: lines of a SHA-1 in hex, a colon and
    whatever, in the order of the hashes, as the collection of Have I Been Pwned is given out. Nobody is asked over a
    network, and the file may be larger than the memory."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        path = settings.LEAKED_PASSWORDS_FILE
        if path and len(password) <= LONGEST and _is_listed(Path(path), password):
            raise ValidationError(
                "This password is known from a leak elsewhere. Choose one that you use nowhere else.",
                code="password_leaked",
            )

    def get_help_text(self) -> str:
        return "Not one that is known from a leak." if settings.LEAKED_PASSWORDS_FILE else ""


def _is_listed(path: Path, password: str) -> bool:
    """By halving: about forty places of the largest file are read. One that cannot be read is logged and holds nothing,
    because nobody could choose a password otherwise."""
    wanted = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with path.open("rb") as file:
            low, high = 0, file.seek(0, os.SEEK_END)
            while low < high:
                middle = (low + high) // 2
                file.seek(middle)
                if middle:
                    file.readline()  # the rest of a line
                line = file.readline().partition(b":")[0].strip().upper()
                if line == wanted:
                    return True
                if line and line < wanted:
                    low = middle + 1
                else:
                    high = middle
    except OSError as error:
        logger.error("The file of leaked passwords cannot be read: %s", error.strerror)  # noqa: TRY400
        return False
    return False


def _names(user: AbstractBaseUser | None) -> list[str]:
    """The longest first, so that none hides in another."""
    values: list[Any] = [getattr(user, field, "") for field in ("username", "first_name", "last_name", "email")]
    parts = {part for value in values for part in (value or "").casefold().split("@")[0:1] if len(part) > 2}
    parts |= {part for value in values for part in re.split(r"[\s._@-]+", (value or "").casefold()) if len(part) > 2}
    return sorted(parts, key=len, reverse=True)


def _without_runs(text: str) -> str:
    """One sign is left of a run such as 123456 or qwerty, forwards or backwards."""
    for run in (*RUNS, *(run[::-1] for run in RUNS)):
        for length in range(len(run), SHORTEST_RUN - 1, -1):
            for start in range(len(run) - length + 1):
                text = text.replace(run[start : start + length], run[start])
    return text


def _unit(text: str) -> str:
    """What a repetition repeats: `pass` of `passpasspass`; the text itself where nothing repeats."""
    for length in range(1, len(text) // 2 + 1):
        unit = text[:length]
        if (unit * (len(text) // length + 1))[: len(text)] == text:
            return unit
    return text
