"""What the variables and the file of environments say together: for web and worker, and for a command line without a
control database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config import control_database, environments, formats
from config.environments import Environment, UnknownEnvironment
from config.git_sources import GitDeclaration
from config.jobs import TrustedJob
from config.sources import DEFAULT, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """`sources` are those beside the default one."""

    environments: tuple[Environment, ...]
    default: Source
    sources: tuple[Source, ...] = ()
    jobs: tuple[TrustedJob, ...] = ()
    tracking_schema: str = "platform"
    rehearsal_url: str = field(default="", repr=False)

    def get(self, slug: str) -> Environment:
        """Raises UnknownEnvironment."""
        for environment in self.environments:
            if environment.slug == slug:
                return environment
        raise UnknownEnvironment(slug)

    def all_sources(self) -> tuple[Source, ...]:
        """The default one first, where an environment takes its files from it; then the declared ones."""
        is_used = not self.sources or any(e.source == DEFAULT for e in self.environments)
        return (self.default, *self.sources) if is_used else self.sources

    def source_of(self, environment: Environment) -> Source:
        """A former environment has the default one."""
        return next((source for source in self.sources if source.name == environment.source), self.default)

    def repositories(self) -> tuple[GitDeclaration, ...]:
        """The sources that are fetched from one."""
        return tuple(source.git for source in self.all_sources() if source.git and not source.git.is_pushed)


def file_of(variables: Mapping[str, str], base: Path) -> Path:
    """The file of environments: the one that is named, else the one that lies where it is looked for."""
    return Path(variables.get("SIGNALBOX_ENVIRONMENTS", "") or base / "config" / "environments.toml")


def is_named(variables: Mapping[str, str]) -> bool:
    """Somebody said where the file is, so what it declares is a promise and not an offer."""
    return bool(variables.get("SIGNALBOX_ENVIRONMENTS", ""))


def read(variables: Mapping[str, str], base: Path) -> Declaration:
    """Relative paths begin at `base`. Raises Misconfigured, naming the variable, or the file and the key."""
    file = file_of(variables, base)
    declared = environments.read(file, variables, is_named=is_named(variables), base=base)
    given = variables.get("SIGNALBOX_SOURCE", "")
    written = next((source for source in declared.sources if source.name == DEFAULT), None)
    rehearsal_url = variables.get("SIGNALBOX_REHEARSAL_URL", "")
    control_database.check_url("SIGNALBOX_REHEARSAL_URL", rehearsal_url)
    return Declaration(
        environments=declared.environments,
        jobs=declared.jobs,
        sources=tuple(source for source in declared.sources if source.name != DEFAULT),
        default=Source(
            name=DEFAULT,
            folder=Path(given or (written.folder if written else base / "migrations_sql")),
            reading=formats.of_default(file),
            git=written.git if written and not given else None,
        ),
        tracking_schema=variables.get("SIGNALBOX_TRACKING_SCHEMA", "platform"),
        rehearsal_url=rehearsal_url,
    )
