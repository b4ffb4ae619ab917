"""A project for a test: a migrations folder of its own and two environments, staging free, production protected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import make_conninfo

from config import calendars
from config.calendars import Calendar
from config.environments import Environment
from tests.fix_postgres import Database, MakeDatabase

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.models import Run
    from dashboard.services.actors import Actor

type PointAt = Callable[[Environment, Database], Environment]
type CopyOf = Callable[[Environment], Database]
type ChangeProduction = Callable[..., Environment]

PLAIN_ROLE = "plain"
FROZEN = Calendar(freezes=(calendars.freeze(datetime(2000, 1, 1), datetime(2200, 1, 1), "Audit"),))


@dataclass(frozen=True, kw_only=True)
class Project:
    """`folder` is the migrations folder; `write` puts files there; `staging`, `production` are environments."""

    folder: Path
    staging: Environment
    production: Environment
    databases: dict[str, Database]

    def write(self, **files: str) -> None:
        """write(_001_users="CREATE TABLE …", _001_rollback="DROP TABLE …"): names without the leading underscore."""
        for name, text in files.items():
            (self.folder / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")

    def query(self, environment: Environment, sql: str) -> list[tuple[Any, ...]]:
        return self.databases[environment.slug].query(sql)


@pytest.fixture
def project(tmp_path: Path, settings: SettingsWrapper, make_database: MakeDatabase) -> Project:
    folder = tmp_path / "migrations"
    folder.mkdir()
    databases = {slug: make_database() for slug in ("staging", "production")}
    environments = tuple(
        Environment(
            slug=slug,
            name=slug.capitalize(),
            variable=f"URL_OF_{slug.upper()}",
            url=databases[slug].url,
            position=position,
            protected=slug == "production",
            rehearsals_with_network=True,
        )
        for position, slug in enumerate(databases)
    )
    settings.SOURCE = folder
    settings.ENVIRONMENTS = environments
    return Project(folder=folder, staging=environments[0], production=environments[1], databases=databases)


@pytest.fixture
def two_files(project: Project) -> Project:
    """001 and 002, both with a rollback, pending everywhere."""
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="DROP TABLE users;",
        _002_orders="CREATE TABLE orders (id int);",
        _002_rollback="DROP TABLE orders;",
    )
    return project


@pytest.fixture
def unprovable_run(two_files: Project, alice: Actor) -> Run:
    """A lost one on staging, of which nothing can be found out any more."""
    from tests.services import workflow

    return workflow.unprovable_run(two_files, alice)


@pytest.fixture
def change_production(project: Project, settings: SettingsWrapper) -> ChangeProduction:
    """`change_production(approvals=2)`: as if it had been written into its file and Signalbox restarted."""

    def change(**changes: Any) -> Environment:
        production = next(each for each in settings.ENVIRONMENTS if each.slug == project.production.slug)
        return redeclare(settings, replace(production, **changes))

    return change


@pytest.fixture
def unreachable(project: Project, settings: SettingsWrapper) -> Callable[[Environment], Environment]:
    """Make an environment lead to a port where nobody listens."""
    return lambda environment: point_at_url(settings, environment, "postgresql://nobody:s3cret@127.0.0.1:1/gone")


@pytest.fixture
def point_at(project: Project, settings: SettingsWrapper) -> PointAt:
    """Make the URL of an environment lead to another database, as if it were set so and Signalbox restarted."""
    return lambda environment, database: point_at_url(settings, environment, database.url)


@pytest.fixture
def copy_of(project: Project, make_database: MakeDatabase) -> CopyOf:
    """A copy of an environment's database beside it: CREATE DATABASE ... TEMPLATE."""
    return lambda environment: make_database(template=project.databases[environment.slug].name)


@pytest.fixture
def as_plain_role(project: Project, settings: SettingsWrapper) -> Iterator[Project]:
    """Staging is reached by PLAIN_ROLE, which is no superuser; `query` stays one."""
    run = project.databases["staging"].query
    run(f"DROP ROLE IF EXISTS {PLAIN_ROLE}")
    run(f"CREATE ROLE {PLAIN_ROLE} LOGIN PASSWORD 'x'")
    staging = point_at_url(settings, project.staging, make_conninfo(project.staging.url, user=PLAIN_ROLE, password="x"))
    yield replace(project, staging=staging)
    run("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
    run(f"DROP OWNED BY {PLAIN_ROLE} CASCADE")
    run(f"DROP ROLE {PLAIN_ROLE}")


def point_at_url(settings: SettingsWrapper, environment: Environment, url: str) -> Environment:
    return redeclare(settings, replace(environment, url=url))


def redeclare(settings: SettingsWrapper, environment: Environment) -> Environment:
    """In the place of the one of the same slug."""
    settings.ENVIRONMENTS = tuple(environment if e.slug == environment.slug else e for e in settings.ENVIRONMENTS)
    return environment


#: Filled by the migrations of Django and changed by no test.
KEPT_TABLES = {"auth_group", "auth_group_permissions", "auth_permission", "django_content_type"}
#: Of the queue, which Django does not manage: a job or a worker of one test is none of the next.
QUEUE_TABLES = ["procrastinate_" + name for name in ("events", "periodic_defers", "jobs", "workers")]


@pytest.fixture(autouse=True, scope="session")
def _emptying_between_tests(django_db_setup: None) -> Iterator[None]:
    """Empty the tables after a transactional test by DELETE, which is many times quicker than TRUNCATE where tables are
    small, and without triggers: the audit log refuses both."""
    from django.core.management.commands import flush
    from django.db.backends.postgresql.operations import DatabaseOperations

    def sql_flush(self: Any, style: Any, tables: list[str], **kwargs: Any) -> list[str]:
        names = [*QUEUE_TABLES, *(table for table in tables if table not in KEPT_TABLES)]
        emptied = [f"DELETE FROM {self.quote_name(name)}" for name in names]
        return ["; ".join(["SET LOCAL session_replication_role = replica", *emptied])]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args, **kwargs: None)  # what it makes was kept
        yield
