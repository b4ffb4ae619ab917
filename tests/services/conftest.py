from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.fix_line import Line

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.services.actors import Actor


@pytest.fixture
def alice(requester: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(requester)


@pytest.fixture
def bob(approver: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(approver)


@pytest.fixture
def carol(admin: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(admin)


@pytest.fixture
def vera(viewer: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(viewer)


@pytest.fixture
def two_files(line: Line) -> Line:
    """001 and 002, both with a rollback, pending everywhere."""
    line.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="DROP TABLE users;",
        _002_orders="CREATE TABLE orders (id int);",
        _002_rollback="DROP TABLE orders;",
    )
    return line
