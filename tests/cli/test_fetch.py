from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from config import git_sources
from dashboard import setup
from dashboard.models import GitCommit
from dashboard.services import fetching
from tests.cli.conftest import Signalbox
from tests.fix_sources import Repository

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from config.sources import Source

pytestmark = pytest.mark.django_db

FILES = {"001_users.sql": "CREATE TABLE users (id int);"}


def test_it_says_where_each_source_is(signalbox: Signalbox, billing: Source, repository: Repository):
    first = repository.push(FILES, "Add users")
    answer = signalbox("fetch", "--json")
    assert answer.code == 0
    (report,) = answer.json["sources"]
    assert (report["source"], report["fetched"], report["commit"], report["before"]) == ("billing", True, first, None)
    assert (report["migrations"], report["format"], report["error"]) == (1, "seed", None)
    assert signalbox("fetch").out.startswith(f"billing: still at {first[:8]} Add users (by Ada)")
    assert GitCommit.objects.count() == 1


def test_a_fetch_that_fails_ends_with_7_and_says_where_it_stays(
    signalbox: Signalbox, billing: Source, repository: Repository
):
    from dashboard.engine.git.errors import GitUnreachable

    repository.refuses = GitUnreachable(repository="github.com", reason="nobody answers")
    answer = signalbox("fetch", "billing")
    assert (answer.code, answer.out) == (7, "billing: nothing was fetched yet\n")
    assert "github.com cannot be reached: nobody answers." in answer.err
    repository.refuses = None
    first = repository.push(FILES)
    signalbox("fetch")
    repository.refuses = GitUnreachable(repository="github.com", reason="nobody answers")
    assert signalbox("fetch").out.startswith(f"billing: stays at {first[:8]}")


def test_a_name_that_is_no_source_in_a_repository_ends_with_2(
    signalbox: Signalbox, billing: Source, settings: SettingsWrapper
):
    assert "No source is called dafault. Fetched from a git repository: billing." in signalbox("fetch", "dafault").err
    settings.SOURCES = ()
    none = "No source is fetched from a git repository; `git` in docs/SETTINGS.md says how one is."
    answer = signalbox("fetch")
    assert (answer.code, answer.err) == (2, f"signalbox: {none}\n")
    answer = signalbox("fetch", "billing")
    assert (answer.code, answer.err) == (2, f"signalbox: No source is called billing. {none}\n")


@pytest.mark.parametrize(
    ("is_pushed", "why"), [(True, "its files are pushed by a CI"), (False, "its files are a folder of this machine")]
)
def test_of_a_source_that_is_not_fetched_it_says_where_its_files_come_from(
    signalbox: Signalbox, billing: Source, settings: SettingsWrapper, is_pushed: bool, why: str
):
    settings.SOURCES = (replace(billing, git=git_sources.PUSHED if is_pushed else None),)
    answer = signalbox("fetch", "billing")
    assert answer.code == 2
    assert f"Nothing is fetched for the source billing: {why}." in answer.err


def test_the_doctor_names_what_is_not_set(signalbox: Signalbox, billing: Source, settings: SettingsWrapper):
    assert billing.git
    settings.SOURCES = (replace(billing, git=replace(billing.git, unset=("BILLING_TOKEN",))),)
    settings.ENVIRONMENTS = ()
    assert [check.id for check in setup.check_declared()] == ["signalbox.E002"]
    answer = signalbox("doctor", "--declared")
    assert answer.code == 7
    assert "The source billing cannot be fetched: the variable BILLING_TOKEN is not set." in answer.err


def test_a_failure_is_printed_once_and_told_to_machines_in_its_words(
    signalbox: Signalbox, billing: Source, repository: Repository, caplog: pytest.LogCaptureFixture
):
    from dashboard.engine.git.errors import GitUnreachable

    repository.refuses = GitUnreachable(repository="github.com", reason="nobody answers")
    answer = signalbox("fetch", "--json")
    (report,) = answer.json["sources"]
    assert (report["error"], report["next"]) == ("git_unreachable", repository.refuses.next_step)
    assert report["sentence"] == str(repository.refuses)
    assert answer.err.count(report["sentence"]) == 1
    assert report["sentence"] not in caplog.text, "the console has the log too"


def test_a_job_has_nobody_to_tell_but_the_log(
    billing: Source, repository: Repository, caplog: pytest.LogCaptureFixture
):
    from dashboard.engine.git.errors import GitUnreachable

    repository.refuses = GitUnreachable(repository="github.com", reason="nobody answers")
    fetching.fetch_if_free("billing")
    assert [record.levelname for record in caplog.records if "nobody answers" in record.getMessage()] == ["WARNING"]
