"""The control database that is not there: said in a sentence, where Django shows a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connections


@contextmanager
def needing_it(alias: str) -> Iterator[None]:
    """Raises CommandError where no connection came about. What fails on one that is there is another matter."""
    try:
        yield
    except OperationalError as error:
        if connections[alias].connection is not None:
            raise
        raise CommandError(f"{_what_happened(error)} Nothing was changed. {_REMEDY}") from None


_REMEDY = (
    "Set SIGNALBOX_DATABASE_URL to a PostgreSQL database for Signalbox alone, and see that it answers. "
    "`make demo` needs none."
)


def _what_happened(error: OperationalError) -> str:
    if not settings.CONTROL_DATABASE_IS_NAMED:
        return "No control database is named: neither SIGNALBOX_DATABASE_URL nor DATABASE_URL is set."
    return f"The control database cannot be reached ({str(error).strip().splitlines()[0]})."
