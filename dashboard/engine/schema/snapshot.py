"""What the catalog of a database says of its schema, as text that does not depend on oids, on the order in which
objects were made, or on the settings of server and session.

Beside what a dump holds: what decides who may do what, of the roles that own something there or are granted something.

Left out: the rows that Signalbox saved, what extensions own, subscriptions, security labels, what user mappings say,
settings that are named like a secret, and all data, which is also how far a sequence has counted and whether a
materialized view is populated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, tuple_row

from dashboard.engine.schema.objects import SchemaSnapshot as SchemaSnapshot
from dashboard.engine.schema.objects import text_of

#: Schemas that Supabase keeps for itself; `*` stands for any characters. PostgreSQL's own are always left out.
PLATFORM_SCHEMAS = frozenset(
    {
        *("_analytics", "_realtime", "_supavisor", "auth", "cron", "extensions", "graphql*", "net", "pgbouncer"),
        *("pgmq", "pgsodium*", "pgtle", "realtime", "storage", "supabase_*", "vault"),
    }
)

_SETUP = ("settings", "scope", "versions")
_SINCE = re.compile(r"-- (\d+)\+$")


def tracking_tables(schema: str = "platform") -> frozenset[str]:
    """What Signalbox itself keeps in a target: its tables, and the functions of their triggers."""
    names = (
        *("schema_migrations", "migration_audit_log", "migration_audit_log_is_append_only"),
        *("migration_fuse", "migration_fuse_check"),
    )
    return frozenset(f"{schema}.{name}" for name in names)


def take(
    connection: psycopg.Connection[Any],
    *,
    exclude_schemas: frozenset[str] = PLATFORM_SCHEMAS,
    exclude_tables: frozenset[str] = tracking_tables(),
) -> SchemaSnapshot:
    """The schema as one moment has it; inside an open transaction, as that transaction sees it. Changes nothing.

    Where the server is not Supabase's, PLATFORM_SCHEMAS are schemas like any other. Raises LockNotAvailable where a
    table below a view is being altered for longer than five seconds.
    """
    left_out = {
        "patterns": [_like(pattern) for pattern in sorted(exclude_schemas)],
        "only_on_supabase": exclude_schemas == PLATFORM_SCHEMAS,
        "left_out": sorted(exclude_tables),
    }
    queries = _queries(connection.info.server_version // 10000)
    with _looking(connection):
        connection.execute(queries["settings"])
        cursor = connection.cursor(row_factory=dict_row)
        scope = cursor.execute(queries["scope"], left_out).fetchone()
        versions = {row["extname"]: row["extversion"] for row in cursor.execute(queries["versions"])}
        answers = _answers(connection, [text for name, text in queries.items() if name not in _SETUP], scope)
    objects = {key: text for answer in answers for key, text in _objects(answer)}
    return SchemaSnapshot(objects=dict(sorted(objects.items())), versions=versions)


@contextmanager
def _looking(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that is always undone, and our settings with it; one moment for all queries where it is ours."""
    is_ours = connection.info.transaction_status is TransactionStatus.IDLE
    with connection.transaction(force_rollback=True):
        if is_ours:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _answers(
    connection: psycopg.Connection[Any], queries: Sequence[LiteralString], scope: Any
) -> list[psycopg.Cursor[tuple[Any, ...]]]:
    """All queries go in one round trip."""
    with connection.pipeline():
        return [connection.cursor(row_factory=tuple_row).execute(query, scope, prepare=False) for query in queries]


def _objects(answer: psycopg.Cursor[tuple[Any, ...]]) -> Iterator[tuple[str, str]]:
    names = [column.name for column in answer.description or ()][1:]
    for key, *values in answer:
        yield key, text_of(zip(names, values, strict=True))


@cache
def _queries(major: int) -> Mapping[str, LiteralString]:
    """The queries of snapshot.sql by name, as this major version of PostgreSQL understands them."""
    lines = Path(__file__).with_name("snapshot.sql").read_text(encoding="utf-8").splitlines()
    known = [line for line in lines if not (since := _SINCE.search(line)) or int(since[1]) <= major]
    parts = re.split(r"^-- (\w+) --$", "\n".join(known), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (cast(LiteralString, text) for text in parts[2::2]), strict=True))


def _like(pattern: str) -> str:
    return pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
