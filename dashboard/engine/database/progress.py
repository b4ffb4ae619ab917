"""How far a statement is that PostgreSQL reports the progress of, in a sentence."""

from __future__ import annotations


def sentence(phase: str, *counts: int) -> str:
    """`counts`: done and total of sessions waited for, of blocks, of rows. "Building index: scanning table, 34 %." """
    waited, sessions, *parts = counts
    return f"{phase[:1].upper()}{phase[1:]}{_of_sessions(waited, sessions) or _share(*parts)}."


def _of_sessions(waited: int, sessions: int) -> str:
    return f", {waited} of {sessions} waited for" if sessions else ""


def _share(*parts: int) -> str:
    """How much of its blocks the phase has done, or of its rows once it has no blocks to count."""
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return next((f", {min(100, 100 * done // total)} %" for done, total in pairs if total and done <= total), "")
