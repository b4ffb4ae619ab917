"""How a worker reaches its queue: it waits where the control database is away, instead of ending with all it does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from procrastinate import App
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector

logger = logging.getLogger(__name__)

#: Seconds without an answer until the worker gives up and ends with an error, so that whoever started it sees it.
PATIENCE = 300.0
PAUSE = 1.0


class PatientConnector(PsycopgConnector):
    """Asks again as long as nobody answers. What the database refuses it refuses at once."""

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        ask = super().execute_query_async
        await _patiently(lambda: ask(query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        ask = super().execute_query_one_async
        return await _patiently(lambda: ask(query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        ask = super().execute_query_all_async
        return await _patiently(lambda: ask(query, **arguments))

    async def listen_notify(self, on_notification: Any, channels: Iterable[str]) -> None:
        listen, names = super().listen_notify, list(channels)
        await _patiently(lambda: listen(on_notification, names))


def use(app: App) -> None:
    """Have the workers of this app connect so. Called once the app is ready."""
    app.connector.get_worker_connector = lambda: PatientConnector(kwargs=connector_params("default"))  # type: ignore[attr-defined]


async def _patiently[T](ask: Callable[[], Awaitable[T]]) -> T:
    """The patience is for each silence: one that had an answer for longer than that begins anew."""
    silent_since = time.monotonic()
    while True:
        asked_at = time.monotonic()
        try:
            return await ask()
        except ConnectorException as error:
            if not _is_away(error):
                raise
            if time.monotonic() - asked_at > PATIENCE:
                silent_since = time.monotonic()
            if time.monotonic() - silent_since > PATIENCE:
                raise
            logger.warning("The control database does not answer; the worker asks again: %s", error.__cause__)
        await asyncio.sleep(PAUSE)


def _is_away(error: ConnectorException) -> bool:
    driver = DatabaseWrapper.Database
    return isinstance(error.__cause__, (driver.OperationalError, driver.InterfaceError))
