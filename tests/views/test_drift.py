"""The schema of an environment: in line, drifted, never checked, unreachable; accepting; two side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from config.environments import Environment
from dashboard.models import AuditEvent, DriftCheck, Run
from dashboard.presenters import drift as presenter
from dashboard.services import drift, execution, observations, plans, runs
from dashboard.services.actors import SIGNALBOX, Actor
from tests.concurrently import DETACH, broken_off
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import page_of, says
from tests.views.pages import alerts, assert_shown, error_code, is_empty, links, posts, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/environments/staging/drift/"


def look(environment: Environment) -> DriftCheck:
    return drift.check(environment, by=SIGNALBOX)


@pytest.fixture
def drifted_project(project: Project) -> Project:
    """users has a column, and a function another body, that no run made."""
    function = "CREATE OR REPLACE FUNCTION public.answer() RETURNS int LANGUAGE sql AS 'SELECT {}'"
    for environment in (project.staging, project.production):
        project.query(environment, "CREATE TABLE users (id int)")
        project.query(environment, function.format(41))
        look(environment)
    for environment in (project.staging, project.production):
        project.query(environment, "ALTER TABLE users ADD phone text")
        project.query(environment, function.format(42))
        look(environment)
    return project


def test_a_schema_nobody_looked_at_says_what_the_first_look_is_for(
    project: Project, viewer: User, client_of: ClientOf
) -> None:
    page = client_of(viewer).get(ADDRESS)
    panel = page.context["page"].panel
    assert (panel.pill.tone, panel.expected, panel.checked_at) == ("muted", "", None)
    assert_shown(page, panel.pill)
    assert is_empty(page)
    assert says(text(page), "first look")
    assert says(text(client_of(viewer).get("/environments/staging/")), "first look")


def test_in_line_says_since_which_run(
    two_files: Project, requester: User, client_of: ClientOf, run_on_staging: Callable[[User], Run]
) -> None:
    run = run_on_staging(requester)
    page = client_of(requester).get(ADDRESS)
    panel = page.context["page"].panel
    assert (panel.pill.tone, says(panel.expected, f"run {run.pk}"), panel.differs) == ("ok", True, "")
    assert_shown(page, panel.pill, f"run {run.pk}")
    assert (page.context["page"].diff, is_empty(page)) == (None, True)


def test_drift_is_listed_by_table_with_what_to_do(drifted_project: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(ADDRESS)
    shown, panel = text(page), page.context["page"].panel
    assert (panel.pill.tone, says(panel.differs, "2 objects")) == ("warn", True)
    assert_shown(page, panel.pill, panel.differs)
    assert [g.name for g in page.context["page"].diff.groups] == ["public.users", "function public.answer()"]
    sentences = [sentence for group in page.context["page"].diff.groups for sentence in group.sentences]
    assert says(sentences[0], "column public.users.phone: added")
    assert_shown(page, *sentences)
    assert "removed: " in shown
    assert "SELECT 41" in shown
    assert says(shown, "new migration"), "one of the ways to go on"


def test_the_environment_and_the_overview_say_so(drifted_project: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    client = client_of(viewer)
    detail = client.get("/environments/staging/")
    page = detail.context["page"]
    (notice,) = page.notices
    assert (notice.url, says(notice.sentence, "2 objects")) == (ADDRESS, True)
    assert (page.card.drift.pill.tone, says(page.card.drift.differs, "2 objects")) == ("warn", True)
    assert_shown(detail, notice, page.card.drift.pill, page.card.drift.differs)
    overview = client.get("/")
    page = overview.context["page"]
    (sentence,) = [sentence for sentence in page.sentences if sentence.url == ADDRESS]
    assert says(sentence.text, "2 objects")
    assert (sentence.tone, page.cards[0].pill.tone) == ("warn", "warn")
    assert_shown(overview, sentence, page.cards[0].pill)
    assert ADDRESS in links(overview)


def test_a_check_is_asked_for_and_its_result_shows_by_itself(
    project: Project, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    answer = client.post(f"{ADDRESS}check/")
    assert answer.headers["Location"] == ADDRESS
    assert ProcrastinateJob.objects.filter(task_name="check_drift", args__environment="staging").count() == 1
    waiting = client.get(ADDRESS)
    assert waiting.context["page"].panel.checking
    assert 'class="notice" data-tone="run"' in waiting.content.decode()
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    assert f"{ADDRESS}check/" not in posts(waiting)


def test_an_unreachable_target_says_why_and_what_was_known(
    drifted_project: Project, viewer: User, client_of: ClientOf, unreachable: Callable[[Environment], Environment]
) -> None:
    look(unreachable(drifted_project.staging))
    page = client_of(viewer).get(ADDRESS)
    panel = page.context["page"].panel
    assert "127.0.0.1:1/gone as nobody" in panel.failure
    assert panel.seen_at is not None
    assert_shown(page, panel.pill, panel.failure, panel.next_step)
    assert alerts(page) == ["danger"]
    assert says(text(page), "last time")
    assert "column public.users.phone: added" in text(page)
    assert "s3cret" not in page.content.decode()


def test_a_late_look_after_a_run_says_what_it_cannot_tell(
    two_files: Project,
    requester: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look(two_files.staging)
    monkeypatch.setattr(drift, "after_run", lambda run: None)
    run = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=acting(requester))
    execution.execute(run.pk)
    run.refresh_from_db()
    Run.objects.filter(pk=run.pk).update(finished_at=run.finished_at - drift.LATE * 2)
    DriftCheck.objects.update(at=run.finished_at - drift.LATE * 3)
    look(two_files.staging)
    page = client_of(requester).get(ADDRESS)
    assert says(page.context["page"].late, f"run {run.pk}")
    assert_shown(page, page.context["page"].late)


def test_only_an_administrator_accepts(drifted_project: Project, approver: User, client_of: ClientOf) -> None:
    client = client_of(approver)
    page = client.get(ADDRESS)
    assert says(page.context["page"].accept_refused, "admin")
    assert_shown(page, page.context["page"].accept_refused)
    assert f"{ADDRESS}accept/" not in posts(page)
    fingerprint = DriftCheck.objects.filter(environment="staging")[0].fingerprint
    assert client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint, "reason": "because"}).status_code == 403


def test_accepting_wants_a_reason_and_is_in_the_audit_log(
    drifted_project: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    fingerprint = client.get(ADDRESS).context["page"].fingerprint
    assert client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint}).status_code == 422
    answer = client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint, "reason": "Hotfix of Tuesday"}, follow=True)
    assert [message.level_tag for message in answer.context["messages"]] == ["success"]
    panel = answer.context["page"].panel
    assert (panel.pill.tone, says(panel.expected, "carol")) == ("ok", True)
    log = client.get("/audit/")
    event = log.context["events"][0]
    assert (event.actor, event.place.slug) == ("carol", "staging")
    assert all(says(text(log), words) for words in ("carol accepted the schema of Staging", "2 objects"))
    assert "“Hotfix of Tuesday”" in text(log)


def test_on_a_protected_environment_the_name_is_typed(
    drifted_project: Project, admin: User, client_of: ClientOf
) -> None:
    client, address = client_of(admin), "/environments/production/drift/"
    given = {"fingerprint": client.get(address).context["page"].fingerprint, "reason": "Hotfix"}
    refused = client.post(f"{address}accept/", given | {"typed_name": "staging"})
    assert refused.status_code == 422
    assert_shown(refused, *refused.context["form"].errors["typed_name"])
    assert client.post(f"{address}accept/", given | {"typed_name": "production"}).status_code == 302


def test_what_moved_on_since_the_page_is_not_accepted(
    drifted_project: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    fingerprint = client.get(ADDRESS).context["page"].fingerprint
    drifted_project.query(drifted_project.staging, "DROP TABLE users")
    look(drifted_project.staging)
    answer = client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint, "reason": "Hotfix"})
    assert (answer.status_code, error_code(answer)) == (409, "drift_changed")
    assert not AuditEvent.objects.filter(kind="drift.accepted").exists()


# Side by side


def test_the_last_two_environments_are_compared_unless_others_are_asked_for(
    project: Project, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    page = client.get("/compare/")
    assert [s.place.slug for s in page.context["page"].sides] == ["staging", "production"]
    assert [s.seen_at for s in page.context["page"].sides] == [None, None]
    assert page.context["page"].verdict == presenter.UNKNOWN
    assert_shown(page, page.context["page"].verdict)
    page = client.get("/compare/?a=production&b=staging")
    assert [s.place.slug for s in page.context["page"].sides] == ["production", "staging"]
    assert client.get("/compare/?a=staging&b=staging").context["page"] is None
    assert client.get("/compare/?a=nowhere").status_code == 200


def test_a_difference_that_a_migration_makes_is_explained_by_it(
    two_files: Project, requester: User, client_of: ClientOf, run_on_staging: Callable[[User], Run]
) -> None:
    look(two_files.production)
    run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get("/compare/?a=staging&b=production")
    comparison = page.context["page"]
    assert comparison.verdict == presenter.EXPLAINED
    ((place, migrations),) = comparison.only
    assert (place.slug, [link.label for link in migrations]) == ("staging", ["001_users", "002_orders"])
    groups = {group.name: group for group in comparison.diff.groups}
    assert says(groups["public.users"].because, "001_users")
    assert not any(group.unexplained for group in groups.values())
    assert says(groups["public.users"].sentences[0], "Staging")
    assert_shown(page, comparison.verdict, comparison.sentence, groups["public.users"].sentences, *migrations)
    two_files.query(two_files.production, "CREATE TABLE by_hand (id int)")
    look(two_files.production)
    page = client_of(requester).get("/compare/?a=staging&b=production")
    comparison = page.context["page"]
    assert (comparison.verdict, says(comparison.sentence, "2 of them")) == (presenter.UNEXPLAINED, True)
    assert [group.name for group in comparison.diff.groups if group.unexplained] == ["public.by_hand"]
    assert_shown(page, comparison.verdict, comparison.sentence)


def test_another_order_of_columns_is_named_as_such(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.query(project.staging, "CREATE TABLE users (id int, name text)")
    project.query(project.production, "CREATE TABLE users (name text, id int)")
    look(project.staging)
    look(project.production)
    page = client_of(viewer).get("/compare/")
    comparison = page.context["page"]
    assert (comparison.verdict, says(comparison.sentence, "1 table")) == (presenter.ORDER, True)
    assert [group.order_only for group in comparison.diff.groups] == [True]
    assert_shown(page, comparison.verdict, comparison.sentence)


def test_equal_schemas_are_the_same(project: Project, viewer: User, client_of: ClientOf) -> None:
    look(project.staging)
    look(project.production)
    page = client_of(viewer).get("/compare/")
    assert (page.context["page"].verdict, page.context["page"].diff) == (presenter.SAME, None)
    assert_shown(page, page.context["page"].verdict, page.context["page"].sentence)


def test_what_a_run_left_half_done_leads_on_and_is_not_offered_to_be_accepted(
    project: Project, admin: User, client_of: ClientOf, acting: Callable[[User], Actor]
) -> None:
    run = broken_off(project, acting(admin), DETACH)
    client = client_of(admin)
    page = client.get(ADDRESS)
    (left,) = page.context["page"].leftovers
    assert page_of(left.settle_url) == ("settle", {"slug": "staging", "version": "002", "name": "next"})
    assert page_of(left.run_url) == ("run", {"pk": run.pk})
    panel = page.context["page"].panel
    assert (panel.differs, says(panel.left, f"run {run.pk}"), page.context["page"].diff) == ("", True, None)
    assert_shown(page, left, panel.pill, panel.left)
    assert "Accept this schema" not in text(page)
    detail = client.get("/environments/staging/").context["page"]
    assert [notice.url for notice in detail.notices if says(notice.sentence, f"run {run.pk}")] == [ADDRESS]
