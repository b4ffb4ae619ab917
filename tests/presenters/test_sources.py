"""The page of sources: which lamp a source has, what its button says, which commit is the one in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.git_sources import GitDeclaration
from config.sources import Source
from dashboard.engine.git.values import Descent
from dashboard.models import GitCommit, GitSource
from dashboard.models.failures import Failure
from dashboard.models.roles import Role
from dashboard.presenters import sources as presenter
from dashboard.presenters.sources import SourceRow
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.git import CommitFact, GitStanding, KeptCommit, Staleness
from tests.presenters import values

#: Recent for the whole suite, which may run for longer than a fetch may take.
NOON = datetime.now(UTC) + timedelta(days=1)
FOLDER = Source(name="default", folder=Path("/srv/sql"))
GIT = Source(
    name="billing", folder=Path("billing"), git=GitDeclaration(url="https://github.com/acme/app.git", path="db")
)
COMMIT = GitCommit(pk=7, source="billing", sha="a" * 40)
FACT = CommitFact(source="billing", sha="a" * 40, author="Ada", subject="Add users", authored_at=NOON, url="")
FAILURE = Failure(code="git_unreachable", sentence="It cannot be reached.", remedy="Look at it.")
STALE = Staleness(source="billing", since=NOON, failure=FAILURE)


def row(
    source: Source, reading: FolderReading, standing: GitStanding | None = None, role: Role = Role.ADMIN
) -> SourceRow:
    return presenter.row(source, reading, standing, [values.STAGING], by=values.actor(role=role))


def fetched(**changes: object) -> GitStanding:
    return GitStanding(source=GIT, row=GitSource(name="billing", **changes), commit=COMMIT)


READ = FolderReading(folder=values.folder(values.migration("001", "users")), source="billing", commit=FACT)


@pytest.mark.parametrize(
    ("reading", "standing", "pill"),
    [
        pytest.param(READ, fetched(), presenter.READ, id="read"),
        pytest.param(replace(READ, stale=STALE), fetched(), presenter.STALE, id="fetching fails"),
        pytest.param(FolderReading(failure=FAILURE), GitStanding(source=GIT), presenter.NOT_READ, id="never fetched"),
        pytest.param(READ, fetched(asked_at=NOON), presenter.UNDER_WAY, id="asked for"),
        pytest.param(
            READ, fetched(asked_at=NOON, ended_at=NOON - timedelta(seconds=1)), presenter.UNDER_WAY, id="asked again"
        ),
        pytest.param(READ, fetched(begun_at=NOON, ended_at=NOON + timedelta(seconds=1)), presenter.READ, id="ended"),
    ],
)
def test_its_lamp(reading: FolderReading, standing: GitStanding, pill: object):
    made = row(GIT, reading, standing)
    assert made.pill == pill
    values.assert_sound(made)


def test_a_folder_on_disk_has_no_commit_and_no_button():
    made = row(FOLDER, replace(READ, commit=None, source="default"))
    assert (made.commit, made.fetch.show, made.schedule, made.place) == (None, False, "", "/srv/sql")
    gone = row(FOLDER, FolderReading(failure=FAILURE))
    assert (gone.pill, gone.failure, gone.failing_since) == (presenter.GONE, FAILURE, None)


def test_the_button_is_for_requesters_and_for_one_fetch_at_a_time():
    assert not row(GIT, READ, fetched(), Role.REQUESTER).fetch.disabled
    assert row(GIT, READ, fetched(), Role.VIEWER).fetch.disabled
    assert row(GIT, READ, fetched(asked_at=NOON)).fetch.disabled


def test_why_and_since_when_stand_beside_the_last_good_commit():
    made = row(GIT, replace(READ, stale=STALE), fetched())
    assert (made.failure, made.failing_since, made.commit) == (FAILURE, NOON, FACT)


@pytest.mark.parametrize(
    ("every", "secret", "expected"),
    [
        (0, "", "Never by itself"),
        (1, "", "Every minute"),
        (5, "x", "Every 5 minutes, and whenever its webhook is called"),
    ],
)
def test_when_it_is_fetched(every: int, secret: str, expected: str):
    assert GIT.git
    source = replace(GIT, git=replace(GIT.git, every=every, webhook_secret=secret))
    assert row(source, READ, fetched()).schedule == expected


def test_the_commit_in_force_is_marked_and_a_rewritten_branch_is_told():
    kept = [
        KeptCommit(number=number, fact=FACT, fetched_at=NOON, descent=descent)
        for number, descent in ((8, Descent.REPLACED), (7, Descent.ANCESTOR), (6, ""))
    ]
    rows = presenter.commits(fetched(), kept)
    assert [made.pill for made in rows] == [None, presenter.IN_FORCE, None]
    assert [bool(made.note) for made in rows] == [True, False, False]
    values.assert_sound(rows)


def test_what_it_holds_counts_errors():
    assert presenter.contents(values.folder(values.migration("001", "users"))).startswith("1 migration in ")
