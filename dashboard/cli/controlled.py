"""The workspace of `manage.py signalbox`: as the settings say, with the commits that the control database keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import Error

from config.environments import Environment
from config.sources import Source
from dashboard.engine.database.connection import Access
from dashboard.engine.files.listing import Listing
from dashboard.engine.migration import Folder
from dashboard.engine.plan import TargetIdentity
from dashboard.local.workspace import NamedCommit, Workspace
from dashboard.models import environments, sources
from dashboard.presenters import audit as presenter
from dashboard.presenters import installations as installation_presenter
from dashboard.presenters import mails
from dashboard.selectors import control, folders, git
from dashboard.selectors import mails as selector
from dashboard.services import audit_guard, installations, targets


@dataclass(frozen=True, kw_only=True)
class ControlledWorkspace(Workspace):
    """Works without a control database too, and knows less then."""

    def files(self, source: Source) -> Folder:
        return folders.of_source(source)

    def listing(self, source: Source, folder: Folder) -> Listing:
        return folders.listing_of_source(source, folder)

    def commit(self, source: str, sha: str) -> NamedCommit | None:
        return git.known_as(source, sha)

    def control_identity(self) -> TargetIdentity | None:
        return control.identity_if_reachable()

    def access(self, environment: Environment) -> Access:
        return targets.access(environment)

    def fetched(self) -> tuple[Source, ...]:
        return sources.in_git()

    def own_standing(self) -> Iterator[str]:
        yield from _of_installation()
        yield from _of_audit_log()
        yield from _of_mail()


def _of_installation() -> Iterator[str]:
    """Whether this control database is a copy of another one, and whether that could be told."""
    try:
        view = installation_presenter.view(installations.current())
    except Error:
        return
    yield f"Installation: {view.sentence} {view.blind}".rstrip()


def _of_audit_log() -> Iterator[str]:
    """Whether this process could change it. Nothing is said where no control database answers: targets need none."""
    try:
        sentence = presenter.power(audit_guard.look()).sentence
    except Error:
        return
    yield f"Audit log: {sentence}"


def _of_mail() -> Iterator[str]:
    """Whether any is sent, and what was not delivered."""
    on = settings.SENDS_MAIL
    try:
        undelivered, unreachable = (selector.in_trouble().count(), selector.without_address()) if on else (0, 0)
    except Error:
        return
    yield f"Mail: {mails.standing(undelivered=undelivered, unreachable=unreachable)}"


def workspace() -> ControlledWorkspace:
    return ControlledWorkspace(declaration=environments.declaration(), command=settings.COMMAND_LINE)
