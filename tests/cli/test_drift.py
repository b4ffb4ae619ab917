"""`signalbox drift`: what it says, and the exit codes a schedule acts on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.models import DriftCheck
from dashboard.services import plans, runs
from tests.cli.conftest import Signalbox
from tests.concurrently import DETACH, WAYS_ON, broken_off
from tests.fix_project import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_look_and_a_clean_one_are_fine(project: Project, signalbox: Signalbox) -> None:
    for choice in (["staging"], ["--env", "staging"]):
        answer = signalbox("drift", *choice)
        assert (answer.code, answer.out) == (0, "Staging: in line with what is expected\n")
    assert DriftCheck.objects.filter(environment="staging", outcome="clean").count() == 2


def test_without_a_name_every_environment_is_checked(project: Project, signalbox: Signalbox) -> None:
    answer = signalbox("drift", "--json")
    assert [e["environment"] for e in answer.json["environments"]] == ["staging", "production"]


def test_drift_is_named_object_by_object(project: Project, signalbox: Signalbox) -> None:
    signalbox("drift", "staging")
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    answer = signalbox("drift", "staging")
    assert answer.code == 8
    assert "Staging: drifted, 2 objects changed outside Signalbox" in answer.out
    assert "  table public.by_hand: added, with 1 column" in answer.out
    report = signalbox("drift", "staging", "--json").json["environments"][0]
    assert (report["outcome"], report["differing"]) == ("drifted", 2)
    assert {"key": "table public.by_hand", "change": "added"} in report["objects"]


def test_an_unreachable_target_is_said_so(
    project: Project, signalbox: Signalbox, unreachable: Callable[[Environment], Environment]
) -> None:
    unreachable(project.staging)
    answer = signalbox("drift", "staging")
    assert (answer.code, "cannot be reached" in answer.out, "s3cret" in answer.said) == (7, True, False)


def test_a_run_under_way_is_not_raced(
    project: Project, signalbox: Signalbox, requester: User, acting: Callable[[User], Actor]
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    runs.start(plans.apply(project.staging), environment=project.staging, by=acting(requester))
    answer = signalbox("drift", "staging")
    assert (answer.code, "one run at a time" in answer.err) == (5, True)
    assert not DriftCheck.objects.exists()


def test_an_unknown_environment_is_wrong_usage(project: Project, signalbox: Signalbox) -> None:
    answer = signalbox("drift", "nowhere")
    assert (answer.code, "Known: staging, production" in answer.err) == (2, True)


def test_what_a_run_left_half_done_is_put_down_to_it_with_its_way_on(
    project: Project, signalbox: Signalbox, admin: User, acting: Callable[[User], Actor]
) -> None:
    run = broken_off(project, acting(admin), DETACH)
    answer = signalbox("drift", "staging")
    assert answer.code == 8
    assert f"run {run.pk} left 002_next half done" in answer.out
    assert WAYS_ON[DETACH] in answer.out
    assert "outside Signalbox" not in answer.out
    (report,) = signalbox("drift", "staging", "--json").json["environments"]
    assert (report["outcome"], report["differing"], report["leftovers"][0]["run"]) == ("half_done", 0, run.pk)
