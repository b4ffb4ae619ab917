"""A state as people see it: words, a tone and an icon. Colour never stands alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pill:
    label: str
    tone: str  # ok, info, wait, run, warn, danger or muted
    icon: str  # a name of templates/_components/icon.html
