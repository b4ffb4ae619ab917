"""What the command line works on: the declared environments, their files and their targets, without a control
database. What has one says more by the methods that it replaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from config.declaration import Declaration
from config.environments import Environment
from config.sources import Source
from dashboard.engine import scoping
from dashboard.engine.database import history
from dashboard.engine.database.connection import Access
from dashboard.engine.database.doctor import Check
from dashboard.engine.errors import EngineError, SourceNotRead
from dashboard.engine.files.listing import Listing, list_folder
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.plan import Action, Plan, Target, TargetIdentity
from dashboard.engine.run import dryrun
from dashboard.local import folders, gates, imports, isolation, mending, running, targets
from dashboard.local.running import LocalRun


class NamedCommit(Protocol):
    """The commit that files were read from."""

    @property
    def short(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def author(self) -> str: ...
    def to_dict(self) -> dict[str, str]: ...


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody says who asks for a plan."""

    by: str
    reason: str = ""
    accepted: Sequence[str] = ()
    glass: str = ""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What became of a plan that was asked for; `waits` for people."""

    sentence: str
    request: int | None = None
    run: int | str | None = None

    @property
    def waits(self) -> bool:
        return self.request is not None


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """`command` is how the command line is called here."""

    declaration: Declaration
    command: str

    def typed(self, arguments: str) -> str:
        """What a person types to have this done: "signalbox doctor"."""
        return f"{self.command} {arguments}"

    # Files

    def named_source(self, name: str) -> Source:
        """A declared one, else the folder of that path."""
        declared = (self.declaration.default, *self.declaration.sources)
        named = (source for source in declared if source.name == name)
        return next(named, Source(name="", folder=Path(name)))

    def files(self, source: Source) -> Folder:
        """As they are now. Raises SourceMissing, SourceUnreadable, SourceNotRead."""
        if source.git is None:
            return folders.read(source, self.declaration.environments)
        reason = "its files are in a repository, and the last commit is kept by the server of Signalbox."
        remedy = "Name the folder of your checkout with --source, or ask the server: set SIGNALBOX_URL."
        raise SourceNotRead(source=source.name, reason=reason, remedy=remedy)

    def listing(self, source: Source, folder: Folder) -> Listing:
        """What lies in the source, of which `folder` was read just now."""
        return list_folder(source.folder)

    def commit(self, source: str, sha: str) -> NamedCommit | None:
        """A folder on disk is of none."""
        return None

    def commit_of(self, plan: Plan) -> NamedCommit | None:
        return self.commit(plan.source, plan.commit)

    def fetched(self) -> tuple[Source, ...]:
        """The sources that are fetched from a repository; here none is."""
        return ()

    # Targets

    def control_identity(self) -> TargetIdentity | None:
        """The database in which approvals are kept, where that is known."""
        return None

    def access(self, environment: Environment) -> Access:
        """To look at it."""
        return targets.access(environment, self.declaration)

    def access_to_write(self, environment: Environment) -> Access:
        """To run something there."""
        return replace(self.access(environment), address=targets.address_to_write(environment))

    def read(self, environment: Environment, *, scripts: bool = False) -> Target:
        """Raises TargetUnreachable, TargetNotConfigured, and for what the target refuses what `history.read` does."""
        return targets.read(environment, self.access(environment), scripts=scripts)

    def read_or_error(self, environment: Environment) -> Target | EngineError:
        return targets.read_or_error(environment, self.access(environment))

    def judged(self, environment: Environment, folder: Folder, target: Target | None = None) -> Folder:
        """With what the server there says of the files."""
        return targets.judged(self.access(environment).address, folder, target)

    def check_captured(self, environment: Environment, plan: Plan) -> None:
        """As `targets.check_captured`, by the server there."""
        targets.check_captured(self.access(environment).address, plan)

    def as_sql(self, plan: Plan, environment: Environment) -> str:
        """Everything that a run of it would send, as text; nothing is sent but one look."""
        return dryrun.text(plan, self.access(environment))

    def checkup(self, environment: Environment) -> tuple[Check, ...]:
        """Everything that is asked of a target, the unfit first. Raises TargetUnreachable, TargetNotConfigured."""
        to = replace(self.access(environment), control=self.control_identity())
        checks = (*targets.checkup(environment, to), *self._other_histories(environment))
        return (*targets.unfit_first(checks), *isolation.examine(self.declaration))

    def _other_histories(self, environment: Environment) -> tuple[Check, ...]:
        """Nothing where the target or the files cannot be read, which others tell."""
        source = self.declaration.source_of(environment)
        try:
            folder = scoping.within(self.files(source), environment.slug)
            others = imports.read(self.access(environment), folder, self.listing(source, folder))
            target = self.read(environment)
        except EngineError:
            return ()
        return tuple(imports.checks(target, others, command=self.typed(f"import {environment.slug}")))

    # Mending a history

    def look(self, environment: Environment) -> Target:
        """As `read`, of the database that the environment is bound to, where that is known."""
        return self.read(environment)

    def folder_of(self, environment: Environment) -> Folder:
        """As the environment has it."""
        return scoping.within(self.files(self.declaration.source_of(environment)), environment.slug)

    def mended(
        self,
        environment: Environment,
        action: Action,
        migrations: Sequence[MigrationId] = (),
        *,
        upto: str = "",
        reason: str,
    ) -> Plan:
        """The plan that mends its history so."""
        folder = self.folder_of(environment)
        plan = mending.plan(action, self.look(environment), folder, migrations, upto=upto, reason=reason)
        return self._doubted(environment, plan, folder)

    def imported(self, environment: Environment, *, table: str) -> Plan:
        """The plan that records what another tool has applied."""
        source, folder = self.declaration.source_of(environment), self.folder_of(environment)
        others = imports.read(self.access(environment), folder, self.listing(source, folder), table=table)
        return self._doubted(environment, imports.plan(self.look(environment), others, table=table), folder)

    def _doubted(self, environment: Environment, plan: Plan, folder: Folder) -> Plan:
        to = self.access(environment).address
        return targets.doubted(to, plan, folder) if plan.action in mending.DOUBTED else plan

    def check_gates(self, plan: Plan, environment: Environment) -> None:
        """The same bytes have to stand in the database of the environment before it now. Raises NotNow, and what `read`
        does where that one cannot be asked; NotApproved where a Signalbox protects that database under the name of
        another schema."""
        running.check_unprotected(environment, history.protecting_elsewhere(self.access(environment)))
        gates.check_time(environment, datetime.now(UTC))
        if gates.has_order(plan, environment):
            before = self.declaration.get(environment.after)
            rows = {row.identity: row for row in self.read(before).history.rows}
            gates.check_order(plan, environment, before, rows)

    def submit(self, plan: Plan, environment: Environment, word: Word) -> Submitted:
        """Runs it. Raises NotApproved where people have to approve, NotNow, NotAcknowledged, and what the executor
        does."""
        run = LocalRun(by=word.by, glass=word.glass)
        running.check_may_run(environment, self.look(environment), run)
        if not run.glass:
            self.check_gates(plan, environment)
        running.check_accepted(plan, word.accepted)
        running.execute(plan, environment, self.access_to_write(environment), run, lambda event: None)
        return Submitted(run=run.run_id, sentence=f"It is recorded, by run {run.run_id}.")

    # Signalbox itself

    def own_standing(self) -> tuple[Check, ...]:
        """How the installation stands; without a control database there is none."""
        return ()
