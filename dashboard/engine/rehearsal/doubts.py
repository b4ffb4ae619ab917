"""What makes a rehearsal say nothing of the target: where its server differs in a way that can decide. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from dashboard.engine.database import origins
from dashboard.engine.lint.parsed import parse
from dashboard.engine.lint.rules import asks_where_it_runs
from dashboard.engine.rehearsal.report import Proof, ScriptError
from dashboard.engine.sql import statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One way in which the rehearsal is not the target."""

    reason: str  # a clause that follows "because"
    sqlstates: frozenset[str] = frozenset()  # of the failures that it can explain; empty: any that the server reports
    concerns: Callable[[str], bool] | None = None  # of which origin those are; None: any
    of_passes: bool = False  # what runs here may fail there

    def explains(self, error: ScriptError) -> bool:
        if self.sqlstates and error.sqlstate not in self.sqlstates:
            return False
        return self.concerns is None or self.concerns(error.origin)


#: A rehearsal from the first file on begins with a server that nobody has prepared.
NO_ROLE = Doubt(
    reason="it names a role that neither the folder nor the rehearsal server makes",
    sqlstates=frozenset({"42704"}),
    concerns=origins.is_about_a_role,
)

#: SET ROLE names its role so, and no field of the error says which setting it was.
NO_SUCH_VALUE = Doubt(
    reason="it sets a role, or another setting, to something that the rehearsal server does not have",
    sqlstates=frozenset({"22023"}),
    concerns=origins.is_about_a_setting,
)
#: Of the classes 53 and 54 of errors.
TOO_MUCH = Doubt(
    reason="it took more memory, disk or room than a rehearsal is given here, and the target may have more",
    sqlstates=frozenset({"53000", "53100", "53200", "53400", "54000"}),
)

#: The last major version on which whoever may make roles can give themselves each right of the server.
LAST_WITHOUT_ROLES = 15
_FORBIDDEN = frozenset({"42501"})
_WITHOUT_SUPERUSER = "it ran without the rights of a superuser"
_WITHOUT_ROLES = (
    "nothing makes a role in a rehearsal on PostgreSQL {major}, where the right to make roles is one to run programs; "
    "make the role on the target beforehand, and in the migration only where it is missing: its copy has it then"
)


def of_rights(major: int) -> list[Doubt]:
    """No rehearsal has the rights of a superuser, whatever the role of the target has; and on a server of an old major
    version its role makes no roles."""
    if major > LAST_WITHOUT_ROLES:
        return [Doubt(reason=_WITHOUT_SUPERUSER, sqlstates=_FORBIDDEN)]
    return [
        Doubt(reason=_WITHOUT_ROLES.format(major=major), sqlstates=_FORBIDDEN, concerns=origins.is_about_making_roles),
        Doubt(
            reason=_WITHOUT_SUPERUSER,
            sqlstates=_FORBIDDEN,
            concerns=lambda origin: not origins.is_about_making_roles(origin),
        ),
    ]


def of_asking(script: str) -> str:
    """Why what passed on a server that others use may do something else on the target: there its database has another
    name, and a script that asks can tell. Empty where none is seen to ask."""
    asked = next(chain.from_iterable(map(asks_where_it_runs.asked_in, parse(statements.split(script)))), "")
    return f"it asks for {asked}, by which it can tell a rehearsal on a server that others use" if asked else ""


def of_grammar(major: int, ours: int) -> list[Doubt]:
    """A server of that major version may refuse what the parser of a later one, `ours`, has taken."""
    reason = f"PostgreSQL {major}, on which it ran, does not know a syntax that PostgreSQL {ours} has"
    doubt = Doubt(reason=reason, sqlstates=frozenset({"42601"}), concerns=origins.is_about_the_grammar)
    return [doubt] if major < ours else []


def doubt_of(proof: Proof, doubts: Sequence[Doubt]) -> str:
    """Why it may be otherwise on the target; empty where nothing speaks for that. What Signalbox itself refuses, it
    refuses there too."""
    if proof.ran:
        return ", and ".join(doubt.reason for doubt in doubts if doubt.of_passes)
    errors = [error for error in proof.errors if error.sqlstate]
    if not errors or len(errors) != len(proof.errors):
        return ""
    lacks = (error.sentence for error in errors if origins.is_lack_of_build(error.origin, error.sqlstate))
    if lacking := next(lacks, ""):
        return f"the rehearsal server lacks what it needs ({lacking})"
    explaining = [doubt.reason for doubt in (TOO_MUCH, *doubts) if all(map(doubt.explains, errors))]
    return ", and ".join(explaining)
