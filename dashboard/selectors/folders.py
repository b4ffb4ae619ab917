"""The migrations folder of this installation: what it holds, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a look failed: an engine error as it is kept and shown."""

    code: str
    sentence: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Exactly one of the two is set."""

    folder: Folder | None = None
    failure: Failure | None = None


def read() -> Folder:
    """Raises SourceMissing or SourceUnreadable."""
    return discovery.read(settings.SOURCE)


def current() -> Found:
    """Never raises for the folder: a page about the databases is needed most when it is gone."""
    try:
        return Found(folder=read())
    except (SourceMissing, SourceUnreadable) as error:
        return Found(failure=Failure(code=error.code, sentence=str(error), next_step=error.next_step))
