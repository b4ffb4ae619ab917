"""What a target is and what it remembers, read at one moment."""

from __future__ import annotations

from dashboard.engine.database import connection as connections
from dashboard.engine.database import tracking
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.errors import OtherDatabase
from dashboard.engine.plan import Target, TargetIdentity


def read(access: Access, *, scripts: bool = False, expected: TargetIdentity | None = None) -> Target:
    """Read a target's identity and history. Changes nothing, creates nothing.

    Raises OtherDatabase, with nothing of its history read, where it is not the expected one.
    """
    with connections.reading(access.address) as connection:
        identity = connections.identity(connection)
        if expected is not None and identity != expected:
            raise OtherDatabase(
                environment=access.address.name,
                variable=access.address.variable,
                change=expected.change_to(identity),
            )
        return target(connection, access, identity, scripts=scripts)


def target(connection: Connection, access: Access, identity: TargetIdentity, *, scripts: bool = False) -> Target:
    return Target(
        environment=access.address.environment,
        name=access.address.name,
        identity=identity,
        policy=access.policy,
        history=tracking.read(connection, access.schema, scripts=scripts),
    )
