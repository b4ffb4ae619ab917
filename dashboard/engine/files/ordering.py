"""Where a tool would run the files of a folder in another order than Signalbox does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from dashboard.engine.migration import Migration, Problem, Severity, version_key


def problems(migrations: Sequence[Migration], tool: str) -> Iterator[Problem]:
    """`tool` orders versions as text, Signalbox as numbers: they part where the numbers are not equally wide.

    Said of the fewest that have to move for both orders to be one.
    """
    versions = [migration.version for migration in migrations]
    kept = _longest_in_order(versions)
    stay = [versions[index] for index in sorted(kept)]
    for index, migration in enumerate(migrations):
        if index in kept:
            continue
        here, there = (
            bisect_right(stay, version_key(versions[index]), key=version_key),
            bisect_right(stay, versions[index]),
        )
        between = stay[min(here, there) : max(here, there)]
        yield _other_order(migration.up.file, versions[index], between, tool, is_earlier_here=here < there)


def _longest_in_order(versions: Sequence[str]) -> set[int]:
    """The places of a longest run of versions that already stand in the order of texts."""
    ends: list[str] = []
    places: list[int] = []
    before: list[int | None] = []
    for index, version in enumerate(versions):
        at = bisect_right(ends, version)
        before.append(places[at - 1] if at else None)
        ends[at : at + 1] = [version]
        places[at : at + 1] = [index]
    kept, last = set(), places[-1] if places else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def _other_order(file: str, version: str, between: Sequence[str], tool: str, *, is_earlier_here: bool) -> Problem:
    here, there = ("before", "after") if is_earlier_here else ("after", "before")
    others = between[0] if len(between) == 1 else f"{between[0]} to {between[-1]}"
    return Problem(
        code="other_order",
        severity=Severity.WARNING,
        file=file,
        sentence=f"{version} runs {here} {others} here, by number; {tool} orders versions as text and runs it {there}.",
        advice="Check that it does not matter which is first. Versions that are equally wide have one order.",
    )
