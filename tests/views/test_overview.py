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
from dashboard.services import observations
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

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
    found = re.search(r"seen=([0-9a-f]+)", html)
    assert found
    return found[1]


def test_it_says_how_far_behind_each_environment_is(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    page = text(client_of(viewer).get("/"))
    assert "Production is 2 migrations behind." in page
    assert "Staging is" not in page
    assert "Staging In sync at 002" in page
    assert "Production 2 pending nothing applied" in page


def test_it_says_so_when_all_is_well(
    two_files: Line,
    requester: User,
    viewer: User,
    run_on_staging: Callable[..., Run],
    run_on_production: Callable[[], Run],
    client_of: ClientOf,
) -> None:
    run_on_staging(requester)
    run_on_production()
    observations.refresh_all()
    assert "Every environment has every migration. Nothing waits for you." in text(client_of(viewer).get("/"))


def test_what_waits_for_a_decision_is_said_to_who_can_decide(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    page = client_of(approver).get("/")
    assert "A request waits for your decision: Apply 001 and 002 to Production." in text(page)
    assert f'href="/requests/{request.pk}/"' in page.content.decode()
    assert "waits for your decision" not in text(client_of(requester).get("/"))


def test_what_holds_of_several_environments_is_said_once(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    assert "Staging and Production are 2 migrations behind." in text(client_of(viewer).get("/"))


def test_an_edited_file_is_told_apart_from_a_pending_one(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    two_files.write(_001_users="CREATE TABLE users (id bigint);")
    page = text(client_of(viewer).get("/"))
    assert "Staging: 001_users was edited after it was applied." in page
    assert "Staging Needs attention at 002" in page


def test_an_unreachable_environment_keeps_its_last_history_beside_the_reason(
    two_files: Line,
    requester: User,
    viewer: User,
    run_on_staging: Callable[..., Run],
    unreachable: Callable[[Environment], Environment],
    client_of: ClientOf,
) -> None:
    run_on_staging(requester)
    observations.refresh(unreachable(two_files.staging))
    page = text(client_of(viewer).get("/"))
    assert "Staging is unreachable; what is shown is from the last time it answered." in page
    assert "Staging Unreachable at 002" in page
    assert "Staging cannot be reached at 127.0.0.1:1/gone as nobody" in page
    assert "s3cret" not in page


def test_an_environment_nobody_looked_at_says_so(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    page = text(client_of(viewer).get("/"))
    assert "Staging and Production have not been looked at yet." in page
    assert "never seen" in page


def test_an_old_look_is_not_taken_for_the_present(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    Observation.objects.filter(pk="staging").update(seen_at=timezone.now() - timedelta(hours=3))
    page = text(client_of(viewer).get("/"))
    assert "Staging has not been looked at for a while" in page
    assert "last seen 3 hours ago" in page


def test_a_run_under_way_comes_first(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    observations.refresh_all()
    run = run_on_staging(requester, execute=False)
    page = text(client_of(viewer).get("/"))
    assert page.index(f"Staging: run {run.pk} waits for a worker.") < page.index("migrations behind")


def test_a_missing_folder_is_a_sentence_and_what_to_do(
    two_files: Line, viewer: User, client_of: ClientOf, settings: SettingsWrapper, tmp_path: Path
) -> None:
    observations.refresh_all()
    settings.SOURCE = tmp_path / "nowhere"
    answer = client_of(viewer).get("/")
    assert answer.status_code == 200
    assert f"There is no migrations folder at {tmp_path / 'nowhere'}." in text(answer)
    assert "point SIGNALBOX_SOURCE" in text(answer)
    assert "No database was touched." in text(answer)


def test_an_empty_folder_teaches_the_first_file_name(line: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = text(client_of(viewer).get("/"))
    assert "The folder holds no migration yet" in page
    assert "001_create_users.sql" in page
    assert f"The folder {line.folder} holds no migration." in page


def test_an_environment_without_a_database_names_the_variable(
    two_files: Line, viewer: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    from dataclasses import replace

    settings.ENVIRONMENTS = (two_files.staging, replace(two_files.production, url=""))
    page = text(client_of(viewer).get("/"))
    assert "Production has no database: the variable URL_OF_PRODUCTION is not set." in page
    assert "Set URL_OF_PRODUCTION to its PostgreSQL URL and restart Signalbox." in page


def test_the_live_part_moves_only_when_something_changed(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
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
    two_files: Line,
    viewer: User,
    client_of: ClientOf,
    settings: SettingsWrapper,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    from dataclasses import replace

    client = client_of(viewer)
    observations.refresh_all()
    settings.ENVIRONMENTS = (two_files.staging,)
    with django_assert_num_queries(_ANY, exact=False) as few:
        client.get("/")
    settings.ENVIRONMENTS = tuple(replace(two_files.staging, slug=f"copy-{n}", position=n) for n in range(6))
    with django_assert_num_queries(len(few), exact=True):
        client.get("/")


_ANY = 50
