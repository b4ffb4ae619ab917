"""What a plan names, as the target knows it: the objects that go, and what is called or fires without being proven
harmless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.forecast.harmless import COMPUTING_EXTENSIONS, HARMLESS_EXTENSIONS
from dashboard.engine.forecast.values import NOTHING_FIRES, Effect, PlanReading, Threat, Write

#: PostgreSQL's own functions that are volatile and touch no row.
HARMLESS_FUNCTIONS = [
    "nextval",
    "currval",
    "lastval",
    "setval",
    "random",
    "setseed",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    "clock_timestamp",
    "timeofday",
    "pg_sleep",
    "set_config",
    "pg_notify",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_xact_lock",
]
#: The body of a trigger that only puts the time into its own row.
STAMP = (
    r"^\s*begin\s+(new\.\w+\s*:?=\s*(pg_catalog\.)?(now\s*\(\s*\)|clock_timestamp\s*\(\s*\)|current_timestamp)"
    r"(\s+at\s+time\s+zone\s+'utc'(::text)?)?\s*;\s*)+return\s+new\s*;\s*end\s*;?\s*$"
)
#: What the catalog calls an effect: the bit of a trigger, the number of a rule.
_EFFECTS: Mapping[Effect, tuple[int, str]] = {
    Effect.INSERT: (4, "3"),
    Effect.DELETE: (8, "4"),
    Effect.UPDATE: (16, "2"),
    Effect.TRUNCATE: (32, ""),
    Effect.VALIDATION: (0, ""),
}
#: Statements that event triggers are often made for alone.
_TAGS = {
    "create_extension_stmt": ("CREATE EXTENSION",),
    "alter_extension_stmt": ("ALTER EXTENSION",),
    "create_function_stmt": ("CREATE FUNCTION", "CREATE PROCEDURE"),
    "drop_stmt": ("DROP EXTENSION", "DROP FUNCTION", "DROP TABLE", "DROP SCHEMA"),
    "create_stmt": ("CREATE TABLE",),
    "create_table_as_stmt": ("CREATE TABLE AS", "SELECT INTO"),
}

_RELATIONS = {"table", "view", "materialized view", "foreign table", "column"}
_LOCATED = {"sequence", "index", "type", "function", "aggregate", "operator", "collation", "constraint", "schema"} | {
    "extension"
}
#: Nothing with rows ever depends on them.
_ALONE = {"trigger", "rule", "policy", "publication", "event trigger", "role", "statistic ext", "text search", "cast"}


def on_target(connection: Connection, reading: PlanReading) -> Iterator[str]:
    """Sentences about what cannot be judged."""
    yield from _functions(connection, reading)
    yield from _views(connection, reading)
    yield from _policies(connection, reading)
    if reading.converts or reading.writes:
        values = {"converting": COMPUTING_EXTENSIONS, "harmless": HARMLESS_FUNCTIONS}
        for (cast,) in connection.execute(sql.query("unproven_casts"), values).fetchall():
            yield f"The target has {cast}, which runs wherever a value is converted; what it does to rows is not told."
    for write in reading.writes:
        yield from _fired(connection, write, reading)
    for threat in reading.threats:
        if threat.cascade and threat.kind not in _RELATIONS | _LOCATED | _ALONE:
            yield f"{threat.step.label}: what goes with the {threat.kind} {threat.name} by CASCADE is not known."
    if reading.tags - NOTHING_FIRES:
        absent = [tag for node, tags in _TAGS.items() if node not in reading.tags for tag in tags]
        for (name,) in connection.execute(sql.query("unproven_event_triggers"), {"absent": absent}).fetchall():
            yield f"The event trigger {name} fires when this runs; what it does to rows is not told."


def located(connection: Connection, threat: Threat) -> list[tuple[int, int, int]]:
    """The object that a DROP names, by its number in pg_depend; several where the name alone does not decide."""
    if threat.kind in _RELATIONS:
        return [
            place for oid in _relations(connection, threat) for place in _relation_or_column(connection, threat, oid)
        ]
    values = {"kind": threat.kind, "schema": threat.name.schema, "name": threat.name.text, "part": threat.column}
    rows = connection.execute(sql.query("located"), values).fetchall()
    return [(int(str(classid)), int(str(objid)), 0) for classid, objid in rows]


def _relations(connection: Connection, threat: Threat) -> list[int]:
    for schema in threat.path or (threat.name.schema,):
        if oids := tables.named(connection, schema, threat.name.text):
            return oids
    return []


def _relation_or_column(connection: Connection, threat: Threat, oid: int) -> list[tuple[int, int, int]]:
    rows = connection.execute(sql.query("relation_place"), {"oid": oid, "column": threat.column}).fetchall()
    return [(int(str(classid)), oid, int(str(sub))) for classid, sub in rows]


def _functions(connection: Connection, reading: PlanReading) -> Iterator[str]:
    if not reading.calls:
        return
    values = {
        "schemas": [call.name.schema for call in reading.calls],
        "names": [call.name.text for call in reading.calls],
        "operators": [call.is_operator for call in reading.calls],
        "attributes": [call.is_attribute for call in reading.calls],
        "new": [call.may_be_new for call in reading.calls],
        "harmless": HARMLESS_FUNCTIONS,
        "extensions": HARMLESS_EXTENSIONS,
        "converting": COMPUTING_EXTENSIONS,
    }
    for (at,) in connection.execute(sql.query("unproven_functions"), values).fetchall():
        call = reading.calls[int(str(at)) - 1]
        kind = "operator" if call.is_operator else "function"
        yield f"{call.where}: what the {kind} {call.name} does is not told by the script."


def _has_relatives(connection: Connection, written: Sequence[int], beneath: Sequence[int]) -> bool:
    """Whether it is a view, a parent, a child or a partition, so that triggers of other tables fire too."""
    relations = (tables.facts(connection, oid) for oid in written)
    return set(beneath) != set(written) or any(relation and relation.ancestors for relation in relations)


def _views(connection: Connection, reading: PlanReading) -> Iterator[str]:
    if not reading.reads:
        return
    values = {
        "schemas": [read.name.schema for read in reading.reads],
        "names": [read.name.text for read in reading.reads],
        "refreshed": [read.is_refresh for read in reading.reads],
        "harmless": HARMLESS_FUNCTIONS,
        "extensions": HARMLESS_EXTENSIONS,
    }
    for at, function in connection.execute(sql.query("unproven_views"), values).fetchall():
        read = reading.reads[int(str(at)) - 1]
        yield f"{read.where}: what the function {function} does, which {read.name} calls, is not told by the script."


def _policies(connection: Connection, reading: PlanReading) -> Iterator[str]:
    if not reading.reads:
        return
    values = {
        "schemas": [read.name.schema for read in reading.reads],
        "names": [read.name.text for read in reading.reads],
        "switched": reading.switches_row_security,
        "harmless": HARMLESS_FUNCTIONS,
        "extensions": HARMLESS_EXTENSIONS,
    }
    for at, policy, relation, function in connection.execute(sql.query("unproven_policies"), values).fetchall():
        yield (
            f"{reading.reads[int(str(at)) - 1].where}: what the function {function} does, which the policy {policy} of "
            f"{relation} calls, is not told by the script."
        )


def _fired(connection: Connection, write: Write, reading: PlanReading) -> Iterator[str]:
    bit, rule = _EFFECTS[write.effect]
    for schema in write.path or (write.name.schema,):
        if written := tables.named(connection, schema, write.name.text):
            break
    else:
        return
    oids = [oid for each in written for oid in tables.oids(connection, "beneath", oid=each)]
    if write.after_triggers and write.effect is not Effect.VALIDATION and _has_relatives(connection, written, oids):
        yield f"{write.where}: what it writes to {write.name} can fire a trigger or rule that the plan makes before it."
    values = {
        "oids": oids,
        "bit": bit,
        "rule": rule,
        "makes": list(reading.makes),
        "stamp": STAMP,
        "harmless": HARMLESS_FUNCTIONS,
        "extensions": HARMLESS_EXTENSIONS,
    }
    for (writer,) in connection.execute(sql.query("unproven_writers"), values).fetchall():
        yield f"{write.where}: {writer} runs with each {write.effect.value.upper()}; what it does to rows is not told."
