"""What was changed in a target outside Signalbox: the schema as it is, against the schema as its runs left it."""

from __future__ import annotations

from collections.abc import Collection
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


def look(access: Access) -> Seen:
    """The schema now, and how much was written. Changes nothing.

    Raises TargetUnreachable, TargetNotConfigured, SchemaUnreadable.
    """
    left_out = snapshot.tracking_tables(access.schema)
    with connections.reading(access.address) as connection:
        try:
            schema = snapshot.take(connection, exclude_tables=left_out)
            statistics.wait_until_counted(connection)
            return Seen(schema=schema, written=statistics.read(connection))
        except psycopg.Error as error:
            reason = connections.reason_of(error, access.address)
            raise SchemaUnreadable(environment=access.address.name, reason=reason) from None


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
