"""The journey of a real, tangled folder: four files with one number, rollbacks that do not parse, files that fail.

Always with a small folder of our own; with the user's own folder where SIGNALBOX_CORPUS leads to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.engine.errors import PlanBlocked
from dashboard.engine.migration import MigrationId
from dashboard.models import Run, RunStep
from dashboard.services import execution, observations, plans, runs
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_postgres import MakeDatabase
from tests.fix_project import Project
from tests.services.workflow import confirmed, start_on_staging

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

OWN = Path(__file__).parent / "cases" / "tangled"


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What is known beforehand of a tangled folder."""

    path: Path
    files: int
    constraint: str
    detail: str
    late_error: str
    left_behind: str  # a table or row query that must find nothing after 004
    unparsable: dict[str, int]  # file -> line
    column: str  # query that finds the column which 008 adds


SMALL = Folder(
    path=OWN,
    files=18,
    constraint="memberships_person_id_fkey",
    detail='Key (person_id)=(99) is not present in table "people".',
    late_error='column "entity_type" does not exist',
    left_behind="SELECT 1 FROM pg_tables WHERE tablename = 'left_behind'",
    unparsable={"006_row_security_IMPROVED.sql": 3, "007_rollback.sql": 3},
    column="SELECT 1 FROM information_schema.columns WHERE column_name = 'active_member'",
)
OGELBASE = Folder(
    path=Path(os.environ.get("SIGNALBOX_CORPUS", "")) / "ogelbase",
    files=20,
    constraint="organization_members_user_id_fkey",
    detail='Key (user_id)=(a8bb09f6-3432-470e-a117-2600515d4f26) is not present in table "users".',
    late_error='column "entity_type" does not exist',
    left_behind="SELECT 1 FROM platform.organizations WHERE slug = 'lancio'",
    unparsable={"006_enable_rls_IMPROVED.sql": 111, "007_rollback.sql": 22},
    column="SELECT 1 FROM information_schema.columns WHERE column_name = 'active_org_id'",
)


@pytest.fixture(params=[pytest.param(SMALL, id="own"), pytest.param(OGELBASE, id="user", marks=pytest.mark.corpus)])
def folder(request: pytest.FixtureRequest) -> Folder:
    return request.param


@pytest.fixture
def tangled(
    request: pytest.FixtureRequest,
    folder: Folder,
    project: Project,
    settings: SettingsWrapper,
    make_database: MakeDatabase,
) -> Project:
    """The project with that folder; the user's needs uuid-ossp, which Debian's PostgreSQL has."""
    settings.SOURCE = folder.path
    if folder is OGELBASE:
        database = make_database(server=request.getfixturevalue("debian_postgres"))
        staging = replace(project.staging, url=database.url)
        settings.ENVIRONMENTS = (staging,)
        project = replace(project, staging=staging, databases={"staging": database})
    return replace(project, folder=folder.path)


def test_every_file_is_accounted_for(folder: Folder, tangled: Project) -> None:
    report = _status(folder, tangled)
    assert len(report["files"]) == folder.files == len({entry["file"] for entry in report["files"]})
    roles = {entry["file"]: entry["role"] for entry in report["files"]}
    assert {roles["006_rollback.sql"], roles["rollback-006.sql"]} == {"rollback"}
    assert {role for file, role in roles.items() if file.startswith("test_")} == {"verify"}
    syntax_errors = {(p["file"], p["line"]) for p in report["problems"] if p["code"] == "syntax_error"}
    assert syntax_errors == set(folder.unparsable.items())
    assert all("^" in p["excerpt"] for p in report["problems"] if p["code"] == "syntax_error")
    states = [(m["version"], m["state"]) for m in report["environments"][0]["migrations"]]
    assert states.count(("006", "conflict")) == 4
    assert states.count(("007", "conflict")) == 2


def test_the_pages_show_what_status_shows(folder: Folder, tangled: Project, client_of: ClientOf, viewer: User) -> None:
    observations.refresh(tangled.staging)
    client = client_of(viewer)
    problems = _text(client, reverse("problems"))
    for entry in _status(folder, tangled)["files"]:
        assert entry["file"] in problems
    for page in (reverse("overview"), reverse("migrations"), reverse("environment", args=["staging"])):
        assert "006" in _text(client, page)


def test_the_journey(folder: Folder, tangled: Project, carol: Actor, client_of: ClientOf, admin: User) -> None:
    failed = _apply(tangled, carol)
    assert [s.status for s in failed.steps.all()] == ["committed"] * 3 + ["failed", "not_run"]
    server = failed.failure["server"]
    assert (server["constraint"], server["detail"]) == (folder.constraint, folder.detail)
    assert tangled.query(tangled.staging, folder.left_behind) == []
    page = _text(client_of(admin), reverse("run", args=[failed.pk]))
    assert folder.constraint in page
    assert folder.detail in page.replace("&quot;", '"')

    _skip(tangled, carol, "004")
    failed = _apply(tangled, carol)
    assert folder.late_error in failed.failure["sentence"]
    _skip(tangled, carol, "005")

    with pytest.raises(PlanBlocked, match="006"):
        plans.apply(tangled.staging, upto="008")
    _skip(tangled, carol, "006")
    _skip(tangled, carol, "007")

    applied = _apply(tangled, carol, upto="008")
    assert applied.status == Run.Status.SUCCEEDED
    assert applied.steps.get().version == "008"
    assert tangled.query(tangled.staging, folder.column)

    undone = _roll_back_008(tangled, carol)
    assert undone.status == Run.Status.SUCCEEDED
    assert not tangled.query(tangled.staging, folder.column)
    assert RunStep.objects.get(run=undone).statements.filter(tag="DO").exists(), "its check after COMMIT ran too"


def _apply(project: Project, by: Actor, upto: str | None = None) -> Run:
    return _finish(start_on_staging(project, by, upto))


def _skip(project: Project, by: Actor, version: str) -> None:
    from dashboard.selectors import folders

    identities = [m.identity for m in folders.read(project.staging).migrations if m.version == version]
    plan = plans.skip(project.staging, identities, reason="settled with the team")
    run = _finish(runs.start(plan, environment=project.staging, by=by))
    assert run.status == Run.Status.SUCCEEDED, run.failure


def _roll_back_008(project: Project, by: Actor) -> Run:
    name = RunStep.objects.filter(version="008").latest("id").name
    plan = plans.rollback(project.staging, downto=MigrationId("008", name))
    accepted = [warning.key for warning in plan.warnings]
    word = confirmed(plan, project.staging)
    return _finish(runs.start(plan, environment=project.staging, by=by, accepted=accepted, confirmation=word))


def _finish(run: Run) -> Run:
    execution.execute(run.pk)
    run.refresh_from_db()
    return run


def _status(folder: Folder, project: Project) -> dict[str, Any]:
    """What the command says, in a process of its own, without a control database."""
    environment = os.environ | {
        "DATABASE_URL": project.staging.url,
        "SIGNALBOX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }
    command = [sys.executable, "manage.py", "signalbox", "status", "--source", str(folder.path), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 8, done.stderr
    return json.loads(done.stdout)


def _text(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode().replace("<wbr>", "")
