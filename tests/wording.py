"""Presenters, forms and template tags word what they are given: the query that one of them sends fails its test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WORDING = ("/dashboard/presenters/", "/dashboard/forms/", "/dashboard/templatetags/")
#: Where the way from a query back to whoever asked may end: what called these does not word any more.
ASKING = ("/dashboard/views/", "/dashboard/cli/")
#: Asked once a request, and the first button that asks has to wait for it.
ROLES = "/dashboard/models/roles.py"


@contextmanager
def no_query_is_sent() -> Iterator[None]:
    """By what words; whoever else asks the control database may."""
    from django.db import connection

    with connection.execute_wrapper(refuse_query):
        yield


def refuse_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        file = frame.f_code.co_filename
        if file.endswith(ROLES):
            break
        assert not any(layer in file for layer in WORDING), f"{file}:{frame.f_lineno} asks the database: {sql}"
        if any(layer in file for layer in ASKING):
            break
    return execute(sql, params, many, context)
