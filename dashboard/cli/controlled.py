"""The workspace of `manage.py signalbox`: as the settings say, with the commits that the control database keeps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import Error

from config.environments import Environment
from config.sources import Source
from dashboard.cli.exits import Exit
from dashboard.cli.repairs import NotSubmitted
from dashboard.engine.database.connection import Access
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.files.listing import Listing
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.plan import Action, Plan, Target, TargetIdentity
from dashboard.local.workspace import NamedCommit, Submitted, Word, Workspace
from dashboard.models import ChangeRequest, environments, sources
from dashboard.presenters import audit as presenter
from dashboard.presenters import hidden, mails
from dashboard.presenters import installations as installation_presenter
from dashboard.selectors import control, folders, git
from dashboard.selectors import mails as selector
from dashboard.services import audit_guard, decisions, installations, plans, policies, repairs, targets
from dashboard.services.actors import Actor


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

    def look(self, environment: Environment) -> Target:
        return targets.look(environment)

    def mended(
        self,
        environment: Environment,
        action: Action,
        migrations: Sequence[MigrationId] = (),
        *,
        upto: str = "",
        reason: str,
    ) -> Plan:
        return repairs.plan(environment, action, migrations, upto=upto, reason=reason)

    def imported(self, environment: Environment, *, table: str) -> Plan:
        return plans.import_history(environment, table=table)

    def submit(self, plan: Plan, environment: Environment, word: Word) -> Submitted:
        """A request where people have to approve, else a run. On the command line the environment is typed already; the
        verbs but one have asked for their reason before. Raises NotSubmitted."""
        try:
            by = _actor(word.by)
            if plan.action is Action.IMPORT and decisions.needs_request(plan, environment):
                policies.check_reason(word.reason, "ask for an import")
            result = decisions.submit(
                plan,
                environment=environment,
                by=by,
                reason=word.reason,
                accepted=word.accepted,
                typed_name=environment.slug,
            )
        except User.DoesNotExist:
            raise NotSubmitted(
                f"nobody who may sign in is called {word.by}. Nothing was written.", Exit.USAGE
            ) from None
        except Error as error:
            raise NotSubmitted(_complaint(error, "Nothing was written."), Exit.UNREACHABLE) from None
        if isinstance(result, ChangeRequest):
            sentence = (
                f"Request {result.pk} is open: {environment.name} is protected, and a second person has to approve it."
            )
            return Submitted(request=result.pk, sentence=sentence)
        return Submitted(run=result.pk, sentence=f"Run {result.pk} is queued.")

    def fetched(self) -> tuple[Source, ...]:
        return sources.in_git()

    def own_standing(self) -> tuple[Check, ...]:
        try:
            return (_of_installation(), _of_audit_log(), _of_mail())
        except Error as error:
            failure = control.failure(error)
            level, finding = CheckLevel.REFUSED, failure.sentence
            return (Check(code="control_database", level=level, finding=finding, remedy=failure.remedy),)


def complain_of(error: Error, *, done: str) -> Exit:
    """Say that the control database cannot be asked. `done`: what was, as a sentence."""
    print(hidden.shown(f"signalbox: {_complaint(error, done)}"), file=sys.stderr)
    return Exit.UNREACHABLE


def _complaint(error: Error, done: str) -> str:
    failure = control.failure(error)
    return f"{failure.sentence}\n  {done} {failure.remedy}"


def _actor(name: str) -> Actor:
    """A shell proves nothing of who sits before it, and the audit log says so."""
    user = User.objects.get(username=name, is_active=True)
    return Actor(name=f"{user.get_username()} (on the command line)", user=user)


def _of_installation() -> Check:
    """Whether this control database is a copy of another one, and whether that could be told."""
    installation, here = installations.standing()
    if installation is None:
        finding = "it has no name yet. The first page or worker that uses the control database makes one."
        return Check(code="installation", level=CheckLevel.NOTE, finding=finding)
    view, strange = installation_presenter.view(installation), installation_presenter.strange(installation, here)
    if view.is_held:
        remedy = "An administrator of Signalbox confirms it, on the page that the Overview leads to."
        return Check(code="installation", level=CheckLevel.REFUSED, finding=view.sentence, remedy=remedy)
    level = CheckLevel.WARNING if strange or view.blind else CheckLevel.FINE
    finding = " ".join(filter(None, (view.sentence, strange)))
    return Check(code="installation", level=level, finding=finding, remedy=view.blind)


def _of_audit_log() -> Check:
    """Whether this process could change it."""
    return Check(code="audit_log", level=CheckLevel.NOTE, finding=presenter.power(audit_guard.look()).sentence)


def _of_mail() -> Check:
    """Whether any is sent, and what was not delivered."""
    on = settings.SENDS_MAIL
    undelivered, unreachable = (selector.in_trouble().count(), selector.without_address()) if on else (0, 0)
    finding = mails.standing(undelivered=undelivered, unreachable=unreachable)
    return Check(code="mail", level=CheckLevel.NOTE, finding=finding)


def workspace() -> ControlledWorkspace:
    return ControlledWorkspace(declaration=environments.declaration(), command=settings.COMMAND_LINE)
