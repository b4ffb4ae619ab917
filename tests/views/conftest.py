from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from tests.fix_project import Project
from tests.wording import no_query_is_sent

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.models import ChangeRequest, Run
    from dashboard.services.actors import Actor


@pytest.fixture(autouse=True)
def no_query_while_wording(db: None) -> Iterator[None]:
    """A presenter or form that asks the control database fails the test of its page."""
    with no_query_is_sent():
        yield


@pytest.fixture
def open_request(two_files: Project, acting: Callable[[User], Actor]) -> Callable[[User], ChangeRequest]:
    """A request to apply both to production."""
    from dashboard.services import approvals, plans

    def opened(by: User) -> ChangeRequest:
        plan = plans.apply(two_files.production)
        return approvals.open_request(plan, environment=two_files.production, by=acting(by), reason="December release")

    return opened


@pytest.fixture
def approved_request(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, acting: Callable[[User], Actor]
) -> ChangeRequest:
    """Asked for by alice, approved by bob."""
    from dashboard.services import approvals

    request = open_request(requester)
    return approvals.approve(request.pk, by=acting(approver), digest=request.digest)


@pytest.fixture
def run_on_staging(project: Project, acting: Callable[[User], Actor]) -> Callable[..., Run]:
    """Everything pending applied to staging, executed as a worker does unless told not to."""
    from dashboard.services import execution, plans, runs

    def started(by: User, *, execute: bool = True) -> Run:
        run = runs.start(plans.apply(project.staging), environment=project.staging, by=acting(by))
        if execute:
            execution.execute(run.pk)
            run.refresh_from_db()
        return run

    return started


@pytest.fixture
def run_on_production(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, acting: Callable[[User], Actor]
) -> Callable[[], Run]:
    """Asked for by alice, approved by bob, executed."""
    from dashboard.services import approvals, execution, runs

    def started() -> Run:
        opened = open_request(requester)
        request = approvals.approve(opened.pk, by=acting(approver), digest=opened.digest)
        run = runs.start_approved(request, by=acting(requester), typed_name="production")
        execution.execute(run.pk)
        run.refresh_from_db()
        return run

    return started


@pytest.fixture
def run_long_ago(run_on_production: Callable[[], Run]) -> Callable[[], Run]:
    """The same, but so long ago that its approval covers no rollback any more."""
    from dashboard.models import Run

    def started() -> Run:
        run = run_on_production()
        Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(hours=73))
        return run

    return started
