"""The page of one environment: what Apply would do, what is wrong there, and what is allowed to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboard.engine.migration import Folder, OtherHistory
from dashboard.engine.status import State
from dashboard.models import Run
from dashboard.models.roles import Role
from dashboard.presenters import environment_detail
from tests.presenters import values
from tests.presenters.environment_pages import BOTH, FIRST, page, seen

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


# Facts


def test_facts_name_the_database_and_never_the_secret():
    facts = [str(value) for _, value in page(values.standing()).facts]
    assert any("db.example" in value for value in facts)
    assert not any("s3cret" in value for value in facts)


def test_a_protected_environment_says_what_an_approval_needs():
    free, protected = (page(values.standing(where=e)).facts for e in (values.STAGING, values.PRODUCTION))
    assert len(protected) > len(free)


def test_a_history_that_does_not_exist_is_told_from_one_that_is_empty():
    from dashboard.engine.migration import History

    assert page(values.standing(look=values.look(values.history()))).history_exists
    assert not page(values.standing(look=values.look(History(exists=False)))).history_exists
    assert not page(values.standing(look=None, known=False)).history_exists


# What the page asks for beforehand


def test_what_failed_and_what_broke_off_are_named():
    look = values.look(values.history(unfinished=(values.unfinished("003", "c"),)))
    standing = values.standing(values.status("001", "a"), values.status("002", "b", State.FAILED), look=look)
    assert environment_detail.failed_labels(standing) == ["002_b", "003_c"]


def test_the_runs_of_the_history_are_asked_for_by_their_keys():
    rows = (values.applied("001", run_id="7"), values.applied("002", run_id=""))
    assert len(environment_detail.run_ids(values.standing(look=values.look(values.history(*rows))))) == 1


# Histories of other tools


ELSEWHERE = OtherHistory(tool="dbmate", title="dbmate", table="public.schema_migrations", keys=("002",))


def test_an_import_is_offered_until_all_of_it_is_recorded():
    folder = BOTH
    fresh = page(seen(folder), folder).bring
    assert (fresh.show, values.page_of(fresh.url)) == (True, ("import", {"slug": "staging"}))
    assert page(seen(folder, values.applied(), elsewhere=(ELSEWHERE,)), folder).bring.show
    assert not page(seen(folder, values.applied()), folder).bring.show
    assert page(seen(folder, values.applied(success=False)), folder).bring.show, "a failure records nothing"


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.REQUESTER, Role.APPROVER], ids=str)
def test_only_an_administrator_is_offered_to_write_the_history(role: Role | None):
    made = page(seen(BOTH, elsewhere=(ELSEWHERE,)), BOTH, role)
    assert (made.bring.show, made.mend.show) == (False, False)


def test_a_history_that_waits_is_named_with_its_table_and_leads_to_its_import():
    other = replace(ELSEWHERE, tool="goose", title="goose", table="public.goose_db_version")
    made = page(seen(BOTH, elsewhere=(ELSEWHERE, other)), BOTH)
    (notice,) = [notice for notice in made.notices if "/import/" in notice.url]
    assert (ELSEWHERE.label in notice.sentence, other.label in notice.sentence) == (True, True)
    assert values.page_of(notice.url) == ("import", {"slug": "staging"})
    assert not [notice for notice in page(seen(BOTH), BOTH).notices if "/import/" in notice.url]
