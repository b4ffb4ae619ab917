"""The overview: is anything wrong, does anything wait for me?"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from config.environments import Environment
from dashboard.models import Observation
from dashboard.services import installations, observations
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_shown, is_empty, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.models import ChangeRequest, Run

pytestmark = pytest.mark.django_db(transaction=True)


def htmx(client: Client, url: str) -> str:
    return client.get(url, headers={"HX-Request": "true"}).content.decode()


def mark_of(html: str) -> str:
    match = re.search(r"seen=([0-9a-f]+)", html)
    assert match
    return match[1]


def test_it_says_how_far_behind_each_environment_is(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    page = client_of(viewer).get("/")
    (sentence,) = page.context["page"].sentences
    assert (says(sentence.text, "Production"), says(sentence.text, "2 migrations")) == (True, True)
    staging, production = page.context["page"].boards[0].matrix.environments
    assert (staging.pill.tone, staging.at, production.pill.tone, production.at) == ("ok", "002", "info", "")
    assert_shown(page, sentence, staging.pill, production.pill)


def test_it_says_so_when_all_is_well(
    two_files: Project,
    requester: User,
    viewer: User,
    run_on_staging: Callable[..., Run],
    run_on_production: Callable[[], Run],
    client_of: ClientOf,
) -> None:
    run_on_staging(requester)
    run_on_production()
    observations.refresh_all()
    page = client_of(viewer).get("/")
    (sentence,) = page.context["page"].sentences
    assert sentence.tone == "ok"
    assert_shown(page, sentence)


def test_what_waits_for_a_decision_is_said_to_who_can_decide(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    page = client_of(approver).get("/")
    (sentence,) = [s for s in page.context["page"].sentences if s.url == f"/requests/{request.pk}/"]
    assert request.title in sentence.text
    assert_shown(page, sentence)
    others = client_of(requester).get("/").context["page"].sentences
    assert not [s for s in others if s.url == sentence.url]


def test_what_holds_of_several_environments_is_said_once(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = client_of(viewer).get("/")
    (sentence,) = page.context["page"].sentences
    assert (says(sentence.text, "Staging and Production"), says(sentence.text, "2 migrations")) == (True, True)
    assert_shown(page, sentence)


def test_an_edited_file_is_told_apart_from_a_pending_one(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    two_files.write(_001_users="CREATE TABLE users (id bigint);")
    page = client_of(viewer).get("/")
    view = page.context["page"]
    (sentence,) = [sentence for sentence in view.sentences if says(sentence.text, "001_users")]
    assert (sentence.tone, says(sentence.text, "Staging"), says(sentence.text, "edited")) == ("danger", True, True)
    assert (view.cards[0].pill.tone, view.cards[0].head) == ("warn", "002")
    assert_shown(page, sentence, view.cards[0].pill)


def test_an_unreachable_environment_keeps_its_last_history_beside_the_reason(
    two_files: Project,
    requester: User,
    viewer: User,
    run_on_staging: Callable[..., Run],
    unreachable: Callable[[Environment], Environment],
    client_of: ClientOf,
) -> None:
    run_on_staging(requester)
    observations.refresh(unreachable(two_files.staging))
    page = client_of(viewer).get("/")
    view = page.context["page"]
    (sentence,) = [sentence for sentence in view.sentences if says(sentence.text, "Staging")]
    assert (sentence.tone, sentence.icon) == ("danger", "unreachable")
    card = view.cards[0]
    assert (card.pill.icon, card.head) == ("unreachable", "002")
    assert "127.0.0.1:1/gone as nobody" in card.trouble
    assert_shown(page, sentence, card.pill, card.trouble, card.next_step)
    assert "s3cret" not in page.content.decode()


def test_an_environment_nobody_looked_at_says_so(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get("/")
    (sentence,) = page.context["page"].sentences
    assert says(sentence.text, "Staging and Production")
    assert [card.seen_at for card in page.context["page"].cards] == [None, None]
    assert_shown(page, sentence)
    assert text(page).count("never seen") == 2


def test_an_old_look_is_not_taken_for_the_present(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    Observation.objects.filter(pk="staging").update(seen_at=timezone.now() - timedelta(hours=3))
    page = client_of(viewer).get("/")
    assert [card.stale for card in page.context["page"].cards] == [True, False]
    (sentence,) = [sentence for sentence in page.context["page"].sentences if sentence.text.startswith("Staging has")]
    assert_shown(page, sentence)
    assert says(text(page), "last seen 3 hours ago")


def test_a_run_under_way_comes_first(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    observations.refresh_all()
    run = run_on_staging(requester, execute=False)
    page = client_of(viewer).get("/")
    first, *others = page.context["page"].sentences
    assert (says(first.text, f"run {run.pk}"), first.url) == (True, f"/runs/{run.pk}/")
    assert any(says(sentence.text, "behind") for sentence in others)
    assert_shown(page, first)


def test_a_missing_folder_is_a_sentence_and_what_to_do(
    two_files: Project, viewer: User, client_of: ClientOf, settings: SettingsWrapper, tmp_path: Path
) -> None:
    observations.refresh_all()
    settings.SOURCE = tmp_path / "nowhere"
    answer = client_of(viewer).get("/")
    assert answer.status_code == 200
    failure = answer.context["page"].boards[0].failure
    assert (failure.code, str(tmp_path / "nowhere") in failure.sentence) == ("source_missing", True)
    assert "SIGNALBOX_SOURCE" in failure.next_step
    assert_shown(answer, failure.sentence, failure.next_step)
    assert alerts(answer) == ["danger"]


def test_an_empty_folder_teaches_the_first_file_name(project: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = client_of(viewer).get("/")
    assert (page.context["page"].boards[0].empty_source, is_empty(page)) == (str(project.folder), True)
    assert "001_create_users.sql" in text(page)
    (sentence,) = [s for s in page.context["page"].sentences if str(project.folder) in s.text]
    assert_shown(page, sentence)


def test_an_environment_without_a_database_names_the_variable(
    two_files: Project, viewer: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    from dataclasses import replace

    settings.ENVIRONMENTS = (two_files.staging, replace(two_files.production, url=""))
    page = client_of(viewer).get("/")
    (sentence,) = [s for s in page.context["page"].sentences if says(s.text, "URL_OF_PRODUCTION")]
    card = page.context["page"].cards[1]
    assert says(card.next_step, "URL_OF_PRODUCTION")
    assert_shown(page, sentence, card.trouble, card.next_step)


def test_the_live_part_moves_only_when_something_changed(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    client = client_of(viewer)
    observations.refresh_all()
    mark = mark_of(client.get("/").content.decode())
    observations.refresh_all()  # a later look that finds the same
    unchanged = client.get(f"/?seen={mark}", headers={"HX-Request": "true"})
    assert unchanged["HX-Reswap"] == "none"
    assert 'id="seen-staging" class="seen" hx-swap-oob="true"' in unchanged.content.decode()
    assert "behind" not in text(unchanged)
    run_on_staging(requester)
    observations.refresh_all()
    changed = htmx(client, f"/?seen={mark}")
    assert 'id="live"' in changed
    assert "<html" not in changed
    assert mark_of(changed) != mark


def test_its_queries_do_not_grow_with_environments(
    two_files: Project,
    viewer: User,
    client_of: ClientOf,
    settings: SettingsWrapper,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    from dataclasses import replace

    client = client_of(viewer)
    observations.refresh_all()
    installations.current()  # made once
    settings.ENVIRONMENTS = (two_files.staging,)
    with django_assert_num_queries(_ANY, exact=False) as few:
        client.get("/")
    settings.ENVIRONMENTS = tuple(replace(two_files.staging, slug=f"copy-{n}", position=n) for n in range(6))
    with django_assert_num_queries(len(few), exact=True):
        client.get("/")


_ANY = 50
