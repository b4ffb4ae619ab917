"""Tools whose migrations are programs: their tables are recognised, and nothing is taken from them."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.engine.imports.values import Importer, TableSeen


def _row(
    name: str,
    title: str,
    columns: str,
    *,
    run: str,
    exact: bool = True,
    is_its: Callable[[TableSeen], bool] = lambda table: True,
) -> Importer:
    explained = (
        f"Migrations of {title} are programs, and no file of a folder stands for a row. Go on running them with "
        f"{run}; what is to be run here begins with the database as it is."
    )
    return Importer(
        name=name, title=title, shape=frozenset(columns.split()), exact=exact, is_its=is_its, explained=explained
    )


RAILS = _row(
    "rails",
    "Rails",
    "version",
    run="`rails db:migrate`",
    is_its=lambda table: table.name == "schema_migrations" and "ar_internal_metadata" in table.neighbours,
)
ECTO = _row("ecto", "Ecto", "version inserted_at", run="`mix ecto.migrate`")
ALEMBIC = _row("alembic", "Alembic", "version_num", run="`alembic upgrade`")
DJANGO = _row("django", "Django", "id app name applied", run="`manage.py migrate`")
KNEX = _row("knex", "Knex", "id name batch migration_time", run="`knex migrate:latest`")
LARAVEL = _row(
    "laravel",
    "Laravel",
    "id migration batch",
    run="`artisan migrate`",
    is_its=lambda table: "migration" in table.name,
)
ENTITY_FRAMEWORK = _row("ef", "Entity Framework", "MigrationId ProductVersion", run="`dotnet ef database update`")
TYPEORM = _row(
    "typeorm",
    "TypeORM",
    "id timestamp name",
    run="`typeorm migration:run`",
    is_its=lambda table: "migration" in table.name,
)

#: Its table has the columns of node-pg-migrate's: only the names in it are others.
DB_MIGRATE = _row("db-migrate", "db-migrate", "id name run_on", run="`db-migrate up`", is_its=lambda table: False)

ALL = (RAILS, ECTO, ALEMBIC, DJANGO, KNEX, LARAVEL, ENTITY_FRAMEWORK, TYPEORM, DB_MIGRATE)
