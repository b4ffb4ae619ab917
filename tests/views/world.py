"""A folder and four targets in which every address leads to something.

Made by the engine alone and once for a module: tests read the targets and leave them as they are.

- `staging`: 001 and 002 applied, rows of orders saved by run 7, 001 edited since (comments only), 003 skipped, 004
  pending
- `broken`: 003 broke off outside its transaction
- `busy`: nothing applied, for a run under way
- `production`: nothing applied, protected
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.engine import planner
from dashboard.engine.errors import PartlyApplied
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Copy
from tests.engine.folders import Bench
from tests.fix_postgres import Database
from tests.fix_project import point_at_url

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

FILES = {
    "001_users": "CREATE TABLE users (id int, email text);\nINSERT INTO users VALUES (1, 'a'), (2, 'a');",
    "001_rollback": "DROP TABLE users;",
    "002_orders": "CREATE TABLE orders (id int);",
    "002_rollback": "DROP TABLE orders;",
    "003_emails": "CREATE INDEX CONCURRENTLY users_email ON users (email);\n"
    "CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);",
    "004_city": "ALTER TABLE users ADD city text;",
    "004_rollback": "ALTER TABLE users DROP city;",
}


@dataclass(frozen=True, kw_only=True)
class World:
    folder: Path
    environments: tuple[Environment, ...]
    databases: dict[str, Database]

    def environment(self, slug: str) -> Environment:
        return next(environment for environment in self.environments if environment.slug == slug)

    def point_at(self, settings: SettingsWrapper, slug: str, *, to: str) -> Environment:
        """The environment after its URL was set to the database of another one."""
        return point_at_url(settings, self.environment(slug), self.databases[to].url)


def make(folder: Path, server: LocalServer) -> World:
    for name, text in FILES.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    databases = {slug: _database(server, slug) for slug in ("staging", "broken", "busy", "production")}
    _bring_about_staging(Bench(folder=folder, database=databases["staging"]))
    with pytest.raises(PartlyApplied):
        Bench(folder=folder, database=databases["broken"]).apply("003")
    environments = tuple(
        Environment(
            slug=slug,
            name=slug.capitalize(),
            variable=f"URL_OF_{slug.upper()}",
            url=database.url,
            position=position,
            protected=slug == "production",
            rehearsals_with_network=True,
        )
        for position, (slug, database) in enumerate(databases.items())
    )
    return World(folder=folder, environments=environments, databases=databases)


def _database(server: LocalServer, slug: str) -> Database:
    name = f"world_{slug}"
    return Database(name=name, url=server.create_database(name))


def _bring_about_staging(staging: Bench) -> None:
    staging.apply("002")
    staging.database.query("INSERT INTO orders VALUES (1)")
    orders = Copy(schema="public", table="orders")
    copies = {MigrationId("002", "orders"): (orders,)}
    staging.execute(staging.plan_rollback("002", "orders").saving(copies), run_id="7")
    staging.apply("002", run_id="8")
    skip = planner.skip(staging.look(), staging.read(), [MigrationId("003", "emails")], reason="Not here")
    staging.execute(skip, run_id="9")
    staging.write("001_users.sql", f"-- People\n{FILES['001_users']}")
