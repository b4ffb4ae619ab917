"""No action without its words, and no word that nobody says."""

from __future__ import annotations

from dataclasses import fields

import pytest

from dashboard.engine.plan import Action
from dashboard.engine.run.events import Ending
from dashboard.models import ChangeRequest, Run, RunStep
from dashboard.presenters import actions
from dashboard.presenters.actions import ActionWords
from dashboard.services.recorder import STATUS_OF
from dashboard.services.runs import ENDINGS
from tests.architecture import enums

#: Words that every action has; the others are empty where there is nothing to say.
ALWAYS = ("does", "short", "done", "not_done", "then", "started", "summary", "instead_of_sql")
WORDS = [field.name for field in fields(ActionWords)]


def test_every_action_has_its_row() -> None:
    assert set(actions.WORDS) == set(Action), "add it to presenters/actions.py"


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_verb_for_its_titles(action: Action) -> None:
    assert action.verb
    assert action.preposition in {"to", "on"}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("word", ALWAYS)
def test_every_action_has_the_words_that_every_page_may_say(action: Action, word: str) -> None:
    assert getattr(actions.WORDS[action], word)


@pytest.mark.parametrize("action", Action)
def test_what_is_done_is_said_of_one_and_of_several(action: Action) -> None:
    one, many = actions.WORDS[action].done
    assert (one.split()[0], many.split()[0]) in {("is", "are"), ("has", "have")}


@pytest.mark.parametrize("action", Action)
def test_what_is_certain_is_said_of_everything_that_runs_no_migration(action: Action) -> None:
    """Of the others presenters.plans says what it reads in the scripts."""
    assert bool(actions.WORDS[action].certain) is not action.runs_migrations


@pytest.mark.parametrize("action", [action for action in Action if action.runs_migrations])
def test_what_can_break_off_says_how_it_goes_on(action: Action) -> None:
    words = actions.WORDS[action]
    assert words.continued
    assert words.started_over


@pytest.mark.parametrize("action", Action)
def test_only_what_stands_behind_a_migration_names_it(action: Action) -> None:
    assert actions.WORDS[action].not_done.format(version="009") != actions.WORDS[action].not_done


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_used(word: str) -> None:
    assert any(enums.says(path, word) for path in enums.PRESENTERS.glob("*.py")), f"nobody says {word}"


@pytest.mark.parametrize("model", [ChangeRequest, Run, RunStep])
def test_the_rows_of_every_action_fit(model: type[ChangeRequest | Run | RunStep]) -> None:
    assert max(map(len, Action)) <= (model._meta.get_field("action").max_length or 0)


def test_every_way_a_run_can_end_is_an_audit_event() -> None:
    """Interrupted and resolved have their own: they are no ends that a worker reports."""
    after_running = Run.TRANSITIONS[Run.Status.RUNNING] - {Run.Status.INTERRUPTED}
    assert set(ENDINGS) == after_running


def test_every_ending_of_a_step_is_a_status() -> None:
    assert set(STATUS_OF) == set(Ending)
