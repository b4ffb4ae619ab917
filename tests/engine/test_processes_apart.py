"""What works beside foreign bytes is started with nothing of our environment but what it cannot do without, and nothing
of it is left at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from config import secret_variables
from dashboard.engine import apart, errors, localserver
from dashboard.engine.apart import Program, running
from dashboard.engine.errors import EngineError, RehearsalImpossible, TargetBusy
from dashboard.engine.git import apart as fetching
from dashboard.engine.rehearsal import apart as rehearsing
from tests.architecture.source import ROOT
from tests.waiting import wait_until

PLACES = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
SECRET = (
    *secret_variables.OF_SIGNALBOX,
    *secret_variables.OF_OTHERS,
    *("PGPASSFILE", "PGSERVICEFILE", "PYTHONPATH", "HOME", "AWS_SECRET_ACCESS_KEY", "GIT_ASKPASS", "A_TOKEN"),
)
ECHO = Program(module="tests.engine.echo", patience=5)


class _NotStarted(Exception):
    pass


@pytest.mark.parametrize(
    ("program", "beside"),
    [
        (rehearsing.program(alone=True), {localserver.BIN_DIR_VARIABLE}),
        (fetching._PROGRAM, {"SSL_CERT_FILE", "SSL_CERT_DIR"}),
    ],
    ids=["rehearsal", "fetch"],
)
def test_nothing_else_is_passed_on(program: Program, beside: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PLACES, *beside, *SECRET):
        monkeypatch.setenv(name, f"ours: {name}")
    started: list[Mapping[str, str]] = []

    def popen(*arguments: object, env: Mapping[str, str], **options: Any) -> None:
        started.append(env)
        raise _NotStarted

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(_NotStarted), running(program):
        pass
    kept = {name: f"ours: {name}" for name in PLACES | beside}
    assert started == [kept | {"PYTHONPATH": str(apart.ROOT)}]


def test_there_is_one_way_to_start_such_a_program() -> None:
    """Whatever of the engine starts our own Python does it here, but for what has nothing but the standard library."""
    engine = ROOT / "dashboard" / "engine"
    starts = {str(p.relative_to(engine)) for p in engine.rglob("*.py") if "sys.executable" in p.read_text("utf-8")}
    assert starts == {"apart.py", "localserver/server.py", "localserver/network.py"}


def test_what_it_says_is_heard_line_by_line() -> None:
    with running(ECHO) as child:
        child.send(["a", "b"])
        answers = child.answers()
        assert [next(answers), next(answers)] == [{"said": "a"}, {"said": "b"}]
        child.write({"stop": "me"})
        assert next(answers) == {"stopped": "me"}


def test_it_ends_with_whoever_asked_and_takes_its_group_along() -> None:
    with running(ECHO) as child:
        child.send(["start another"])
        other = int(next(child.answers())["pid"])
        assert _lives(other)
    assert child.process.returncode == 0
    wait_until(lambda: not _lives(other), "the end of what it started")


def test_one_that_does_not_end_is_killed() -> None:
    with running(Program(module="tests.engine.echo", patience=0.2)) as child:
        child.send(["do not listen"])
        assert next(child.answers()) == {"said": "do not listen"}
        began = time.monotonic()
    assert child.process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_its_group_is_killed_while_the_number_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int | None] = []
    kill = os.killpg

    def killpg(group: int, number: int) -> None:
        statuses.append(child.process.returncode)
        kill(group, number)

    monkeypatch.setattr(os, "killpg", killpg)
    with running(ECHO) as child:
        child.send([])
    child.kill()
    assert statuses == [None], "not reaped yet, and never afterwards"
    assert child.process.returncode == 0


@pytest.mark.parametrize("line", ["[" * 200_000, "no JSON"], ids=["too deep", "none"])
def test_what_is_no_json_ends_its_answers(line: str) -> None:
    with running(ECHO) as child:
        child.send([f"raw {line}", "after"])
        assert list(child.answers()) == []


def test_a_line_without_end_is_left() -> None:
    with running(ECHO) as child:
        child.send(["x" * 100])
        short = apart.LONGEST_LINE
        try:
            apart.LONGEST_LINE = 50
            assert list(child.answers()) == []
        finally:
            apart.LONGEST_LINE = short


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_it_is_bounded_closed_and_the_first_to_go() -> None:
    with running(ECHO) as child:
        child.send(["limits"])
        limits = next(child.answers())
    assert limits == {"core": 0, "data": 10**9, "file": 10**8, "oom": "1000", "dumpable": 0}


def test_an_error_comes_back_as_what_it_was() -> None:
    assert isinstance(
        apart.error_in({"class": "RehearsalImpossible", "facts": {"reason": "a"}}, errors, EngineError),
        RehearsalImpossible,
    )
    foreign: list[dict[str, Any]] = [
        {"class": "TargetBusy", "facts": {"nope": 1}},
        {"class": "dataclass", "facts": {}},
        {"class": "RehearsalImpossible", "facts": 7},
        {},
    ]
    assert [apart.error_in(sent, errors, EngineError) for sent in foreign] == [None] * 4
    assert apart.error_in({"class": "RehearsalImpossible", "facts": {"reason": "a"}}, errors, TargetBusy) is None


def _lives(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()[:1] not in ("", "Z")
