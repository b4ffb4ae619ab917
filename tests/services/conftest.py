from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

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
