"""Whether there is a server for rehearsals, asked of the server itself or of this machine."""

from __future__ import annotations

from collections.abc import Collection

from dashboard.engine import localserver
from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql
from dashboard.engine.database.connection import Address
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.errors import EngineError
from dashboard.engine.rehearsal.throwaway import VARIABLE

_CODE = "rehearsal_server"


def examine(url: str | None, majors: Collection[int]) -> Check:
    """`majors` are those of the targets; evidence from another one does not count."""
    return _of_server(url, majors) if url else _of_this_machine(majors)


def _of_server(url: str, majors: Collection[int]) -> Check:
    address = Address(environment="rehearsal-server", name="The rehearsal server", variable=VARIABLE, url=url)
    try:
        with connections.reading(address) as opened:
            row = opened.execute(sql.query("maker")).fetchone()
            major = opened.info.server_version // 10_000
    except EngineError as error:
        return Check(code=_CODE, level=CheckLevel.REFUSED, finding=str(error), remedy=error.remedy)
    assert row is not None, "current_user always has a role"
    if not row[0]:
        grant = f"ALTER ROLE {row[1]} CREATEDB;"
        finding = f"its role {row[1]} may not create databases."
        return Check(
            code=_CODE,
            level=CheckLevel.REFUSED,
            finding=finding,
            remedy=f"Run as a superuser: {grant}",
            grants=(grant,),
        )
    return _judged({major}, majors, f"{VARIABLE} leads to PostgreSQL {major}.")


def _of_this_machine(majors: Collection[int]) -> Check:
    try:
        there = {int(installation.major) for installation in localserver.installations()}
    except EngineError as error:
        return Check(code=_CODE, level=CheckLevel.REFUSED, finding=str(error), remedy=error.remedy)
    if not there:
        remedy = f"Install PostgreSQL there, or set {VARIABLE} to a server whose role may create databases."
        return Check(code=_CODE, level=CheckLevel.REFUSED, finding="this machine has no PostgreSQL.", remedy=remedy)
    named = ", ".join(map(str, sorted(there)))
    return _judged(
        there, majors, f"a private server is started for each rehearsal: this machine has PostgreSQL {named}."
    )


def _judged(there: Collection[int], majors: Collection[int], finding: str) -> Check:
    lacking = sorted(set(majors) - set(there))
    if not lacking:
        return Check(code=_CODE, level=CheckLevel.FINE, finding=finding)
    named = ", ".join(map(str, lacking))
    remedy = (
        f"A target runs PostgreSQL {named}, and a rehearsal on another version is no evidence there. Set {VARIABLE} to "
        f"a server of version {named}, whose role may create databases."
    )
    return Check(code=_CODE, level=CheckLevel.WARNING, finding=finding, remedy=remedy)
