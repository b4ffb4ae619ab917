"""What bringing saved rows back would overwrite, counted on the live target: it is saved nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import saved
from dashboard.engine.database.connection import Address, Connection
from dashboard.engine.errors import EngineError
from dashboard.engine.forecast.counting import BUDGET, CONNECT_TIMEOUT, not_counted
from dashboard.engine.forecast.values import Fate, Forecast, Loss
from dashboard.engine.plan import Plan


def take(address: Address, plan: Plan) -> Forecast:
    """Nothing where nothing is overwritten. Never raises for a target that does not answer: `failure` says why."""
    if not any(copy.overwrite for step in plan.steps for copy in step.copies):
        return Forecast()
    try:
        with (
            connections.reading(address, timeout=CONNECT_TIMEOUT) as connection,
            connections.cut_off_after(BUDGET + 1, connection),
        ):
            return Forecast(losses=tuple(_losses(connection, plan)))
    except EngineError as error:
        return Forecast(failure=str(error))
    except psycopg.Error as error:
        return Forecast(failure=not_counted(error, address))


def _losses(connection: Connection, plan: Plan) -> Iterator[Loss]:
    for step in plan.steps:
        for copy in step.copies:
            differs = saved.outlook(connection, copy).differs if copy.overwrite else 0
            if differs:
                yield Loss(
                    step=step.identity,
                    fate=Fate.REPLACED,
                    kind="table",
                    schema=copy.schema,
                    table=copy.table,
                    columns=copy.columns,
                    rows=differs,
                )
