"""Where a tool would run the files of a folder in another order than Signalbox does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dashboard.engine.migration import Migration, Problem, Severity, version_key

AS_TEXT = "orders versions as text"


def problems(
    migrations: Sequence[Migration],
    tool: str,
    *,
    how: str = AS_TEXT,
    there: Callable[[Migration], Any] = lambda migration: migration.version,
) -> Iterator[Problem]:
    """Signalbox orders versions as numbers, `tool` by what `there` gives of each migration; `how` says that in words.

    Said of the fewest that have to move for both orders to be one.
    """
    keys = [there(migration) for migration in migrations]
    kept = _longest_in_order(keys)
    stay = [migrations[index].version for index in sorted(kept)]
    stay_there = [keys[index] for index in sorted(kept)]
    for index, migration in enumerate(migrations):
        if index in kept:
            continue
        here = bisect_right(stay, version_key(migration.version), key=version_key)
        elsewhere = bisect_right(stay_there, keys[index])
        between = stay[min(here, elsewhere) : max(here, elsewhere)]
        yield _other_order(migration, between, f"{tool} {how}", is_earlier_here=here < elsewhere)


def _longest_in_order(keys: Sequence[Any]) -> set[int]:
    """The places of a longest run of keys that already stand in their own order."""
    ends: list[Any] = []
    places: list[int] = []
    before: list[int | None] = []
    for index, key in enumerate(keys):
        at = bisect_right(ends, key)
        before.append(places[at - 1] if at else None)
        ends[at : at + 1] = [key]
        places[at : at + 1] = [index]
    kept, last = set(), places[-1] if places else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def _other_order(migration: Migration, between: Sequence[str], tool: str, *, is_earlier_here: bool) -> Problem:
    here, there = ("before", "after") if is_earlier_here else ("after", "before")
    others = between[0] if len(between) == 1 else f"{between[0]} to {between[-1]}"
    return Problem(
        code="other_order",
        severity=Severity.WARNING,
        file=migration.up.file,
        sentence=f"{migration.version} runs {here} {others} here, by number; {tool} and runs it {there}.",
        advice="Check that it does not matter which is first. Versions that are equally wide have one order.",
    )
