"""Which targets exist: config/environments.toml, or the seed's three variables without it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from config import calendars, jobs, sources
from config.calendars import Calendar, NotACalendar
from config.errors import Misconfigured
from config.jobs import TrustedJob
from config.roles import DECIDING, Role
from config.sources import Source
from dashboard.engine.database import urls
from dashboard.engine.database.transport import Transport
from dashboard.engine.plan import KEPT_IN, DualWrite, OutOfOrder

#: The variables of the source document; a target exists where its variable is set.
SEED: dict[str, dict[str, Any]] = {
    "development": {"name": "Development", "url": "DATABASE_URL_DEV"},
    "staging": {"name": "Staging", "url": "DATABASE_URL_STAGING"},
    "production": {"name": "Production", "url": "DATABASE_URL", "protected": True},
}


class UnknownEnvironment(LookupError):
    """No environment of that name is declared."""


class Requirement(StrEnum):
    """What an approver must have before them; without it a request cannot be approved."""

    REHEARSAL = "rehearsal"  # the plan was run on a throw-away database, and ran there
    LINT = "lint"  # no error in the scripts that would run
    REVERSIBLE = "reversible"  # its rollback was seen to restore the schema, or someone said why it need not
    PREVIOUS = "previous"  # the same migrations are applied in the environment declared before this one

    @property
    def is_shown_by_rehearsal(self) -> bool:
        """While one is under way, it is not missing yet."""
        return self in {Requirement.REHEARSAL, Requirement.REVERSIBLE}


#: What a protected environment asks for, unless it says otherwise.
PROTECTED_REQUIRES = (Requirement.REHEARSAL, Requirement.LINT, Requirement.REVERSIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One target and its policy. Its URLs are secrets: never stored, logged, shown or put in a repr.

    `url` may do everything that a run needs; `read_url`, where it is given, belongs to a role that only reads. One that
    can be read in two ways is not kept: `fault` or `read_fault` says what is wrong with it, and holds none of it.
    """

    slug: str
    name: str
    variable: str
    url: str = field(repr=False)
    position: int
    protected: bool = False
    approval_hours: int = 72
    rollback_hours: int = 72
    lock_timeout_ms: int = 3000
    statement_timeout_ms: int = 0
    deadline_minutes: int = 60
    require: tuple[Requirement, ...] = ()
    rehearsal_hours: int = 24
    tls: str = ""  # what the way there has to be like; empty: "private" if protected, else "any"
    fault: str = ""  # a clause that follows "the URL in DATABASE_URL"
    unisolated_rehearsals: bool = False
    rehearsals_with_network: bool = False
    read_url: str = field(default="", repr=False)
    read_fault: str = ""
    approvals: int = 1  # by as many people, none of them the requester
    approvals_with_loss: int = 0  # where the plan destroys something, or nobody can say that it does not; 0: no more
    approver_role: Role = Role.APPROVER
    approvers: tuple[str, ...] = ()  # the people whose approval counts; none named: everyone with the role
    calendar: Calendar = calendars.ALWAYS_OPEN
    after: str = ""  # the environment in which the same bytes have to be applied first
    break_glass: bool = False
    break_glass_role: Role = Role.ADMIN
    break_glass_minutes: int = 15
    source: str = sources.DEFAULT  # the name of the one that its files come from
    dual_write: DualWrite | None = None  # the table of another tool that gets its rows, too
    out_of_order: OutOfOrder = OutOfOrder.ASK  # what becomes of a migration that comes late
    optional: bool = False  # it may have no database: its variable need not be set

    @property
    def configured(self) -> bool:
        return bool(self.url or self.read_url)

    @property
    def read_variable(self) -> str:
        return f"{self.variable}_READ"

    @property
    def loss_needs_more(self) -> bool:
        return self.approvals_with_loss > self.approvals

    @property
    def transport(self) -> Transport:
        return Transport(self.tls or (Transport.PRIVATE if self.protected else Transport.ANY))

    @property
    def absence(self) -> str:
        """Why it has no database, as a clause, where it has none."""
        if self.read_fault and not self.fault:
            return urls.absence(self.read_variable, self.read_fault)
        return urls.absence(self.variable, self.fault)


_KEYS = {
    *("name", "url", "protected", "approval_hours", "rollback_hours", "lock_timeout_ms", "statement_timeout_ms"),
    *("deadline_minutes", "require", "rehearsal_hours", "tls", "unisolated_rehearsals"),
    "rehearsals_with_network",
    *("approvals", "approvals_with_loss", "approver_role", "approvers", "time_zone", "windows", "freezes", "after"),
    *("break_glass", "break_glass_role", "break_glass_minutes"),
    *("source", "optional", "dual_write", "out_of_order"),
}
_TABLES = {"environments", "sources", "jobs"}
#: Without a protected environment nobody approves, so nobody would ask for these.
_OF_APPROVALS = ("approvals", "approvals_with_loss", "approver_role", "approvers", "break_glass")
#: More people than this are asked by mistake.
MOST_APPROVALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the file says, or what holds without one."""

    environments: tuple[Environment, ...]
    jobs: tuple[TrustedJob, ...] = ()
    sources: tuple[Source, ...] = ()  # the default one is among them where the file gives it a path


def load(path: Path, variables: Mapping[str, str]) -> tuple[Environment, ...]:
    """The environments in order. Raises Misconfigured, naming the file and the key."""
    return read(path, variables).environments


def read(path: Path, variables: Mapping[str, str], *, is_named: bool = False, base: Path = Path()) -> Declared:
    """`is_named`: somebody said that the file is there, so it has to be. Raises Misconfigured."""
    tables = _tables(path, is_named=is_named)
    environments = tuple(
        _environment(path, slug, values, position, variables)
        for position, (slug, values) in enumerate(tables["environments"].items())
    )
    declared = sources.load(path, tables.get("sources", {}), base=base, variables=variables)
    for environment in environments:
        _check_order(path, environment, environments)
        _check_source(path, environment, declared)
    trusted = jobs.load(path, tables.get("jobs", {}), frozenset(each.slug for each in environments))
    return Declared(environments=environments, sources=declared, jobs=trusted)


def _tables(path: Path, *, is_named: bool) -> dict[str, Any]:
    if not path.exists() and not is_named:
        return {"environments": SEED}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(
            f"SIGNALBOX_ENVIRONMENTS names {path}, and there is no such file. Correct the path, or unset the variable."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}") from None
    if unknown := set(tables) - _TABLES:
        raise Misconfigured(
            f"{path} has the unknown part {min(unknown)}. Known: [environments.NAME], [sources.NAME] and [jobs.NAME]."
        )
    declared = tables.get("environments", {})
    if not declared:
        raise Misconfigured(f"{path} declares no environment. Add one, or delete the file.")
    if not isinstance(declared, dict) or not all(isinstance(values, dict) for values in declared.values()):
        raise Misconfigured(f"{path}: an environment is a table, such as [environments.staging] with a `url`.")
    return tables


def _environment(
    path: Path, slug: str, values: dict[str, Any], position: int, variables: Mapping[str, str]
) -> Environment:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", slug):
        raise Misconfigured(f"{path}: {slug!r} is not a name for an environment; use a-z, 0-9 and -.")
    if unknown := set(values) - _KEYS:
        raise Misconfigured(f"{path}: {slug} has unknown settings: {', '.join(sorted(unknown))}.")
    _check_types(path, slug, values)
    variable = values.get("url", "")
    if not isinstance(variable, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]*", variable):
        raise Misconfigured(
            f"{path}: `url` of {slug} must be the NAME of an environment variable, such as DATABASE_URL; "
            "the URL itself is a secret and does not belong in this file."
        )
    if (tls := values.get("tls", "")) and tls not in list(Transport):
        raise Misconfigured(f"{path}: `tls` of {slug} must be one of these: {', '.join(Transport)}.")
    given = variables.get(variable, "")
    fault = urls.fault_of(given) if given else ""
    given_to_read = variables.get(f"{variable}_READ", "")
    read_fault = urls.fault_of(given_to_read) if given_to_read else ""
    read_apart = {
        "name",
        "url",
        "require",
        "dual_write",
        "time_zone",
        "windows",
        "freezes",
        "out_of_order",
        *_OF_PEOPLE,
    }
    policy = {key: value for key, value in values.items() if key not in read_apart}
    return Environment(
        slug=slug,
        name=values.get("name", slug.capitalize()),
        variable=variable,
        url="" if fault else given,
        read_url="" if read_fault else given_to_read,
        fault=fault,
        read_fault=read_fault,
        position=position,
        require=_required(path, slug, values),
        dual_write=_dual_write(path, slug, values),
        out_of_order=_out_of_order(path, slug, values),
        calendar=_calendar(path, slug, values),
        **_people(path, slug, values),
        **policy,
    )


_FLAGS = ("protected", "unisolated_rehearsals", "rehearsals_with_network", "break_glass", "optional")
_TEXTS = ("name", "tls", "after", "source", "dual_write")
#: The least that makes sense. The most is what a wait, a timeout or a calendar can take.
_NUMBERS = {
    "approval_hours": 1,
    "rollback_hours": 0,
    "rehearsal_hours": 1,
    "deadline_minutes": 1,
    "lock_timeout_ms": 0,
    "statement_timeout_ms": 0,
}
_MOST = 2**31 - 1
_MOST_HOURS = 24 * 366


def _check_types(path: Path, slug: str, values: Mapping[str, Any]) -> None:
    for key in _FLAGS:
        if type(values.get(key, False)) is not bool:
            raise Misconfigured(f"{path}: `{key}` of {slug} must be true or false, without quotation marks.")
    for key in _TEXTS:
        if not isinstance(values.get(key, ""), str) or not values.get(key, "x").strip():
            raise Misconfigured(f"{path}: `{key}` of {slug} must be a text in quotation marks.")
    for key, least in _NUMBERS.items():
        number, most = values.get(key, least), _MOST if key.endswith("_ms") else _MOST_HOURS
        if type(number) is not int or not least <= number <= most:
            raise Misconfigured(
                f"{path}: `{key}` of {slug} must be a whole number from {least} to {most}, without quotation marks."
            )


_OF_PEOPLE = (
    *("approvals", "approvals_with_loss", "approver_role", "approvers"),
    *("break_glass_role", "break_glass_minutes"),
)


def _people(path: Path, slug: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """How many have to approve, and who."""
    if idle := [key for key in _OF_APPROVALS if key in values and not values.get("protected")]:
        raise Misconfigured(
            f"{path}: {slug} has `{idle[0]}`, but is not protected: nobody approves there. Add `protected = true`, or "
            f"take `{idle[0]}` out."
        )
    few = _number(path, slug, values, "approvals", 1)
    many = _number(path, slug, values, "approvals_with_loss", few)
    if many < few:
        raise Misconfigured(f"{path}: `approvals_with_loss` of {slug} must not be less than `approvals`.")
    names = values.get("approvers", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise Misconfigured(f"{path}: `approvers` of {slug} must be a list of user names.")
    if names and len(set(names)) < many:
        raise Misconfigured(
            f"{path}: {slug} needs {many} approvals and names {len(set(names))} `approvers`: nothing could ever run."
        )
    return {
        "approvals": few,
        "approvals_with_loss": many,
        "approvers": tuple(names),
        "approver_role": _role(path, slug, values, "approver_role", Role.APPROVER),
        "break_glass_role": _role(path, slug, values, "break_glass_role", Role.ADMIN),
        "break_glass_minutes": _number(path, slug, values, "break_glass_minutes", 15, most=120),
    }


def _number(
    path: Path, slug: str, values: Mapping[str, Any], key: str, default: int, *, most: int = MOST_APPROVALS
) -> int:
    number = values.get(key, default)
    if type(number) is not int or not 1 <= number <= most:
        raise Misconfigured(f"{path}: `{key}` of {slug} must be a number from 1 to {most}.")
    return number


def _role(path: Path, slug: str, values: Mapping[str, Any], key: str, default: Role) -> Role:
    role = values.get(key, default)
    if role not in DECIDING:
        raise Misconfigured(f"{path}: `{key}` of {slug} must be one of these: {', '.join(DECIDING)}.")
    return Role(role)


def _calendar(path: Path, slug: str, values: Mapping[str, Any]) -> Calendar:
    zone, windows, freezes = values.get("time_zone", "UTC"), values.get("windows", []), values.get("freezes", [])
    try:
        calendars.zone_of(zone)
        return Calendar(
            zone=zone,
            windows=tuple(calendars.window(text) for text in windows),
            freezes=tuple(calendars.freeze(f["from"], f["until"], f.get("reason", "")) for f in freezes),
        )
    except NotACalendar as error:
        raise Misconfigured(f"{path}: {slug}: {error}") from None
    except (TypeError, KeyError, AttributeError):
        raise Misconfigured(
            f"{path}: {slug}: `windows` is a list such as ['Mon-Thu 09:00-17:00'], and `freezes` a list such as "
            "[{ from = 2026-12-20, until = 2027-01-03, reason = 'Christmas' }]."
        ) from None


def _out_of_order(path: Path, slug: str, values: Mapping[str, Any]) -> OutOfOrder:
    given = values.get("out_of_order", OutOfOrder.ASK)
    if given not in list(OutOfOrder):
        raise Misconfigured(f"{path}: `out_of_order` of {slug} must be one of these: {', '.join(OutOfOrder)}.")
    return OutOfOrder(given)


def _check_order(path: Path, environment: Environment, environments: tuple[Environment, ...]) -> None:
    before = next((each for each in environments if each.slug == environment.after), None)
    if environment.after and (before is None or before.position >= environment.position):
        raise Misconfigured(
            f"{path}: `after` of {environment.slug} must name an environment that is declared before it."
        )


def _check_source(path: Path, environment: Environment, declared: tuple[Source, ...]) -> None:
    known = {sources.DEFAULT, *(source.name for source in declared)}
    if environment.source not in known:
        raise Misconfigured(
            f"{path}: `source` of {environment.slug} is {environment.source!r}, and no such source is declared. "
            f"Known: {', '.join(sorted(known))}."
        )


def _dual_write(path: Path, slug: str, values: Mapping[str, Any]) -> DualWrite | None:
    if "dual_write" not in values:
        return None
    if declared := DualWrite.declared(values["dual_write"]):
        return declared
    raise Misconfigured(
        f"{path}: `dual_write` of {slug} must be one of these: {', '.join(KEPT_IN)}; with its table where that is "
        "another one, as in dbmate:app.schema_migrations."
    )


def _required(path: Path, slug: str, values: Mapping[str, Any]) -> tuple[Requirement, ...]:
    asked = values.get("require", PROTECTED_REQUIRES if values.get("protected") else [])
    known = [requirement.value for requirement in Requirement]
    if not isinstance(asked, list | tuple) or any(each not in known for each in asked):
        raise Misconfigured(f"{path}: `require` of {slug} must be a list of these: {', '.join(known)}.")
    if asked and not values.get("protected"):
        raise Misconfigured(
            f"{path}: {slug} has `require`, but is not protected: nobody approves, so nothing would be checked. "
            "Add `protected = true`, or take `require` out."
        )
    return tuple(Requirement(each) for each in asked)
