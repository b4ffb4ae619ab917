"""What the demo says, and how it is cleared. That it starts is tested in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from dashboard.cli import demo, demo_story
from dashboard.cli.exits import Exit
from dashboard.engine.localserver import LocalServer
from dashboard.engine.localserver.home import locked
from dashboard.models.roles import RANK, Role
from tests.cli.conftest import Signalbox


class Server:
    def url(self, database: str) -> str:
        return f"postgresql://there/{database}"


def welcome(*, is_new: bool) -> str:
    return demo._welcome(cast(LocalServer, cast(Any, Server())), 8000, is_new=is_new)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "demo" / "postgres").mkdir(parents=True)
    (tmp_path / "demo" / "told").touch()
    return tmp_path / "demo"


def test_the_database_of_each_environment_can_be_reached() -> None:
    for name in ("development", "staging", "production"):
        assert f"postgresql://there/{name}" in welcome(is_new=True)


def test_the_story_is_told_only_while_it_holds() -> None:
    assert demo._STORY in welcome(is_new=True)
    assert demo._STORY not in welcome(is_new=False)


def test_whoever_asks_somebody_else_can_approve() -> None:
    approvers = [p.username for p in demo_story.PEOPLE if RANK[p.role] >= RANK[Role.APPROVER]]
    assert len(approvers) > 1
    assert all(f"{p.username} at the signalbox" in welcome(is_new=False) for p in demo_story.PEOPLE)


def test_it_is_cleared_whole(home: Path, signalbox: Signalbox) -> None:
    for _ in range(2):
        assert signalbox("demo", "--reset", "--home", str(home)).code == Exit.OK
        assert not home.exists()


def test_while_it_runs_nothing_is_cleared_and_that_is_said_plainly(home: Path, signalbox: Signalbox) -> None:
    with locked(home / "postgres"):
        answer = signalbox("demo", "--reset", "--home", str(home))
    assert answer.code == Exit.BUSY
    assert "Ctrl-C" in answer.err
    assert "Traceback" not in answer.err
    assert (home / "told").exists()
