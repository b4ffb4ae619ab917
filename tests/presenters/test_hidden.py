"""What nobody sees, or what reorders what is seen, is shown as its code point; what is ordinary is left alone."""

from __future__ import annotations

import pytest

from dashboard.presenters import hidden


@pytest.mark.parametrize("character", list("\0\x07\x1b\x7f\u00ad\u200b\u200d\u202e\u2066\u2028\u3164\ufeff\U000e0041"))
def test_what_is_hidden_is_shown(character: str) -> None:
    assert hidden.shown(f"a{character}b") == f"a[U+{ord(character):04X}]b"


@pytest.mark.parametrize("text", ["a\tb\nc\r\nd", "für 日本 🚂", "naïve – “x”", "⚠\ufe0f"])
def test_what_is_ordinary_is_left_alone(text: str) -> None:
    assert hidden.shown(text) == text


def test_a_return_that_stands_alone_is_shown() -> None:
    assert hidden.shown("applied\rFAILED") == "applied[U+000D]FAILED"
