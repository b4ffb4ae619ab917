"""docs/security.md names, for each attack that was tried, tests that exist; and it answers each requirement of the
standard once, with tests and places that exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.source import functions_of

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"

_ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+)(?:::(\w+))?`")
_NAMED_TEST = re.compile(r"`((?:\w+/)*test_\w+)(?:::(\w+))?`")
_PLACE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|requirements\.(?:in|txt)|pyproject\.toml)`")
_SETTING = re.compile(r"`(SIGNALBOX_[A-Z_]+)`")

#: Levels 1 and 2 of release 5.0.0, by section.
REQUIREMENTS = """
1.1.1-2 1.2.1-9 1.3.1-11 1.4.1-3 1.5.1-2 2.1.1-3 2.2.1-3 2.3.1-4 2.4.1-1 3.2.1-2 3.3.1-4 3.4.1-6 3.5.1-5 3.7.1-2
4.1.1-3 4.2.1-1 4.3.1-2 4.4.1-4 5.1.1-1 5.2.1-3 5.3.1-2 5.4.1-3 6.1.1-3 6.2.1-12 6.3.1-4 6.4.1-4 6.5.1-5 6.6.1-3
6.8.1-4 7.1.1-3 7.2.1-4 7.3.1-2 7.4.1-5 7.5.1-2 7.6.1-2 8.1.1-2 8.2.1-3 8.3.1-1 8.4.1-1 9.1.1-3 9.2.1-4 10.1.1-2
10.2.1-2 10.3.1-4 10.4.1-11 10.5.1-5 10.6.1-2 10.7.1-3 11.1.1-2 11.2.1-3 11.3.1-3 11.4.1-4 11.5.1-1 11.6.1-1 12.1.1-3
12.2.1-2 12.3.1-4 13.1.1-1 13.2.1-5 13.3.1-2 13.4.1-5 14.1.1-2 14.2.1-4 14.3.1-3 15.1.1-3 15.2.1-3 15.3.1-7 16.1.1-1
16.2.1-5 16.3.1-4 16.4.1-3 16.5.1-3 17.1.1-1 17.2.1-4 17.3.1-2
"""
STATES = {"met": "met", "n/a": "not applicable", "operator": "left to the operator", "open": "open"}


def _parts() -> tuple[str, str]:
    """The attacks, and the standard."""
    text = DOCUMENT.read_text(encoding="utf-8")
    attacks, _, rest = text.partition("## What the standard wants written down")
    return attacks, rest.partition("## OWASP ASVS")[2]


def attacks() -> list[tuple[str, str]]:
    rows = _ROW.findall(_parts()[0])
    return [(attack, tests) for attack, _, tests in rows if attack not in {"attack", "---"}]


def answers() -> dict[str, tuple[str, str]]:
    """State and place by number; a number that is there twice is an error."""
    rows: dict[str, tuple[str, str]] = {}
    for label, state, where in _ROW.findall(_parts()[1]):
        if label in {"requirement", "---"}:
            continue
        for number in _numbers(*label.split(" to ")):
            assert number not in rows, number
            rows[number] = (state, where)
    return rows


def _numbers(first: str, last: str = "") -> list[str]:
    section, _, begin = first.rpartition(".")
    end = (last or first).rpartition(".")[2]
    return [f"{section}.{number}" for number in range(int(begin), int(end) + 1)]


def test_the_page_lists_attacks() -> None:
    assert len(attacks()) > 60


@pytest.mark.parametrize(("attack", "tests"), attacks())
def test_each_attack_is_repeated_by_a_test(attack: str, tests: str) -> None:
    named = _TEST.findall(tests)
    assert named, f"docs/security.md: name the test of {attack!r}"
    for module, name in named:
        assert not name or name in functions_of(module), f"docs/security.md: there is no {module}::{name}"


def test_every_requirement_is_answered_once() -> None:
    ranges = [each.split("-") for each in REQUIREMENTS.split()]
    wanted = [number for first, last in ranges for number in _numbers(first, f"{first.rpartition('.')[0]}.{last}")]
    assert len(wanted) == 253
    assert set(answers()) == set(wanted)


def test_what_is_met_names_where_and_everything_named_exists() -> None:
    settings = (ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8")
    for number, (state, where) in answers().items():
        tests, places = _NAMED_TEST.findall(where), _PLACE.findall(_NAMED_TEST.sub("", where))
        assert state in STATES, number
        assert state != "met" or tests or places or "the section above" in where, f"{number}: where is it met?"
        assert all(not name or name in functions_of(module) for module, name in tests), number
        assert all((ROOT / "tests" / f"{module}.py").exists() for module, _ in tests), number
        assert all((ROOT / place).exists() for place in places), number
        assert all(name in settings for name in _SETTING.findall(where)), number


def test_the_sum_is_right() -> None:
    count = Counter(state for state, _ in answers().values())
    told = ", ".join(f"{count[state]} {words}" for state, words in STATES.items())
    assert f"**{sum(count.values())} requirements: {told}.**" in _parts()[1]
    met = [where for state, where in answers().values() if state == "met"]
    tested = sum(bool(_NAMED_TEST.search(where)) for where in met)
    assert f"Of the met ones {tested} name a test, and {len(met) - tested} only a place" in " ".join(
        _parts()[1].split()
    )
