from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.fix_line import Line

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.models import Request, Run
    from dashboard.services.actors import Actor


@pytest.fixture
def ask(two_files: Line, acting: Callable[[User], Actor]) -> Callable[[User], Request]:
    """A request to apply both to production."""
    from dashboard.services import approvals, plans

    def opened(by: User) -> Request:
        plan = plans.apply(two_files.production)
        return approvals.open_request(plan, environment=two_files.production, by=acting(by), reason="December release")

    return opened


@pytest.fixture
def run_on_staging(line: Line, acting: Callable[[User], Actor]) -> Callable[..., Run]:
    """Everything pending applied to staging, executed as a worker does unless told not to."""
    from dashboard.services import execution, plans, runs

    def started(by: User, *, execute: bool = True) -> Run:
        run = runs.start(plans.apply(line.staging), environment=line.staging, by=acting(by))
        if execute:
            execution.execute(run.pk)
            run.refresh_from_db()
        return run

    return started


@pytest.fixture
def run_on_production(
    ask: Callable[[User], Request], requester: User, approver: User, acting: Callable[[User], Actor]
) -> Callable[[], Run]:
    """Asked for by alice, approved by bob, executed."""
    from dashboard.services import approvals, execution, runs

    def started() -> Run:
        request = ask(requester)
        approvals.approve(request.pk, by=acting(approver), digest=request.digest)
        request.refresh_from_db()
        run = runs.start_approved(request, by=acting(requester), typed_name="production")
        execution.execute(run.pk)
        run.refresh_from_db()
        return run

    return started
