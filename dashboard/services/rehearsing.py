"""The one way from a person to a rehearsal: page, worker and command line take it, and none gets round its terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings

from dashboard.engine import rehearsal
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import Report
from dashboard.models.environments import Environment
from dashboard.services import isolation, targets
from dashboard.services.isolation import Terms


def of_plan(plan: Plan, *, environment: Environment, server_url: str | None = None, **options: Any) -> Report:
    """On a copy of the target's schema. `options` are those of the engine. Raises RehearsalNotIsolated, and what the
    engine raises."""
    terms = isolation.check([environment], server_url=server_url)
    report = rehearsal.of_plan(
        plan,
        source=targets.access(environment),
        server_url=server_url,
        needs_no_network=terms.needs_no_network,
        **options,
    )
    return _said(report, terms)


def of_folder(folder: Folder, *, server_url: str | None = None, **options: Any) -> Report:
    """From the first file on, for no environment: what is foreign in it could meet the keys of each that is here.
    Raises as `of_plan` does."""
    terms = isolation.check(isolation.whose_keys_are_here(), server_url=server_url)
    report = rehearsal.of_folder(
        folder,
        schema=settings.TRACKING_SCHEMA,
        server_url=server_url,
        needs_no_network=terms.needs_no_network,
        **options,
    )
    return _said(report, terms)


def _said(report: Report, terms: Terms) -> Report:
    return replace(report, remarks=(*report.remarks, *terms.allowed))
