"""What a pipeline asks of a server beside runs: files are pushed whole, and nothing is passed off as applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config import git_sources
from config.sources import Source
from dashboard.cli.exits import Exit
from dashboard.models import GitCommit
from tests.program.conftest import Place
from tests.services import workflow

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper
    from pytest_django.live_server_helper import LiveServer

    from dashboard.services.actors import Actor
    from tests.fix_project import Project
    from tests.fix_tokens import Caller

pytestmark = pytest.mark.django_db(transaction=True)

PUSH = ("push", "app", "--commit", "a" * 40, "--author", "Ada")


@pytest.fixture
def at_server(empty_place: Place, live_server: LiveServer, ci: Caller, two_files: Project) -> Place:
    """A place with a server and a token; 001 and 002 are pending there."""
    of_server = {"SIGNALBOX_URL": live_server.url, "SIGNALBOX_TOKEN": ci.text}
    return Place(path=empty_place.path, variables=empty_place.variables | of_server)


def test_what_is_pending_fails_only_where_everything_is_expected(
    at_server: Place, two_files: Project, alice: Actor
) -> None:
    assert at_server("verify", "staging").code == Exit.OK
    expected = at_server("verify", "staging", "--expect", "--json")
    (report,) = expected.json["environments"]
    assert (expected.code, report["agrees"]) == (Exit.ATTENTION, False)
    assert [each["version"] for each in report["disagreements"]] == ["001", "002"]
    workflow.run_on_staging(two_files, alice)
    assert at_server("verify", "staging", "--expect").code == Exit.OK


def test_a_skip_needs_a_reason(at_server: Place, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    skip = "UPDATE platform.schema_migrations SET kind = 'skipped', error_message = {} WHERE version = '002'"
    two_files.query(two_files.staging, skip.format("'not needed here'"))
    assert at_server("verify", "staging", "--expect").code == Exit.OK
    two_files.query(two_files.staging, skip.format("NULL"))
    refused = at_server("verify", "staging", "--expect")
    assert (refused.code, "skipped" in refused.out) == (Exit.ATTENTION, True)
    assert at_server("verify", "staging").code == Exit.OK


def test_a_file_that_nobody_recognises_fails(at_server: Place, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    (two_files.folder / "later.sql").write_text("SELECT 1;")
    refused = at_server("verify", "staging", "--expect")
    assert (refused.code, "later.sql" in refused.out) == (Exit.ATTENTION, True), refused.out


def test_nothing_is_not_passed_off_as_everything(
    at_server: Place, two_files: Project, settings: SettingsWrapper
) -> None:
    for file in two_files.folder.iterdir():
        file.unlink()
    assert at_server("verify", "staging").code == Exit.OK
    refused = at_server("verify", "staging", "--expect")
    assert (refused.code, "no migration in the files" in refused.out) == (Exit.ATTENTION, True), refused
    settings.ENVIRONMENTS = ()
    unseen = at_server("verify", "--expect", "--json")
    assert (unseen.code, unseen.out) == (Exit.USAGE, "")
    assert "no environment" in unseen.err


def test_a_folder_is_pushed_whole_but_for_what_is_hidden(
    at_server: Place, two_files: Project, settings: SettingsWrapper
) -> None:
    settings.SOURCES = (Source(name="app", folder=Path("app"), git=git_sources.PUSHED),)
    settings.ENVIRONMENTS = (replace(two_files.staging, source="app"), two_files.production)
    folder = at_server.path / "db" / "sub"
    folder.mkdir(parents=True)
    (folder.parent / "001_users.sql").write_text("CREATE TABLE users (id int);")
    (folder.parent / ".env").write_text("SECRET=1")
    (folder / ".hidden").write_text("x")
    (folder.parent / "002_link.sql").symlink_to("/etc/passwd")
    done = at_server(*PUSH, "--from", "db")
    assert (done.code, done.out) == (Exit.OK, "app: commit aaaaaaa by Ada is in force, with 1 file\n"), done.err
    assert GitCommit.objects.get().author_name == "Ada"
    (staging,) = at_server("status", "staging", "--json").json["environments"]
    assert [row["version"] for row in staging["migrations"]] == ["001"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("push", "app"), "There is no folder migrations_sql."),
        (("push", "app", "--from", "db"), "say --commit and --author"),
        ((*PUSH, "--from", "latin"), "no text in UTF-8"),
    ],
)
def test_what_cannot_be_pushed_is_said(at_server: Place, arguments: tuple[str, ...], said: str) -> None:
    for name, content in (("db", b"SELECT 1;"), ("latin", "SELECT 'é';".encode("latin-1"))):
        (at_server.path / name).mkdir()
        (at_server.path / name / "001_a.sql").write_bytes(content)
    refused = at_server(*arguments)
    assert (refused.code, said in refused.err, "Nothing was pushed." in refused.err) == (Exit.USAGE, True, True)


def test_there_may_be_nothing_to_ask_for(at_server: Place, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    assert at_server("request", "staging", "--reason", "x").code == Exit.OK
