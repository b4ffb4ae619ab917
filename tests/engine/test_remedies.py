"""Every remedy stands in one page, beside the case that shows it."""

from __future__ import annotations

from pathlib import Path

from dashboard.engine.run import failures
from dashboard.engine.run.failures import Explanation
from tests.engine import remedies, remedies_in_code

TESTS = Path(__file__).parents[1]


def test_the_page_is_what_is_said() -> None:
    written = remedies.PAGE.read_text(encoding="utf-8")
    assert written == remedies.document(), "docs/remedies.md is out of date: python -m tests.engine.remedies"


def test_every_problem_of_a_file_has_a_case() -> None:
    assert {*remedies.FILES} | remedies.WITHOUT_A_CASE == {*remedies.codes()}


def test_every_remedy_in_the_code_is_on_the_page() -> None:
    written = remedies.PAGE.read_text(encoding="utf-8")
    places = [remedy.place.partition("::")[0] for remedy in remedies_in_code.all_of_them()]
    assert {"database/doctor", "database/adoption", "database/guards", "planner/rolling_back"} <= {*places}
    doctor = [remedy for remedy in remedies_in_code.all_of_them() if remedy.place.startswith("database/doctor::")]
    assert [remedy.advised for remedy in doctor if f"> {remedy.advised}\n" not in written] == []


def test_each_test_that_carries_a_remedy_out_is_there_and_so_is_the_remedy() -> None:
    known = remedies_in_code.all_of_them()
    for (place, begins), test in remedies.CARRIED_OUT.items():
        assert [each for each in known if each.place == place and each.advised.startswith(begins)], (place, begins)
        module, _, name = test.partition("::")
        assert f"\ndef {name}(" in (TESTS / f"{module}.py").read_text(encoding="utf-8"), test


CODE = """
HELP = "Turn it off and on."

def _check(name):
    if name:
        finding, remedy = f"{name} is off.", f"Turn {name} on."
        yield Check(finding=finding, remedy=remedy)
    yield Check(finding="It is broken.", remedy=HELP if name else "Buy another one.")

def remedy_of(error):
    return "Wait a while."
"""


def test_a_remedy_is_found_however_the_code_says_it() -> None:
    assert [(each.place, each.said, each.advised) for each in remedies_in_code.in_module(CODE, "m")] == [
        ("m", "", "Turn it off and on."),
        ("m::_check", "{name} is off.", "Turn {name} on."),
        ("m::_check", "It is broken.", "Turn it off and on."),
        ("m::_check", "It is broken.", "Buy another one."),
        ("m::remedy_of", "", "Wait a while."),
    ]


def test_every_refusal_that_is_explained_has_a_case() -> None:
    named = {name for name, value in vars(failures).items() if isinstance(value, Explanation)}
    named = named - {"RUN_BY_HAND"} | {"ALREADY_THERE"}
    assert {*remedies.REFUSALS} == named | {*failures.EXPLANATIONS}
