"""The engine's own SQL, by name. Each query stands in a .sql file under `-- name --` and a line of description."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from psycopg import sql


class OwnQuery(sql.Composed):
    """One of these. A connection that runs migrations pins the settings that decide what it means."""


def query(name: str, schema: str = "") -> OwnQuery:
    """The query `name` of the .sql files here, `{schema}` filled in as an identifier."""
    return OwnQuery(list(sql.SQL(_queries()[name]).format(schema=sql.Identifier(schema))))


def conjunction(names: Iterable[str]) -> OwnQuery:
    """One query for several that each select a boolean: whether all of them are true."""
    parts = [sql.SQL("(") + sql.SQL(_queries()[name]) + sql.SQL("\n)") for name in names]
    return OwnQuery([sql.SQL("SELECT "), sql.SQL(" AND ").join(parts)])


@cache
def _queries() -> dict[str, str]:
    queries: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.sql")):
        parts = re.split(r"^-- (\w+) --$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        queries.update(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))
    return queries
