"""What each step of the first-run guide says of what is there and of what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User

from config import git_sources
from config.environments import Environment
from config.git_sources import GitDeclaration
from config.sources import Source
from dashboard.engine.database.doctor import CheckLevel
from dashboard.models.failures import Failure
from dashboard.presenters import guide as presenter
from dashboard.presenters import people
from dashboard.presenters.guide import GuideStep
from dashboard.selectors.first_run import FirstRun, SourceState
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.git import CommitFact, Staleness
from dashboard.selectors.workers import WorkerState
from dashboard.services.independence import PossibleApprover
from tests.presenters import values

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

PRODUCTION = Environment(
    slug="production", name="Production", variable="DATABASE_URL", url="postgresql://u@h/d", position=0, protected=True
)
STAGING = replace(PRODUCTION, slug="staging", name="Staging", variable="STAGING_URL", protected=False)


def source(**reading: object) -> SourceState:
    return SourceState(
        source=Source(name="default", folder=Path("/srv/sql")),
        reading=FolderReading(**reading),
        environments=(PRODUCTION,),
    )


def step(anchor: str, **changes: object) -> GuideStep:
    given = {
        "control": "db:5432/signalbox as app",
        "unapplied": 0,
        "shared_with": (),
        "administrators": ("bob",),
        "environments": (PRODUCTION,),
        "sources": (source(folder=values.folder(values.migration())),),
        "deciders": (),
        "invited": (),
        "worker": WorkerState(alive=True, seen_at=values.MOMENT),
        "rehearsed_at": None,
        "usable": True,
    }
    names = changes.pop("able", ("bob", "carol"))
    able = [PossibleApprover(person=User(username=name), barred_until=None) for name in names]
    steps = presenter.page(FirstRun(**{**given, **changes}), able).steps
    return next(each for each in steps if each.anchor == anchor)


def said(shown: GuideStep) -> str:
    return " ".join(shown.sentences)


def test_who_cannot_approve_yet_is_named_with_the_moment() -> None:
    bob, carol = User(username="bob"), User(username="carol")
    able = [PossibleApprover(person=bob, barred_until=values.MOMENT), PossibleApprover(person=carol, barred_until=None)]
    assert people.named(able) == f"bob (from {values.MOMENT:%Y-%m-%d %H:%M} UTC), carol"


def test_an_error_in_a_rollback_keeps_no_file_from_running() -> None:
    """It stands in one of the files, and the migration is applied everywhere."""
    problem = values.problem(file="001_rollback.sql")
    shown = step("source-default", sources=(source(folder=values.folder(values.migration(), problems=(problem,))),))
    assert "Errors were found in 1 of its files." in said(shown)
    assert "cannot run" not in said(shown)


@pytest.mark.parametrize("anchor", ["control", "administrator", "source-default", "second-person", "worker"])
def test_what_is_there_says_so(anchor: str) -> None:
    assert step(anchor).pill == presenter.READY


def test_targets_are_not_green_before_they_were_asked() -> None:
    assert step("targets").pill == presenter.ASKED


@pytest.mark.parametrize(
    ("anchor", "changes", "pill", "words"),
    [
        ("control", {"unapplied": 3}, presenter.WRONG, "3 Django migrations"),
        ("control", {"shared_with": (PRODUCTION,)}, presenter.LOOK, "It is the database of Production, too."),
        ("targets", {"environments": (replace(STAGING, url=""),)}, presenter.MISSING, "None is set"),
        ("targets", {"environments": (STAGING, replace(PRODUCTION, url=""))}, presenter.LOOK, "optional = true"),
        ("source-default", {"sources": (source(folder=values.folder()),)}, presenter.MISSING, "holds no migration"),
        (
            "source-default",
            {"sources": (source(failure=Failure(code="x", sentence="It is gone.")),)},
            presenter.WRONG,
            "It is gone.",
        ),
        ("second-person", {"able": ("bob",), "invited": ("carol",)}, presenter.MISSING, "not here yet: carol."),
        ("second-person", {"environments": (replace(PRODUCTION, approvals=2),)}, presenter.MISSING, "3 people"),
        ("worker", {"worker": WorkerState(alive=False, seen_at=None)}, presenter.MISSING, "Start one"),
    ],
)
def test_what_is_missing_says_what_to_do(anchor: str, changes: dict[str, object], pill: object, words: str) -> None:
    shown = step(anchor, **changes)
    assert shown.pill == pill
    assert words in said(shown)


def test_an_optional_environment_may_have_no_database() -> None:
    shown = step("targets", environments=(PRODUCTION, replace(STAGING, url="", optional=True)))
    assert shown.pill == presenter.ASKED
    assert [(target.badge.slug, bool(target.url)) for target in shown.targets] == [
        ("production", True),
        ("staging", False),
    ]
    assert "It is optional." in shown.targets[1].sentence


def test_without_a_protected_environment_nobody_else_is_needed() -> None:
    assert step("second-person", environments=(STAGING,), able=("bob",)).pill == presenter.READY


def test_statements_are_said_once_and_what_is_fine_is_left_out() -> None:
    lacking = values.check(CheckLevel.REFUSED, grants=("GRANT a;",))
    again = values.check(CheckLevel.WARNING, grants=("GRANT a;", "GRANT b;"))
    verdict = presenter.verdict([lacking, again, values.check()], PRODUCTION)
    assert (verdict.tone, len(verdict.checks), verdict.grants) == ("danger", 2, ("GRANT a;", "GRANT b;"))


@pytest.mark.parametrize(
    ("level", "tone"), [(CheckLevel.FINE, "ok"), (CheckLevel.WARNING, "warn"), (CheckLevel.REFUSED, "danger")]
)
def test_the_verdict_on_rehearsals_is_that_on_their_server(level: CheckLevel, tone: str) -> None:
    verdict = presenter.verdict_on_rehearsals([values.check(level, finding="it is there."), values.check()])
    assert (verdict.tone, verdict.sentence) == (tone, "It is there.")


# A source in a repository

GIT = GitDeclaration(url="https://github.com/acme/app.git", branch="main", path="db")
COMMIT = CommitFact(
    source="billing", sha="a" * 40, author="Ada", subject="Add users", authored_at=values.MOMENT, url=""
)
STALE = Staleness(
    source="billing", since=values.MOMENT, failure=Failure(code="x", sentence="It is down.", remedy="Wait.")
)


@pytest.mark.parametrize(
    ("reading", "pill", "words"),
    [
        ({"failure": Failure(code="source_not_read", sentence="It is not read yet.")}, presenter.WRONG, "not read yet"),
        ({"folder": values.folder(), "commit": COMMIT}, presenter.MISSING, "holds no migration"),
        ({"folder": values.folder(values.migration()), "commit": COMMIT}, presenter.READY, "“Add users” by Ada"),
        (
            {"folder": values.folder(values.migration()), "commit": COMMIT, "stale": STALE},
            presenter.LOOK,
            "It is down. Wait.",
        ),
    ],
)
def test_a_source_in_a_repository(reading: dict[str, object], pill: object, words: str) -> None:
    state = SourceState(
        source=Source(name="billing", folder=Path("billing/db"), git=GIT),
        reading=FolderReading(**reading),  # type: ignore[arg-type]
        environments=(PRODUCTION,),
    )
    shown = step("source-billing", sources=(state,))
    assert shown.pill == pill
    assert words in said(shown)
    assert "the branch main of https://github.com/acme/app.git, folder db" in said(shown)
    assert [button.url for button in shown.buttons][-2:] == ["/sources/billing/fetch/", "/sources/billing/"]
    assert all(not command.startswith("billing@") for command in shown.commands)
    values.assert_sound(shown)


def test_a_source_that_a_ci_pushes_has_nothing_to_fetch():
    pushed = SourceState(
        source=Source(name="shop", folder=Path("shop"), git=git_sources.PUSHED),
        reading=FolderReading(folder=values.folder()),
        environments=(PRODUCTION,),
    )
    shown = step("source-shop", sources=(pushed,))
    assert [button.label for button in shown.buttons] == ["Its page"]
    assert "A CI pushes its files here; nothing is fetched." in shown.sentences
    assert "default branch" not in " ".join(shown.sentences)


def test_the_file_of_environments_is_named_where_it_is(settings: SettingsWrapper):
    assert "Each environment of config/environments.toml names" in said(step("targets"))
    settings.ENVIRONMENTS_FILE = Path("/etc/signalbox/environments.toml")
    assert "Each environment of /etc/signalbox/environments.toml names" in said(step("targets"))
    empty = source(folder=values.folder())
    assert "declare a source in /etc/signalbox/environments.toml: " in said(step("source-default", sources=(empty,)))
