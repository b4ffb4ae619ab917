"""What a command may not do to a target: change it. And what the engine does to one, for a test that needs history."""

from __future__ import annotations

from config.environments import Environment
from dashboard.engine import planner
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.files import discovery
from dashboard.engine.run import executor
from dashboard.services import targets
from tests.fix_project import Project

#: Everything a person could have made in a database, and every row of the history.
FINGERPRINT = """
SELECT relnamespace::regnamespace::text, relname::text, relkind::text, relnatts FROM pg_catalog.pg_class
WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
UNION ALL SELECT nspname::text, '', '', 0 FROM pg_catalog.pg_namespace
ORDER BY 1, 2
"""


def fingerprint(project: Project, environment: Environment) -> list[tuple[object, ...]]:
    """Equal before and after: nothing was changed."""
    rows = project.query(environment, FINGERPRINT)
    if project.query(environment, "SELECT pg_catalog.to_regclass('platform.schema_migrations')") != [(None,)]:
        rows += project.query(environment, "SELECT t::text FROM platform.schema_migrations t ORDER BY 1")
    return rows


def apply(project: Project, environment: Environment, upto: str | None = None) -> None:
    """The engine alone, on an environment that asks for no approval: no control database is needed."""
    plan = planner.apply(targets.read(environment), discovery.read(project.folder), upto=upto)
    executor.execute(
        plan,
        access=targets.access(environment),
        attempt=Attempt(run_id="7", by="alice"),
        approval=None,
        observer=lambda event: None,
    )
