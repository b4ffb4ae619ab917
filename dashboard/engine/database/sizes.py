"""How large tables of a target are now, and who is working on them. Only reads, and only the catalog."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql
from dashboard.engine.database.connection import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """With its indexes and partitions. Rows are the server's last estimate; None where there was none."""

    rows: int | None
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A session whose open transaction has used a table: whoever wants to lock it strongly waits for its end."""

    relation: str
    session: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The tables that were asked for, as they are now. A table that is not there is left out."""

    sizes: Mapping[str, TableSize]
    holders: tuple[Holder, ...] = ()


def read(access: Access, relations: Collection[str]) -> Live:
    """`relations` are named as SQL writes them: platform.users. Raises TargetUnreachable, TargetNotConfigured."""
    names = {"names": sorted(relations)}
    with (
        connections.reading(access.address) as connection,
        connections.naming_errors(connection, access),
    ):
        sizes = connection.execute(sql.query("sizes"), names).fetchall()
        holders = connection.execute(sql.query("holders"), names).fetchall()
    return Live(
        sizes={
            str(name): TableSize(rows=None if rows is None else int(str(rows)), bytes=int(str(size)))
            for name, rows, size in sizes
        },
        holders=tuple(
            Holder(relation=str(name), session=str(session), seconds=int(str(seconds)))
            for name, session, seconds in holders
        ),
    )
