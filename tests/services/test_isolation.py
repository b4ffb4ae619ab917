"""Where the private server of rehearsals could read keys, and who may have it so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dashboard.engine.database.doctor import CheckLevel
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.localserver import account, isolation, network
from dashboard.services import isolation as service
from tests.fix_project import Project

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture
def open_process(project: Project) -> Iterator[int]:
    """Of the user that runs private servers, with a key in its environment."""
    environment = {project.production.variable: "postgresql://app:s3cret@db/app"}
    with subprocess.Popen(["sleep", "60"], env=environment, **account.privileges()) as process:
        yield process.pid
        process.kill()


def test_a_process_that_shows_a_key_is_named(project: Project, open_process: int) -> None:
    assert isolation.exposed([project.production.variable]) == (f"sleep (process {open_process})",)
    assert isolation.exposed(["NOT_THERE_AT_ALL"]) == ()


def test_for_a_protected_environment_nothing_is_rehearsed_beside_it(project: Project, open_process: int) -> None:
    with pytest.raises(RehearsalImpossible, match=f"could read the keys of sleep .process {open_process}") as caught:
        service.check(project.production)
    assert "unisolated_rehearsals = true" in caught.value.remedy
    assert service.examine()[0].level is CheckLevel.WARNING


def test_a_person_may_allow_it_by_name(project: Project, open_process: int) -> None:
    service.check(replace(project.production, unisolated_rehearsals=True))
    service.check(project.staging)


def test_a_server_elsewhere_needs_no_isolation_here(
    project: Project, open_process: int, settings: SettingsWrapper
) -> None:
    settings.REHEARSAL_URL = "postgresql://rehearser@elsewhere/postgres"
    service.check(project.production)
    assert {check.level for check in service.examine()} == {CheckLevel.FINE}


def test_where_nothing_is_open_it_is_fine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "exposed", lambda variables: ())
    service.check(project.production)
    assert service.examine()[0].level is CheckLevel.FINE


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "exposed", lambda variables: ())
    monkeypatch.setattr(network, "can_be_left", lambda: False)


def test_without_a_network_of_its_own_nothing_is_rehearsed_for_a_protected_environment(
    project: Project, without_namespaces: None, settings: SettingsWrapper
) -> None:
    strict = replace(project.production, rehearsals_with_network=False)
    with pytest.raises(RehearsalImpossible, match="network of this machine") as caught:
        service.check(strict)
    assert "rehearsals_with_network = true" in caught.value.remedy
    service.check(project.production)
    service.check(replace(project.staging, rehearsals_with_network=False))
    settings.REHEARSAL_URL = "postgresql://rehearser@elsewhere/postgres"
    service.check(strict)


def test_what_one_declaration_allows_allows_nothing_else(project: Project, open_process: int) -> None:
    with pytest.raises(RehearsalImpossible, match="could read the keys"):
        service.check(replace(project.production, rehearsals_with_network=True))


def test_the_doctor_says_for_whom_nothing_is_rehearsed(
    project: Project, without_namespaces: None, settings: SettingsWrapper
) -> None:
    assert service.examine()[1].level is CheckLevel.NOTE, "each protected environment allows it"
    settings.ENVIRONMENTS = (project.staging, replace(project.production, rehearsals_with_network=False))
    check = service.examine()[1]
    assert check.level is CheckLevel.WARNING
    assert check.finding.endswith("So nothing is rehearsed for Production.")


def test_the_doctor_says_that_a_rehearsal_has_no_network(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "can_be_left", lambda: True)
    assert service.examine()[1].level is CheckLevel.FINE
