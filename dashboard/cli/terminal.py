"""What a terminal gets and a file does not: colour, a line that moves, a question."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

_COLOURS = {"ok": "32", "info": "36", "warn": "33", "danger": "31", "wait": "35", "run": "36", "muted": "2"}


def is_coloured(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, tone: str) -> str:
    """For stdout, by the tone that the pages give it."""
    return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if is_coloured(sys.stdout) else text


def move(text: str) -> None:
    """A line on stderr that the next one replaces; nothing where stderr is no terminal that moves."""
    if is_moving():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


def is_moving() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def can_ask() -> bool:
    return sys.stdin.isatty()


def ask(question: str) -> str:
    """On stderr, or on the terminal that answers where stderr goes elsewhere."""
    if sys.stderr.isatty():
        print(question, end=" ", file=sys.stderr, flush=True)
    else:
        with Path(os.ttyname(sys.stdin.fileno())).open("w", encoding="utf-8") as answering:
            print(question, end=" ", file=answering, flush=True)
    return sys.stdin.readline().strip()
