"""Rehearsals for tests: reports made up, and a worker that answers at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.engine import rehearsal as engine
from dashboard.engine.errors import LocalServerError
from dashboard.engine.localserver import isolation
from dashboard.engine.plan import Action, Plan, Step
from dashboard.engine.rehearsal.report import Origin, Proof, Report, ScriptRun

if TYPE_CHECKING:
    from config.environments import Environment
    from tests.fix_project import ChangeProduction

#: What a test would like a rehearsal to find: takes the plan, gives the report or raises.
type Finds = Callable[[Plan], Report]
type RehearsalsFind = Callable[[Finds], None]
type RequireOnProduction = Callable[..., Environment]

RAN = ScriptRun(ok=True, ms=4.0)


def passing(plan: Plan, **changes: Any) -> Report:
    """Each step up, down and up again, and the schema as before; `changes` are made to each proof."""
    proofs = tuple(replace(_proof(step), **changes) for step in plan.steps)
    return Report(origin=Origin.COPY, server_version=170010, ms=900.0, proofs=proofs)


def without_a_server(plan: Plan) -> Report:
    """There is nowhere to rehearse it."""
    raise LocalServerError(what="There is no PostgreSQL.", remedy="Install one.")


def _proof(step: Step) -> Proof:
    proof = Proof(version=step.version, name=step.name, up=RAN)
    if step.action is Action.ROLLBACK:
        return replace(proof, down=RAN, again=RAN, repeatable=True)
    if step.down_sql is None:
        return proof
    return replace(proof, down=RAN, again=RAN, reversible=True, repeatable=True)


@pytest.fixture
def rehearsals_find(monkeypatch: pytest.MonkeyPatch) -> RehearsalsFind:
    """`rehearsals_find(passing)`: what every rehearsal finds from here on; no database is made for it."""

    def install(finds: Finds) -> None:
        monkeypatch.setattr(engine, "of_plan", lambda plan, **_: finds(plan))
        monkeypatch.setattr(isolation, "exposed", lambda variables: ())  # whatever runs beside the tests

    return install


@pytest.fixture
def require_on_production(change_production: ChangeProduction) -> RequireOnProduction:
    """`require_on_production(Requirement.LINT)`: production wants this before an approval."""
    return lambda *require: change_production(require=require)
