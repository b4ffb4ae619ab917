"""A source whose files cannot be read: it is named, and hides no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config import git_sources
from config.sources import Source
from dashboard.cli.exits import Exit
from tests.cli.conftest import Signalbox
from tests.fix_postgres import MakeDatabase
from tests.fix_project import Project

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

ROOT = Path(__file__).parents[2]
PUSHED = Source(name="shop", folder=Path("shop"), git=git_sources.PUSHED)


@pytest.fixture
def gone(tmp_path: Path) -> Source:
    return Source(name="blog", folder=tmp_path / "gone")


def declare(project: Project, settings: SettingsWrapper, source: Source) -> None:
    """Production takes its files from there."""
    settings.SOURCES = (source,)
    settings.ENVIRONMENTS = (project.staging, replace(project.production, source=source.name))


@pytest.mark.django_db
def test_status_shows_the_others(
    signalbox: Signalbox, two_files: Project, settings: SettingsWrapper, gone: Source
) -> None:
    declare(two_files, settings, gone)
    answer = signalbox("status", "--json")
    assert (answer.code, answer.err) == (Exit.USAGE, "")
    staging, production = answer.json["environments"]
    assert (staging["pending"], production["pending"], production["migrations"]) == (2, None, [])
    (blog,) = answer.json["other_sources"]
    assert (blog["source_name"], blog["source_error"]["code"]) == ("blog", "source_missing")
    assert blog["source_error"]["remedy"] == (
        "Create it, or correct `path` of [sources.blog] in the file of environments, and restart web and worker."
    )
    text = signalbox("status").out
    assert f"{gone.folder}: not read\n  There is no migrations folder at {gone.folder}.\n" in text
    assert "  001 users: pending\n" in text
    assert ": not compared, because its files were not read\n" in f"{text}\n"


@pytest.mark.django_db
def test_nor_does_a_source_that_nobody_has_pushed_to_yet(
    signalbox: Signalbox, two_files: Project, settings: SettingsWrapper
) -> None:
    declare(two_files, settings, PUSHED)
    answer = signalbox("status")
    assert (answer.code, answer.err) == (Exit.UNREACHABLE, "")
    assert "  001 users: pending\n" in answer.out
    assert "The source shop is not read yet: no CI has pushed its files yet." in answer.out


@pytest.mark.django_db
def test_a_folder_that_is_named_on_the_command_line_is_advised_on_as_such(signalbox: Signalbox, gone: Source) -> None:
    answer = signalbox("lint", "--source", str(gone.folder))
    assert answer.code == Exit.USAGE
    assert "  Create it, or name the folder that holds your .sql files with --source.\n" in answer.err


FILE = """
[sources.shop]
pushed = true

[environments.blog]
url = "URL_OF_BLOG"

[environments.shop]
url = "URL_OF_SHOP"
source = "shop"
"""


@pytest.mark.parametrize(
    ("is_there", "sentence", "remedy"),
    [
        (True, "The control database has no tables of this version yet.", "Run `manage.py migrate`."),
        (
            False,
            "The control database cannot be asked: ",
            "Check SIGNALBOX_DATABASE_URL, and that this database answers.",
        ),
    ],
)
def test_a_control_database_that_cannot_be_asked_is_told_in_words(
    tmp_path: Path, make_database: MakeDatabase, is_there: bool, sentence: str, remedy: str
) -> None:
    (tmp_path / "environments.toml").write_text(FILE)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "001_users.sql").write_text("CREATE TABLE users (id int);")
    blog, shop, control = make_database(), make_database(), make_database()
    variables = {
        "SIGNALBOX_ENVIRONMENTS": str(tmp_path / "environments.toml"),
        "SIGNALBOX_SOURCE": str(tmp_path / "migrations"),
        "SIGNALBOX_DATABASE_URL": control.url if is_there else "postgresql://nobody:s3cret@127.0.0.1:1/gone",
        "URL_OF_BLOG": blog.url,
        "URL_OF_SHOP": shop.url,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "signalbox", "status", "--json"],
        env=os.environ | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (Exit.UNREACHABLE, "")
    report = json.loads(done.stdout)
    assert [each["pending"] for each in report["environments"]] == [1, None]
    (unread,) = report["other_sources"]
    assert sentence in unread["source_error"]["sentence"]
    assert unread["source_error"]["remedy"] == remedy
    assert "LINE 1" not in done.stdout
