"""Quantities in words."""

from __future__ import annotations

DAY = 24


def hours(count: int) -> str:
    """ "6 hours", "36 hours", "3 days": in days where they are whole and more than one."""
    if count > DAY and count % DAY == 0:
        return f"{count // DAY} days"
    return f"{count} hour{'' if count == 1 else 's'}"


def limit(milliseconds: int) -> str:
    """ "for at most 3 s"; 0 means that nothing limits it."""
    return f"for at most {milliseconds / 1000:g} s" if milliseconds else "without a limit"


def minutes(count: int) -> str:
    return f"{count} minute{'' if count == 1 else 's'}"
