"""The page of an environment as its tests make it: of a folder, a history, and who looks at it."""

from __future__ import annotations

from typing import Any

from dashboard.engine.migration import Folder
from dashboard.engine.status import compute
from dashboard.models.roles import Role
from dashboard.presenters import environment_detail as presenter
from dashboard.presenters.environment_detail import EnvironmentPage
from dashboard.selectors.environments import Standing
from dashboard.services import plans
from tests.presenters import values


def page(
    standing: Standing, folder: Folder | None = None, role: Role | None = Role.ADMIN, **known: Any
) -> EnvironmentPage:
    """What the view gives it: the plan that Apply would make of this folder, and what else a test knows of it."""
    offer = plans.offered(standing.environment, standing.look, folder)
    given = {"rehearsal": None, "lint": {}, "runs": {}, "failures": {}, **known}
    made = presenter.page(standing, offer, by=values.actor(role=role), **given)
    values.assert_sound(made)
    return made


def seen(folder: Folder, *rows: Any, where: Any = values.STAGING, **changes: Any) -> Standing:
    """An environment whose states are those that this folder and this history have."""
    past = values.history(*rows, **changes.pop("past", {}))
    return values.standing(
        *compute(folder, past), where=where, **{"look": values.look(past, **changes.pop("looked", {})), **changes}
    )


FIRST, SECOND = values.migration("001", "users"), values.migration("002", "plans")
BOTH = values.folder(FIRST, SECOND)
