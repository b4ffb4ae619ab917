"""The histories that other tools keep in a target, held against the files of its environment. Only reads."""

from __future__ import annotations

from dashboard.engine.database.doctor import Check
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import Folder
from dashboard.local import imports as local
from dashboard.local.imports import CODE, OtherHistories, ToolReading, plan
from dashboard.models import command_line
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import targets

__all__ = ["CODE", "OtherHistories", "ToolReading", "checks", "plan", "read"]


def read(environment: Environment, folder: Folder | None = None, *, table: str = "") -> OtherHistories:
    """As `local.read`; raises for the folder what reading it does."""
    folder = folder or folders.read(environment)
    return local.read(targets.access(environment), folder, folders.listing_of(environment, folder), table=table)


def checks(environment: Environment) -> tuple[Check, ...]:
    """What other tools have applied there and is not recorded yet; nothing where the target or the files cannot be
    read, which others tell."""
    try:
        others, target = read(environment), targets.read(environment)
    except EngineError:
        return ()
    return tuple(local.checks(target, others, command=command_line.of(f"import {environment.slug}")))
