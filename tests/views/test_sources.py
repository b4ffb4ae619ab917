"""Two sources: each environment is held against the files of its own, and every page says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from config.sources import Source
from dashboard.models import AuditEvent, Run
from dashboard.services import observations, plans
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.views.pages import text

if TYPE_CHECKING:
    from pathlib import Path

    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two_sources(two_files: Project, settings: SettingsWrapper, tmp_path: Path) -> Project:
    """Production takes its files from `billing`, which has another 001_users and 005_invoices."""
    billing = tmp_path / "billing"
    billing.mkdir()
    (billing / "001_users.sql").write_text("CREATE TABLE payers (id int);", encoding="utf-8")
    (billing / "005_invoices.sql").write_text("CREATE TABLE invoices (id int);", encoding="utf-8")
    settings.SOURCES = (Source(name="billing", folder=billing),)
    production = replace(two_files.production, source="billing")
    settings.ENVIRONMENTS = (two_files.staging, production)
    observations.refresh_all()
    return replace(two_files, production=production)


def test_plans_take_the_files_of_their_environment_and_name_the_source(two_sources: Project) -> None:
    staging, production = plans.apply(two_sources.staging), plans.apply(two_sources.production)
    assert ([step.label for step in staging.steps], staging.source) == (["001_users", "002_orders"], "default")
    assert ([step.label for step in production.steps], production.source) == (["001_users", "005_invoices"], "billing")
    assert "payers" in production.steps[0].sql
    assert replace(production, source="").digest == production.digest


def test_pages_keep_them_apart(two_sources: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    overview = client.get("/").context["page"]
    assert [(board.source, [row.identity.version for row in board.matrix.rows]) for board in overview.boards] == [
        ("default", ["002", "001"]),
        ("billing", ["005", "001"]),
    ]
    assert [[each.name for each in board.matrix.environments] for board in overview.boards] == [
        ["Staging"],
        ["Production"],
    ]
    assert "005" not in text(client.get("/migrations/"))
    billing = client.get("/migrations/?source=billing")
    assert "005" in text(billing)
    assert 'href="/migrations/005/invoices/?source=billing"' in billing.content.decode()
    assert client.get("/migrations/005/invoices/").context["source"].name == "billing"
    users = client.get("/migrations/001/users/?source=billing")
    assert "payers" in text(users)
    assert users.context["elsewhere"] == [("default", "/migrations/001/users/")]
    assert client.get("/migrations/problems/?source=billing").context["page"].name == "billing"
    assert client.get("/migrations/?source=nobody").status_code == 404
    assert ("Files from the source", "billing") in client.get("/environments/production/").context["page"].facts


def test_a_run_and_the_audit_log_name_the_source(
    two_sources: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    assert (run.status, run.plan.source) == (Run.Status.SUCCEEDED, "default")
    assert AuditEvent.objects.filter(kind="run.queued").latest("pk").data["source"] == "default"
