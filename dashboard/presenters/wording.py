"""Quantities in words, and why a rollback reaches no further."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.engine.plan import RollbackReach

DAY = 24


def hours(count: int) -> str:
    """ "6 hours", "36 hours", "3 days": in days where they are whole and more than one."""
    if count > DAY and count % DAY == 0:
        return f"{count // DAY} days"
    return f"{count} hour{'' if count == 1 else 's'}"


def all_of(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def limit(milliseconds: int) -> str:
    """ "for at most 3 s"; 0 means that nothing limits it."""
    return f"for at most {milliseconds / 1000:g} s" if milliseconds else "without a limit"


def minutes(count: int) -> str:
    return f"{count} minute{'' if count == 1 else 's'}"


def why_reach_ends(reach: RollbackReach) -> str:
    """Why nobody can roll back to before `reach.end`."""
    if reach.gone:
        return f"The record of {reach.gone.label}, applied later, is gone. An administrator restores it first."
    return "No rollback was captured, so neither this nor anything before it can be rolled back."
