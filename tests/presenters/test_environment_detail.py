"""The page of one environment: what runs next, what stops it, and what each row allows to whom."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.migration import Folder, Kind, Severity
from dashboard.engine.status import State, compute
from dashboard.models import Run
from dashboard.models.roles import Role
from dashboard.presenters import environment_detail as presenter
from dashboard.presenters import statuses
from dashboard.selectors.environments import Standing
from tests.presenters import values
from tests.presenters.conftest import LintSays

pytestmark = pytest.mark.django_db  # whether what Apply would do was rehearsed


@pytest.fixture(autouse=True)
def _no_lint(lint_says: LintSays) -> None:
    lint_says()


def page(standing: Standing, folder: Folder | None = None, role: Role | None = Role.ADMIN, **known: Any) -> Any:
    found = {"runs": {}, "failures": {}, **known}
    made = presenter.page(standing, folder, by=values.actor(role=role), **found)
    values.assert_sound(made)
    return made


def seen(folder: Folder, *rows: Any, where: Any = values.STAGING, **changes: Any) -> Standing:
    """An environment whose states are those that this folder and this history have."""
    past = values.history(*rows, **changes.pop("past", {}))
    return values.standing(
        *compute(folder, past), where=where, **{"look": values.look(past, **changes.pop("looked", {})), **changes}
    )


FIRST, SECOND = values.migration("001", "users"), values.migration("002", "plans")
BOTH = values.folder(FIRST, SECOND)


# Apply


@pytest.mark.parametrize(("folder", "words"), [(values.folder(FIRST), "1 migration"), (BOTH, "2 migrations")])
def test_apply_counts_what_it_would_run(folder: Folder, words: str):
    button = page(seen(folder), folder).apply
    assert values.says(button.label, words)
    assert values.page_of(button.url) == ("apply", {"slug": "staging"})
    assert (button.tone, button.show, button.reason) == ("primary", True, "")


def test_a_protected_environment_is_asked_for_approval():
    free, asked = (page(seen(BOTH, where=e), BOTH).apply.label for e in (values.STAGING, values.PRODUCTION))
    assert "approval" in asked
    assert "approval" not in free


def test_where_nothing_is_pending_there_is_nothing_to_apply():
    folder = values.folder(FIRST)
    made = page(seen(folder, values.applied()), folder)
    assert not made.apply.show
    assert not made.rehearse.show
    assert made.waiting == ()


@pytest.mark.parametrize(
    ("role", "may"), [(None, False), (Role.VIEWER, False), (Role.REQUESTER, True), (Role.ADMIN, True)], ids=str
)
def test_who_may_not_apply_is_told_why_and_sees_no_rehearsal_and_no_test(role: Role | None, may: bool):
    made = page(seen(BOTH), BOTH, role)
    assert made.apply.disabled is not may
    assert may or Role.REQUESTER.value in made.apply.reason
    assert (made.rehearse.show, made.test.show) == (may, may)


def test_a_run_under_way_is_in_the_way_of_applying_and_not_of_rehearsing():
    made = page(seen(BOTH, last_run=values.run(Run.Status.RUNNING, pk=4711)), BOTH)
    assert values.says(made.apply.reason, "4711")
    assert made.rehearse.show
    assert not made.rehearse.disabled


def test_what_broke_off_is_in_the_way():
    made = page(seen(BOTH, past={"unfinished": (values.unfinished(),)}), BOTH)
    assert made.apply.disabled


def test_another_database_is_in_the_way_and_an_administrator_can_compare_the_two():
    standing = seen(BOTH, looked={"failure": values.OTHER_DATABASE})
    admin, other = page(standing, BOTH), page(standing, BOTH, Role.APPROVER)
    assert admin.apply.disabled
    assert values.page_of(admin.rebind.url) == ("rebind", {"slug": "staging"})
    assert (admin.rebind.show, admin.rebind.disabled) == (True, False)
    assert (other.rebind.show, other.rebind.disabled) == (True, True)
    assert not page(seen(BOTH), BOTH).rebind.show


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
    assert [file.name for file in entry.files] == ["a", "b"]
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


# What is wrong with what has run


def tones(*items: Any, **changes: Any) -> list[str]:
    return values.tones(page(values.standing(*items, **changes)).notices)


def test_a_real_edit_alarms_and_comments_and_drift_warn():
    assert tones(values.status(state=State.MODIFIED)) == ["danger"]
    assert tones(values.status(state=State.ANNOTATED)) == ["warn"]
    assert tones(values.status(state=State.MISSING)) == ["warn"]
    assert tones(drift=values.drift(values.DRIFTED, differing=1)) == ["warn"]


def test_drift_comes_first_then_edits_then_files_that_are_gone_then_comments():
    made = page(
        values.standing(
            values.status("001", state=State.ANNOTATED),
            values.status("002", state=State.MISSING),
            values.status("003", state=State.MODIFIED),
            drift=values.drift(values.DRIFTED, differing=1),
        )
    )
    assert [values.page_of(notice.url)[0] if notice.url else "" for notice in made.notices] == [
        "drift",
        "edits",
        "",
        "edits",
    ]
    assert all(bool(notice.url) == bool(notice.url_label) for notice in made.notices)


@pytest.mark.parametrize(("count", "sentences"), [(1, 1), (3, 3), (4, 1)])
def test_an_empty_folder_is_not_told_file_by_file(count: int, sentences: int):
    assert len(tones(*(values.status(f"{n:03}", state=State.MISSING) for n in range(count)))) == sentences


def test_edited_comments_are_told_once():
    assert len(tones(*(values.status(f"{n:03}", state=State.ANNOTATED) for n in range(3)))) == 1


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


# History


def rolls_back(*rows: Any, role: Role = Role.REQUESTER, **changes: Any) -> list[tuple[str, bool, bool]]:
    """Of each row from the newest: whether it can be rolled back to before it, and whether that is disabled."""
    made = page(seen(values.folder(), *rows, **changes), values.folder(), role)
    return [(row.version, row.roll_back.show, row.roll_back.disabled) for row in made.history]


def at(version: str, day: int, **changes: Any) -> Any:
    return values.applied(version, "x", applied_at=values.MOMENT.replace(day=day), **{"has_rollback": True, **changes})


def test_the_newest_row_comes_first_and_each_can_be_rolled_back():
    assert rolls_back(at("001", 1), at("002", 2)) == [("002", True, False), ("001", True, False)]


def test_the_first_without_a_script_ends_what_can_be_had():
    assert rolls_back(at("001", 1), at("002", 2, has_rollback=False), at("003", 3)) == [
        ("003", True, False),
        ("002", True, True),
        ("001", False, False),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"role": Role.VIEWER}, id="a viewer"),
        pytest.param({"past": {"unfinished": (values.unfinished("009", "y"),)}}, id="something broke off"),
    ],
)
def test_otherwise_nothing_can_be_rolled_back(changes: dict[str, Any]):
    assert [shown for _, shown, _ in rolls_back(at("001", 1), at("002", 2), **changes)] == [False, False]


def test_a_skip_and_a_failed_attempt_cannot_be_rolled_back_and_end_nothing():
    rows = (at("001", 1), at("002", 2, kind=Kind.SKIPPED, has_rollback=False), at("003", 3, success=False))
    assert [shown for _, shown, _ in rolls_back(*rows)] == [False, False, True]


def test_a_run_of_ours_is_linked_and_another_is_only_named():
    ours, other = at("002", 2, run_id="9"), at("001", 1, run_id="elsewhere")
    made = page(seen(values.folder(), other, ours), values.folder(), runs={"9": values.run(pk=9)})
    assert [(row.run_id, bool(row.run_url)) for row in made.history] == [("9", True), ("elsewhere", False)]


@pytest.mark.parametrize(
    ("state", "icon"),
    [
        (State.APPLIED, "ok"),
        (State.ANNOTATED, "ok"),
        (State.MODIFIED, "attention"),
        (State.MISSING, "missing"),
        (State.SKIPPED, ""),
    ],
)
def test_the_checksum_says_how_the_file_compares(state: State, icon: str):
    (row,) = page(values.standing(values.status(state=state))).history
    assert row.checksum[0] == icon
    assert row.pill == statuses.MIGRATION[state]


@pytest.mark.parametrize("checksum", ["manual", ""])
def test_a_checksum_nobody_recorded_is_never_called_the_same(checksum: str):
    item = values.status(state=State.APPLIED, applied=values.applied(checksum=checksum))
    (row,) = page(values.standing(item)).history
    assert row.checksum[0] == "unknown"


# Facts


def test_facts_name_the_database_and_never_the_secret():
    told = [str(value) for _, value in page(values.standing()).facts]
    assert any("db.example" in value for value in told)
    assert not any("s3cret" in value for value in told)


def test_a_protected_environment_says_what_an_approval_needs():
    free, protected = (page(values.standing(where=e)).facts for e in (values.STAGING, values.PRODUCTION))
    assert len(protected) > len(free)


def test_a_history_that_does_not_exist_is_told_from_one_that_is_empty():
    from dashboard.engine.migration import History

    assert page(values.standing(look=values.look(values.history()))).history_exists
    assert not page(values.standing(look=values.look(History(exists=False)))).history_exists
    assert not page(values.standing(look=None, known=False)).history_exists
