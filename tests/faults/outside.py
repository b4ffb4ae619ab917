"""What stands in a target, read from outside: by plain SQL, without the engine that is on trial."""

from __future__ import annotations

from typing import Any

from tests.fix_postgres import Database

_OURS = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"

_CATALOG = f"""
SELECT 'relation', n.nspname::text, c.relname::text, c.relkind::text || c.relrowsecurity || c.relhasrules
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}
UNION ALL
SELECT 'column', n.nspname::text, c.relname::text, a.attname::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'function', n.nspname::text, p.proname::text, md5(p.prosrc)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS}
UNION ALL
SELECT 'trigger', n.nspname::text, t.tgname::text, c.relname::text || t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}
UNION ALL
SELECT 'schema', n.nspname::text, '', '' FROM pg_namespace n WHERE {_OURS}
"""


def catalog(database: Database) -> set[tuple[str, ...]]:
    """Every relation, column, function, trigger and schema that is not PostgreSQL's own."""
    return set(database.query(_CATALOG))


def history(database: Database) -> list[tuple[Any, ...]]:
    """The tracking rows that say success: version, name, checksum, kind. None where there is no table yet."""
    if database.query("SELECT to_regclass('platform.schema_migrations')") == [(None,)]:
        return []
    return database.query(
        "SELECT version, name, checksum, kind FROM platform.schema_migrations WHERE success ORDER BY version"
    )


def log(database: Database) -> list[tuple[Any, ...]]:
    return database.query("SELECT id, version, action, outcome, run_id FROM platform.migration_audit_log ORDER BY id")


def prepared_transactions(database: Database) -> list[tuple[Any, ...]]:
    return database.query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")


def sessions(database: Database, run_id: object) -> list[tuple[Any, ...]]:
    """The backends that run under a run's name."""
    return database.query(
        "SELECT pid, state, wait_event_type, query FROM pg_stat_activity "
        f"WHERE application_name LIKE 'signalbox:{run_id}:%'"
    )
