"""What was changed in a target outside Signalbox: the schema as it is, against the schema as its runs left it."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import statistics
from dashboard.engine.database.connection import Access
from dashboard.engine.database.statistics import Written
from dashboard.engine.errors import SchemaUnreadable
from dashboard.engine.schema import snapshot
from dashboard.engine.schema.objects import SchemaSnapshot


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
            return Seen(schema=schema, written=statistics.read(connection))
        except psycopg.Error as error:
            reason = connections.reason_of(error, access.address)
            raise SchemaUnreadable(environment=access.address.name, reason=reason) from None


def expected_after(expected: SchemaSnapshot, before: SchemaSnapshot, after: SchemaSnapshot) -> SchemaSnapshot:
    """What a schema should be after a run: what was expected before it, with what the run changed.

    So a change made outside, which stands in `before` already, is not taken for work of the run and is still found
    after it, unless the run changed that very object.
    """
    objects = dict(expected.objects)
    for key in before.objects.keys() | after.objects.keys():
        now = after.objects.get(key)
        if now == before.objects.get(key):
            continue
        if now is None:
            objects.pop(key, None)
        else:
            objects[key] = now
    return SchemaSnapshot(objects=dict(sorted(objects.items())), versions=after.versions)
