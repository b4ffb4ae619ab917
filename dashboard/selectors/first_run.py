"""How far an installation is: what the first-run guide says, and whether a first migration could be applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from dashboard.engine.database import urls
from dashboard.models import Rehearsal, Run, environments, sources
from dashboard.models.environments import Environment
from dashboard.models.roles import RANK, Role
from dashboard.models.sources import Source
from dashboard.selectors import folders, observations, people, workers
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.people import Listed
from dashboard.selectors.workers import WorkerState


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    source: Source
    reading: FolderReading
    environments: tuple[Environment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRun:
    control: str  # host:port/database as user
    unapplied: int  # Django migrations
    shared_with: tuple[Environment, ...]  # whose database it is, by the URL or by what the server says
    administrators: tuple[str, ...]
    environments: tuple[Environment, ...]
    sources: tuple[SourceState, ...]
    deciders: tuple[User, ...]  # who may approve, and has come in already
    invited: tuple[str, ...]  # who may approve, and has not
    worker: WorkerState
    rehearsed_at: datetime | None  # when a rehearsal was carried out last
    usable: bool


def state() -> FirstRun:
    """Asks the control database and the folders; no target."""
    every = people.everybody()
    last = Rehearsal.objects.filter(status=Rehearsal.Status.DONE).order_by("-id").first()
    readings = folders.all_now()
    return FirstRun(
        control=_address(),
        unapplied=_unapplied(),
        shared_with=tuple(e for e in environments.all_environments() if _is_control(e)),
        administrators=tuple(p.get_username() for p in people.administrators()),
        environments=environments.all_environments(),
        sources=tuple(_source(source) for source in sources.all_sources()),
        deciders=tuple(p.person for p in every if _may_decide(p) and not _is_awaited(p)),
        invited=tuple(p.person.get_username() for p in every if _may_decide(p) and _is_awaited(p)),
        worker=workers.state(),
        rehearsed_at=last.finished_at if last else None,
        usable=is_usable(readings),
    )


def is_usable(readings: Sequence[FolderReading]) -> bool:
    """A target was seen and has files that it can be compared with; or something was run already."""
    filled = {reading.source for reading in readings if reading.folder and reading.folder.migrations}
    looks = observations.looks(environments.all_environments())
    known = {slug for slug, look in looks.items() if look.history is not None}
    return any(e.slug in known and e.source in filled for e in environments.all_environments()) or Run.objects.exists()


def _source(source: Source) -> SourceState:
    return SourceState(
        source=source, reading=folders.of_source_now(source), environments=sources.environments_of(source)
    )


def _address() -> str:
    given = connection.settings_dict
    return f"{given['HOST'] or 'localhost'}:{given['PORT'] or 5432}/{given['NAME']} as {given['USER'] or 'its user'}"


def _unapplied() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _is_control(environment: Environment) -> bool:
    if not environment.url:
        return False
    parts, own = urls.parts(environment.url), settings.DATABASES["default"]
    theirs = (parts.get("host") or "localhost", str(parts.get("port") or 5432), parts.get("dbname"))
    return theirs == (own["HOST"] or "localhost", str(own["PORT"] or 5432), own["NAME"])


def _may_decide(listed: Listed) -> bool:
    return listed.person.is_active and listed.role is not None and RANK[listed.role] >= RANK[Role.APPROVER]


def _is_awaited(listed: Listed) -> bool:
    return listed.person.last_login is None and not listed.person.has_usable_password()
