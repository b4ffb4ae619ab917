"""The one way from a person to a rehearsal: page, worker and command line take it, and none gets round its terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from config.declaration import Declaration
from config.environments import Environment
from dashboard.engine import rehearsal
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import Report
from dashboard.local import isolation, targets
from dashboard.local.isolation import Terms


def of_plan(
    plan: Plan,
    *,
    environment: Environment,
    declaration: Declaration,
    server_url: str | None = None,
    **options: Any,
) -> Report:
    """On a copy of the target's schema. `options` are those of the engine. Raises RehearsalNotIsolated, and what the
    engine raises."""
    terms = isolation.check([environment], declaration, server_url=server_url)
    report = rehearsal.of_plan(
        plan,
        source=targets.access(environment, declaration),
        server_url=server_url,
        needs_no_network=terms.needs_no_network,
        **options,
    )
    return _said(report, terms)


def of_folder(folder: Folder, *, declaration: Declaration, server_url: str | None = None, **options: Any) -> Report:
    """From the first file on, for no environment: what is foreign in it could meet the keys of each that is here.
    Raises as `of_plan` does."""
    terms = isolation.check(isolation.whose_keys_are_here(declaration), declaration, server_url=server_url)
    report = rehearsal.of_folder(
        folder,
        schema=declaration.tracking_schema,
        server_url=server_url,
        needs_no_network=terms.needs_no_network,
        **options,
    )
    return _said(report, terms)


def _said(report: Report, terms: Terms) -> Report:
    return replace(report, remarks=(*report.remarks, *terms.allowed))
