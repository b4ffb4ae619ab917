"""The first-run guide: the first page until a first migration could be applied, and there for administrators after."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.sources import Source
from dashboard.models import Run
from dashboard.services import checkups, observations
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.services import workflow
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

HTMX = {"HX-Request": "true"}


def pills(page: HttpResponse) -> dict[str, str]:
    return {step.anchor: step.pill.label for step in page.context["page"].steps}  # type: ignore[attr-defined]


def test_nothing_is_there_but_the_control_database_and_the_administrator(
    admin: User, client_of: ClientOf, settings: SettingsWrapper, tmp_path: Path
) -> None:
    from dashboard.models import environments

    settings.SOURCE = tmp_path
    settings.ENVIRONMENTS = tuple(replace(e, url="", read_url="") for e in environments.all_environments())
    client = client_of(admin)
    assert client.get("/").headers["Location"] == "/start/"
    page = client.get("/start/")
    assert pills(page) == {
        "control": "There",
        "administrator": "There",
        "targets": "Missing",
        "source-default": "Missing",
        "second-person": "Missing",
        "worker": "Missing",
        "rehearsals": "Asked below",
    }
    said = text(page)
    assert "No database, because the variable DATABASE_URL is not set." in said
    assert f"{tmp_path}/001_create_users.sql" in said
    assert "SIGNALBOX_ROLE=worker ./bin/start" in said


def test_the_overview_is_the_first_page_once_a_target_was_seen_and_files_are_there(
    two_files: Project, admin: User, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    assert client.get("/").status_code == 302
    assert client_of(viewer).get("/").status_code == 200
    observations.refresh_all()
    assert client.get("/").status_code == 200
    page = client.get("/start/")
    assert page.status_code == 200
    assert "This installation is in use." in text(page)
    assert (pills(page)["targets"], pills(page)["source-default"]) == ("Asked below", "There")
    assert "read as plain files" in text(page)


def test_a_target_says_what_its_role_lacks_as_statements(
    as_plain_role: Project, admin: User, client_of: ClientOf
) -> None:
    as_plain_role.query(as_plain_role.staging, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    page = client_of(admin).get("/start/targets/staging/", headers=HTMX)
    name = as_plain_role.databases["staging"].name
    grants = page.context["verdict"].grants
    assert text(page).count(grants[0]) == 1
    assert sorted(grants) == [
        f"GRANT CREATE ON DATABASE {name} TO plain;",
        "GRANT USAGE, CREATE ON SCHEMA public TO plain;",
    ]
    (statements,) = re.findall("<pre[^>]*>(.*?)</pre>", page.content.decode(), re.DOTALL)
    assert tuple(statements.split("\n")[:-1]) == grants


def test_the_guide_the_doctor_and_the_handbook_ask_for_the_same_and_it_is_enough(
    as_plain_role: Project, two_files: Project, requester: User, acting: Callable[[User], Actor]
) -> None:
    """No statement more and none less: with them the doctor is content and the first run succeeds."""
    owner, name = as_plain_role.databases["staging"], as_plain_role.databases["staging"].name
    owner.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    grants = [grant for check in checkups.of(as_plain_role.staging) for grant in check.grants]
    handbook = Path("docs/DEPLOY.md").read_text(encoding="utf-8").partition("### Targets")[2]
    block = handbook.partition("```sql")[2].partition("```")[0]
    said = [line.partition(";")[0] + ";" for line in block.strip().splitlines()]
    assert {g.replace(name, "app").replace("plain", "migrator") for g in grants} == set(said)
    for grant in dict.fromkeys(grants):
        owner.query(grant)
    assert [check.finding for check in checkups.of(as_plain_role.staging) if check.grants] == []
    run = workflow.run_on_staging(as_plain_role, acting(requester))
    assert run.status == Run.Status.SUCCEEDED, run.failure


def test_a_target_that_does_not_answer_says_so(
    project: Project, unreachable: object, admin: User, client_of: ClientOf
) -> None:
    unreachable(project.staging)  # type: ignore[operator]
    page = client_of(admin).get("/start/targets/staging/", headers=HTMX)
    assert page.context["failure"].code == "unreachable"
    assert "s3cret" not in page.content.decode()


def test_the_rehearsal_server_is_asked(
    project: Project, admin: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    client = client_of(admin)
    settings.REHEARSAL_URL = project.staging.url
    assert "leads to PostgreSQL" in text(client.get("/start/rehearsals/", headers=HTMX))
    settings.REHEARSAL_URL = "postgresql://nobody:s3cret@127.0.0.1:1/gone"
    page = client.get("/start/rehearsals/", headers=HTMX)
    assert page.context["verdict"].tone == "danger"
    assert "s3cret" not in page.content.decode()


def test_the_control_database_of_a_first_look_is_told(
    project: Project, admin: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    from django.db import connection

    own = connection.settings_dict
    url = f"postgresql://{own['USER']}:x@{own['HOST']}:{own['PORT']}/{settings.DATABASES['default']['NAME']}"
    settings.ENVIRONMENTS = (replace(project.production, url=url),)
    page = client_of(admin).get("/start/")
    assert pills(page)["control"] == "Look at this"
    assert "SIGNALBOX_DATABASE_URL" in text(page)


def test_each_source_has_a_step_and_says_for_whom_it_is(
    two_files: Project, admin: User, client_of: ClientOf, settings: SettingsWrapper, tmp_path: Path
) -> None:
    settings.SOURCES = (Source(name="billing", folder=tmp_path / "nowhere"),)
    settings.ENVIRONMENTS = (two_files.staging, replace(two_files.production, source="billing"))
    page = client_of(admin).get("/start/")
    assert pills(page)["source-billing"] == "In the way"
    assert pills(page)["source-default"] == "There"
    assert "Its files are for Production." in text(page)
