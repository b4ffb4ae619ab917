"""Every verb that reads a target, where the target cannot be read: a named finding, its exit code, and no traceback.
And no verb calls it a success that nothing was read."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import pytest
from psycopg import conninfo

from dashboard.engine.database import connection
from tests.cli.conftest import Signalbox
from tests.cli.targets import apply
from tests.fix_project import Project, point_at_url

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

VERBS = {
    "status": ("status", "--env", "staging"),
    "status, as JSON": ("status", "--json"),
    "plan": ("plan", "--env", "staging"),
    "plan, with what it sends": ("plan", "--env", "staging", "--sql"),
    "doctor": ("doctor", "--env", "staging"),
    "lint": ("lint", "--env", "staging"),
    "rehearse": ("rehearse", "--env", "staging"),
    "drift": ("drift", "staging"),
}


@contextmanager
def locked(project: Project, settings: SettingsWrapper) -> Iterator[str]:
    with project.databases["staging"].connect() as other, other.transaction():
        other.execute("LOCK TABLE platform.schema_migrations IN ACCESS EXCLUSIVE MODE")
        yield "is locked, or did not answer in time"


@contextmanager
def without_rights(project: Project, settings: SettingsWrapper) -> Iterator[str]:
    project.query(project.staging, "DROP ROLE IF EXISTS nobody_much")
    project.query(project.staging, "CREATE ROLE nobody_much LOGIN PASSWORD 'x'")
    url = conninfo.make_conninfo(project.databases["staging"].url, user="nobody_much", password="x")
    point_at_url(settings, project.staging, _as_url(url))
    try:
        yield "lacks a right"
    finally:
        project.query(project.staging, "DROP ROLE nobody_much")


@contextmanager
def silent(project: Project, settings: SettingsWrapper) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections, and never says a word
        port = server.getsockname()[1]
        point_at_url(settings, project.staging, f"postgresql://app:s3cret@127.0.0.1:{port}/shop")
        yield "cannot be reached"


@contextmanager
def vanished(project: Project, settings: SettingsWrapper) -> Iterator[str]:
    parts = conninfo.conninfo_to_dict(project.databases["staging"].url)
    point_at_url(settings, project.staging, _as_url(conninfo.make_conninfo("", **{**parts, "dbname": "gone_for_good"})))
    yield "refused the session"


type BadTarget = Callable[[Project, SettingsWrapper], AbstractContextManager[str]]
BAD: dict[str, BadTarget] = {
    "locked": locked,
    "without rights": without_rights,
    "silent": silent,
    "vanished": vanished,
}


def _as_url(parts: str) -> str:
    known = conninfo.conninfo_to_dict(parts)
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**known)


#: They ask the server and its catalog, and no table: these targets answer them.
_ANSWERED = {"lint", "drift"}


@pytest.mark.parametrize(
    ("verb", "bad"),
    [(verb, bad) for verb in VERBS for bad in BAD if verb not in _ANSWERED or bad in {"silent", "vanished"}],
)
def test_a_target_that_cannot_be_read_is_named(
    signalbox: Signalbox,
    two_files: Project,
    settings: SettingsWrapper,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    bad: str,
) -> None:
    monkeypatch.setitem(connection.LOOKING, "lock_timeout", "100ms")
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 1)
    apply(two_files, two_files.staging)
    with BAD[bad](two_files, settings) as said:
        answer = signalbox(*VERBS[verb])
    assert (answer.code, "Staging" in answer.said, "Traceback" in answer.said) == (7, True, False)
    assert said in answer.said or "may not write to the tracking tables" in answer.said  # as the doctor puts it
    assert "s3cret" not in answer.said


@pytest.mark.parametrize("verb", ["status", "plan", "lint", "rehearse"])
@pytest.mark.parametrize("folder", ["empty", "of which nothing is read"])
def test_nothing_read_is_no_success(signalbox: Signalbox, project: Project, verb: str, folder: str) -> None:
    if folder != "empty":
        (project.folder / "notes.txt").write_text("Nothing to run.")
    named = () if verb == "lint" else ("--env", "staging")
    answer = signalbox(verb, *named)
    assert (answer.code, "migration" in answer.said) == (8, True)
