"""Variables that hold numbers: an empty one is none, and what is no number is refused by name, without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import numbers
from config.errors import Misconfigured

ROOT = Path(__file__).parents[1]
NO_PORTS = ("abc", "0", "-1", "70000", "8000.0", "\N{ARABIC-INDIC DIGIT EIGHT}", "9" * 30)


def started(*command: str, **variables: str) -> tuple[int, str]:
    left = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "DATABASE_URL"))}
    done = subprocess.run(
        [sys.executable, *command], env=left | variables, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_one_is_none(text: str) -> None:
    assert numbers.port({"PORT": text}) == 8000


@pytest.mark.parametrize("text", NO_PORTS)
def test_what_is_no_port_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        numbers.port({"PORT": text})
    assert str(refusal.value) == (
        "PORT should hold a whole number from 1 to 65535, such as 8000; it holds something else."
    )


@pytest.mark.parametrize("port", ["", "abc"])
def test_a_verb_that_listens_nowhere_does_not_ask_for_a_port(port: str) -> None:
    assert started("manage.py", "signalbox", "states", PORT=port) == (0, "")


def test_the_demo_says_that_its_port_is_none() -> None:
    code, said = started("manage.py", "signalbox", "demo", PORT="abc")
    assert (code, said.splitlines()[0][:36]) == (2, "signalbox: PORT should hold a whole ")
    code, said = started("manage.py", "signalbox", "demo", "--port", "70000")
    assert code == 2
    assert "'70000' is no port: say a number from 1 to 65535" in said


@pytest.mark.parametrize("name", ["PORT", "SIGNALBOX_WEB_PROCESSES", "SIGNALBOX_WEB_THREADS"])
def test_the_web_server_starts_with_no_other(name: str) -> None:
    code, said = started("-m", "gunicorn", "--check-config", "-c", "config/gunicorn.py", "config.wsgi", **{name: "abc"})
    assert code == 1
    assert said.startswith(f"Signalbox is not set up right: {name} should hold a whole number ")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["SIGNALBOX_DRIFT_MINUTES", "SIGNALBOX_IDLE_MINUTES", "SIGNALBOX_CODE_TOLERANCE"])
def test_nor_does_anything_with_another_number(name: str) -> None:
    assert started("manage.py", "signalbox", "states", **{name: ""}) == (0, "")
    code, said = started("manage.py", "signalbox", "states", **{name: "abc"})
    assert code == 1
    assert said.startswith(f"Signalbox is not set up right: {name} should hold a whole number of 0 or more")
