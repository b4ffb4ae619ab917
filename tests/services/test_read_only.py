"""The web process holds a key that only reads: looks, plans, forecasts and pages work with it; nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

from dashboard.engine.database.doctor import CheckLevel, is_fit
from dashboard.engine.errors import TargetNotConfigured
from dashboard.engine.migration import MigrationId
from dashboard.models import ChangeRequest, Run
from dashboard.services import forecasts, observations, plans, targets
from tests.fix_project import Project
from tests.services.workflow import approved_request, execute, run_on_staging, start_on_production, tables
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor
    from tests.fix_people import ClientOf

pytestmark = pytest.mark.django_db(transaction=True)

READER = "reader_of_pages"


@pytest.fixture
def reading_project(two_files: Project, settings: SettingsWrapper) -> Iterator[Project]:
    """Both environments have a second URL, of a role that may only SELECT; 001 and 002 are applied on staging."""
    query = two_files.databases["staging"].query
    query(f"DROP ROLE IF EXISTS {READER}")
    query(f"CREATE ROLE {READER} LOGIN PASSWORD 'x'")
    environments = tuple(
        replace(each, read_url=make_conninfo(each.url, user=READER, password="x")) for each in settings.ENVIRONMENTS
    )
    settings.ENVIRONMENTS = environments
    yield replace(two_files, staging=environments[0], production=environments[1])
    for database in two_files.databases.values():
        database.query(f"DROP OWNED BY {READER} CASCADE")
    query(f"DROP ROLE {READER}")


def let_read(project: Project) -> None:
    project.query(project.staging, f"GRANT USAGE ON SCHEMA platform TO {READER}")
    project.query(project.staging, f"GRANT SELECT ON ALL TABLES IN SCHEMA platform, public TO {READER}")


@pytest.fixture
def become_web(settings: SettingsWrapper) -> Callable[[], None]:
    """From now on this is the web process, which has no URL that writes."""

    def become() -> None:
        settings.SERVES_PAGES = True
        settings.ENVIRONMENTS = tuple(replace(each, url="") for each in settings.ENVIRONMENTS)

    return become


def test_the_worker_takes_the_url_that_writes(reading_project: Project) -> None:
    assert targets.address(reading_project.staging).variable == reading_project.staging.variable
    assert not targets.address(reading_project.staging).only_reads


def test_the_web_process_reads_with_the_other_one(
    reading_project: Project, become_web: Callable[[], None], alice: Actor
) -> None:
    run_on_staging(reading_project, alice)
    let_read(reading_project)
    become_web()
    address = targets.address(targets.declared("staging"))
    assert (address.only_reads, address.variable) == (True, "URL_OF_STAGING_READ")
    look = observations.refresh(targets.declared("staging"))
    assert look.failure is None
    plan = plans.rollback(targets.declared("staging"), downto=MigrationId("001", "users"))
    assert forecasts.of_plan(plan, targets.declared("staging")).rows == 0
    assert plans.as_sql(plan, targets.declared("staging"))


def test_a_look_by_each_of_the_two_sees_the_same(
    reading_project: Project, become_web: Callable[[], None], alice: Actor
) -> None:
    run_on_staging(reading_project, alice)
    let_read(reading_project)
    by_worker = targets.look(targets.declared("staging"), scripts=True)
    become_web()
    assert targets.look(targets.declared("staging"), scripts=True) == by_worker


def test_that_role_can_write_nothing(reading_project: Project, alice: Actor) -> None:
    import psycopg

    run_on_staging(reading_project, alice)
    let_read(reading_project)
    with (
        psycopg.connect(reading_project.staging.read_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM platform.schema_migrations")


def test_nothing_runs_without_the_url_that_writes(
    reading_project: Project, become_web: Callable[[], None], alice: Actor, bob: Actor
) -> None:
    request = approved_request(reading_project, alice, bob)
    become_web()
    run = execute(start_on_production(request, alice))
    assert (run.status, run.failure["code"]) == (Run.Status.FAILED, TargetNotConfigured.code)
    assert tables(reading_project, reading_project.production) == []


@pytest.mark.parametrize("page", ["", "apply/", "connection/", "drift/", "saved/"])
def test_pages_work_with_it(
    reading_project: Project,
    become_web: Callable[[], None],
    alice: Actor,
    client_of: ClientOf,
    requester: User,
    page: str,
) -> None:
    run_on_staging(reading_project, alice, upto="001")
    let_read(reading_project)
    become_web()
    observations.refresh(targets.declared("staging"))
    answer = client_of(requester).get(f"/environments/staging/{page}")
    assert answer.status_code == 200
    if page in {"", "connection/"}:
        assert "URL_OF_STAGING_READ" in text(answer)


def test_a_request_is_opened_approved_and_queued_by_the_web_and_run_by_the_worker(
    reading_project: Project, become_web: Callable[[], None], settings: SettingsWrapper, alice: Actor, bob: Actor
) -> None:
    as_worker = settings.ENVIRONMENTS
    become_web()
    run = start_on_production(approved_request(reading_project, alice, bob), alice)
    settings.SERVES_PAGES, settings.ENVIRONMENTS = False, as_worker
    assert execute(run).status == Run.Status.SUCCEEDED
    assert ChangeRequest.objects.get().status == ChangeRequest.Status.DONE


# The doctor


def of_reader(project: Project) -> tuple[CheckLevel, str]:
    (check,) = [each for each in targets.checkup(project.staging) if each.code == "reader"]
    return check.level, check.finding


def test_the_doctor_says_what_pages_read_with(reading_project: Project, alice: Actor) -> None:
    run_on_staging(reading_project, alice)
    let_read(reading_project)
    level, finding = of_reader(reading_project)
    assert level is CheckLevel.FINE
    assert READER in finding
    assert "URL_OF_STAGING_READ" in finding


def test_the_doctor_says_what_that_role_may_not_read(reading_project: Project, alice: Actor) -> None:
    run_on_staging(reading_project, alice)
    assert of_reader(reading_project)[0] is CheckLevel.WARNING


def test_the_doctor_says_that_it_could_write(reading_project: Project, alice: Actor) -> None:
    run_on_staging(reading_project, alice)
    let_read(reading_project)
    reading_project.query(reading_project.staging, f"GRANT DELETE ON platform.schema_migrations TO {READER}")
    level, finding = of_reader(reading_project)
    assert (level, "can also write" in finding) == (CheckLevel.WARNING, True)


def test_without_a_second_url_the_doctor_says_nothing_of_one(project: Project) -> None:
    assert "reader" not in {check.code for check in targets.checkup(project.staging)}


def test_a_second_url_that_leads_nowhere_keeps_no_run_from_the_database(
    reading_project: Project, settings: SettingsWrapper
) -> None:
    nowhere = replace(reading_project.staging, read_url="postgresql://nobody:s3cret@127.0.0.1:1/gone")
    checks = targets.checkup(nowhere)
    assert is_fit(checks)
    assert ("reader", CheckLevel.WARNING) in {(check.code, check.level) for check in checks}
    assert "s3cret" not in repr(checks)
