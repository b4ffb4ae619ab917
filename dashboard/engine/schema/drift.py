"""What was changed in a target outside Signalbox: the schema as it is, against the schema as its runs left it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import statistics
from dashboard.engine.database.connection import Access
from dashboard.engine.database.leftovers import Leftover
from dashboard.engine.database.statistics import Written
from dashboard.engine.errors import SchemaUnreadable
from dashboard.engine.schema import snapshot
from dashboard.engine.schema.diff import Difference
from dashboard.engine.schema.objects import SchemaSnapshot, attributes_of, index_of, table_of
from dashboard.engine.schema.objects import is_leftover as is_leftover


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    schema: SchemaSnapshot
    written: Written
    role: str  # that of Signalbox, as SQL writes it
    tracking_schema: str


def look(access: Access) -> Seen:
    """The schema now, and how much was written. Changes nothing.

    Raises TargetUnreachable, TargetNotConfigured, SchemaUnreadable.
    """
    left_out = snapshot.tracking_tables(access.schema)
    with connections.reading(access.address) as connection:
        try:
            schema = snapshot.take(connection, exclude_tables=left_out)
            statistics.wait_until_counted(connection)
            written, role = statistics.read(connection), connections.own_role(connection)
            return Seen(schema=schema, written=written, role=role, tracking_schema=access.schema)
        except psycopg.Error as error:
            reason = connections.reason_of(error, access.address)
            raise SchemaUnreadable(environment=access.address.name, reason=reason) from None


#: What the test of a connection asks for: rights of Signalbox's own role, by what they are on.
_ON_SCHEMA, _ON_DATABASE = frozenset({"CREATE", "USAGE"}), frozenset({"CREATE"})


def is_asked_for(difference: Difference, look: Seen) -> bool:
    """Whether nothing is new there but rights that `doctor` asks for: for the role of Signalbox, given by the owner and
    not to be passed on."""
    asked = {"grants on the database": _ON_DATABASE}
    asked |= {f"grants on schema {schema}": _ON_SCHEMA for schema in ("public", look.tracking_schema)}
    if difference.key not in asked or difference.after is None:
        return False
    before, after = attributes_of(difference.before or ""), attributes_of(difference.after)
    if before.get("revoked") != after.get("revoked"):
        return False
    of_others_before, had = _rights(before, look.role)
    of_others, has = _rights(after, look.role)
    return of_others == of_others_before and had < has and has - had <= asked[difference.key]


def _rights(attributes: Mapping[str, str], role: str) -> tuple[frozenset[str], frozenset[str]]:
    """The lines about others, and what the role has been given."""
    lines = frozenset(attributes.get("granted", "").splitlines())
    own = frozenset(line for line in lines if line.startswith(f"{role}: "))
    return lines - own, frozenset(right for line in own for right in line.removeprefix(f"{role}: ").split(", "))


def leftover(difference: Difference) -> Leftover | None:
    """What a broken-off CONCURRENTLY may have left there; None for every other object."""
    if difference.after is None or not is_leftover(difference.after):
        return None
    if index := index_of(difference.key):
        return Leftover(name=index)
    name, parent = table_of(difference.key), attributes_of(difference.after).get("partition of")
    return Leftover(name=name, parent=parent) if name and parent else None


def expected_with(expected: SchemaSnapshot, actual: SchemaSnapshot, *, but: Collection[str]) -> SchemaSnapshot:
    """The schema as it was found, with the objects of those keys as they were expected."""
    objects = {key: text for key, text in actual.objects.items() if key not in but}
    objects |= {key: text for key, text in expected.objects.items() if key in but}
    return SchemaSnapshot(objects=dict(sorted(objects.items())), versions=actual.versions)


def expected_after(
    expected: SchemaSnapshot,
    before: SchemaSnapshot,
    after: SchemaSnapshot,
    *,
    explained: Collection[str] | None = None,
) -> SchemaSnapshot:
    """What a schema should be after a run: what was expected before it, with what the run changed; of that only the
    keys that are `explained`, where not all is.

    What a broken-off CONCURRENTLY leaves is nobody's aim: it is never expected because a run ended with it.

    So a change made outside, which stands in `before` already, is not taken for work of the run and is still found
    after it, unless the run changed that very object.
    """
    objects = dict(expected.objects)
    changed = before.objects.keys() | after.objects.keys()
    for key in changed if explained is None else changed & set(explained):
        now = after.objects.get(key)
        if now == before.objects.get(key) or (now is not None and is_leftover(now)):
            continue
        if now is None:
            objects.pop(key, None)
        else:
            objects[key] = now
    return SchemaSnapshot(objects=dict(sorted(objects.items())), versions=after.versions)
