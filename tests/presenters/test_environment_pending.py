"""What has not run in an environment: what runs next, what waits, and what went wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.engine.migration import Kind, LoggedSuccess, Severity
from dashboard.engine.status import State
from dashboard.models import Run
from dashboard.models.roles import Role
from dashboard.presenters import statuses
from tests.presenters import values
from tests.presenters.environment_pages import FIRST, SECOND, page, seen

# What waits


def test_what_runs_next_is_told_from_what_comes_after_a_broken_file():
    broken = values.migration("002", "plans", problems=[values.problem(file="002_plans.sql")])
    folder = values.folder(FIRST, broken, values.migration("003", "teams"))
    made = page(seen(folder), folder)
    assert [(entry.version, entry.runs_next) for entry in made.waiting] == [
        ("001", True),
        ("002", False),
        ("003", False),
    ]
    assert made.waiting[1].pill == statuses.BLOCKED
    assert "002" in made.stops


def test_files_of_one_number_wait_together_until_somebody_decides():
    duplicate = values.problem(code="duplicate_version")
    folder = values.folder(
        values.migration("006", "a", problems=[duplicate]), values.migration("006", "b", problems=[duplicate])
    )
    (entry,) = page(seen(folder), folder).waiting
    assert [file.identity.name for file in entry.files] == ["a", "b"]
    assert values.looks(entry.pill) == ("warn", "conflict")
    assert values.says(entry.sentence, "2 files")
    assert values.page_of(entry.decide.url) == ("skip", {"slug": "staging", "version": "006"})


@pytest.mark.parametrize(("role", "shown"), [(Role.ADMIN, True), (Role.APPROVER, False)], ids=["admin", "approver"])
def test_only_an_administrator_may_skip_and_take_a_skip_back(role: Role, shown: bool):
    folder = values.folder(FIRST, SECOND)
    made = page(seen(folder, values.applied(kind=Kind.SKIPPED)), folder, role)
    assert made.waiting[0].decide.show is shown
    assert made.history[0].take_back.show is shown


def test_the_errors_of_a_file_come_before_its_warnings_and_notes_stay_away():
    file = "001_users.sql"
    problems = [values.problem(severity, file) for severity in (Severity.NOTE, Severity.WARNING, Severity.ERROR)]
    folder = values.folder(values.migration(problems=problems))
    (entry,) = page(seen(folder), folder).waiting
    assert [problem.severity for problem in entry.files[0].problems] == [Severity.ERROR, Severity.WARNING]


# What went wrong


def test_what_freezes_the_environment_comes_before_what_merely_failed():
    standing = values.standing(
        values.status("002", "plans", State.FAILED), look=values.look(values.history(unfinished=(values.unfinished(),)))
    )
    frozen, failed = page(standing).mishaps
    assert (frozen.state_tone, failed.state_tone) == ("danger", "ok")
    assert values.page_of(frozen.actions[0].url)[0] == "settle"
    assert "001_users" in frozen.title
    assert "002_plans" in failed.title


def test_the_run_that_failed_tells_why_and_is_linked():
    run = values.run(Run.Status.FAILED, pk=9, failure={"sentence": "Division by zero.", "server": {"line": 4}})
    (failed,) = page(values.standing(values.status(state=State.FAILED)), failures={"001_users": run}).mishaps
    assert failed.happened == "Division by zero."
    assert failed.url.endswith("#L4")
    assert [values.page_of(button.url) for button in failed.actions] == [("run", {"pk": 9})]


def test_of_what_another_tool_recorded_as_failed_nobody_knows_what_it_left():
    theirs = values.applied(success=False, run_id=None, error_message="Broke off.")
    (failed,) = page(values.standing(values.status(state=State.FAILED, applied=theirs))).mishaps
    assert (failed.state_tone, failed.happened) == ("warn", "Broke off.")
    assert values.says(failed.state_now, "Another tool")
    assert failed.actions == (), "there is no run of ours to look at"


def test_a_failure_of_which_nothing_was_kept_says_so_and_still_leads_to_the_file():
    (failed,) = page(values.standing(values.status(state=State.FAILED))).mishaps
    assert values.says(failed.happened, "not kept")
    assert (failed.excerpt, {fact for _, fact in failed.facts}) == ("", {None})
    assert values.page_of(failed.url) == ("migration", {"version": "001", "name": "users"})


def test_the_file_of_a_failure_is_that_of_its_source():
    where = replace(values.STAGING, source="billing")
    (failed,) = page(values.standing(values.status(state=State.FAILED), where=where)).mishaps
    assert "source=billing" in failed.url


def test_what_broke_off_leads_to_its_run_after_the_page_that_settles_it():
    run = values.run(Run.Status.FAILED, pk=9, failure={"sentence": "The server went away."})
    standing = values.standing(look=values.look(values.history(unfinished=(values.unfinished(),))))
    (frozen,) = page(standing, failures={"001_users": run}).mishaps
    assert [values.page_of(button.url)[0] for button in frozen.actions] == ["settle", "run"]
    assert frozen.happened == "The server went away."
    assert values.says(frozen.state_now, "Nothing else runs")


# Its record, and what lint says


@pytest.mark.parametrize(("role", "shown"), [(Role.ADMIN, True), (Role.REQUESTER, False)], ids=str)
def test_only_an_administrator_restores_a_record_that_the_log_has(role: Role, shown: bool):
    folder = values.folder(FIRST)
    made = page(
        seen(folder, past={"contradicted": (LoggedSuccess(version="001", name="users", at=values.MOMENT),)}),
        folder,
        role,
    )
    (entry,) = made.waiting
    assert entry.restore.show is shown
    assert values.page_of(entry.restore.url.partition("?")[0])[0] == "restore-records"
    assert "version=001&name=users" in entry.restore.url


def test_a_pending_file_says_nothing_twice_and_carries_its_lint():
    folder = values.folder(FIRST)
    (entry,) = page(seen(folder), folder, lint={FIRST.identity: (statuses.BLOCKED,)}).waiting
    assert (entry.sentence, entry.lint) == ("", (statuses.BLOCKED,))
    assert not entry.restore.show, "the log knows nothing of it"
    assert entry.files[0].file == FIRST.up.file


def test_where_nothing_stops_the_plan_nothing_is_said_of_it():
    folder = values.folder(FIRST, SECOND)
    assert page(seen(folder), folder).stops == ""
