"""Where the private server of rehearsals could read keys, and who may have it so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from config import environments as declarations
from config import git_sources, secret_variables
from config.environments import Environment
from dashboard.engine.database.doctor import CheckLevel
from dashboard.engine.errors import RehearsalNotIsolated
from dashboard.engine.localserver import account, isolation, network
from dashboard.local import isolation as service
from dashboard.local.isolation import Terms
from dashboard.models import environments
from tests.fix_project import Project

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


def check(environment: Environment) -> Terms:
    """As a worker asks it."""
    return service.check([environment], environments.declaration(), server_url=settings.REHEARSAL_URL or None)


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
    with pytest.raises(RehearsalNotIsolated, match=f"could read the keys of sleep .process {open_process}") as caught:
        check(project.production)
    assert "unisolated_rehearsals = true" in caught.value.remedy
    assert service.examine(environments.declaration())[0].level is CheckLevel.WARNING


def test_an_empty_variable_is_no_key(project: Project) -> None:
    environment = {"EMPTY_HERE": ""}
    with subprocess.Popen(["sleep", "60"], env=environment, **account.privileges()) as process:
        assert isolation.exposed(["EMPTY_HERE"]) == ()
        process.kill()


def test_a_person_may_allow_it_by_name_and_it_is_said(project: Project, open_process: int) -> None:
    terms = check(replace(project.production, unisolated_rehearsals=True))
    (allowed,) = terms.allowed
    assert allowed.startswith("The declaration of Production allows by name (unisolated_rehearsals) that a private")
    assert f"sleep (process {open_process})" in allowed
    assert check(project.staging).allowed == ()


def test_what_is_allowed_and_not_made_use_of_is_not_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "exposed", lambda variables: ())
    monkeypatch.setattr(network, "can_be_left", lambda: True)
    allowing = replace(project.production, unisolated_rehearsals=True, rehearsals_with_network=True)
    assert check(allowing) == Terms(needs_no_network=False)
    assert check(project.production) == Terms(needs_no_network=False)
    assert check(replace(project.production, rehearsals_with_network=False)) == Terms(needs_no_network=True)


SECRET = ["token", "key", "webhook_secret"]


@pytest.fixture
def with_sources(project: Project, tmp_path: Path, settings: SettingsWrapper) -> None:
    """Two environments whose variables the file names, and two repositories with all that can open one."""
    file = tmp_path / "environments.toml"
    file.write_text(
        '[environments.a]\nurl = "A_URL"\n[environments.b]\nurl = "B_URL"\nprotected = true\n'
        '[sources.https]\ngit = "https://h/r.git"\ntoken = "A_TOKEN"\nwebhook_secret = "A_HOOK"\n'
        '[sources.ssh]\ngit = "git@h:r.git"\nkey = "A_KEY"\nknown_hosts = "HOSTS"\n'
    )
    declared = declarations.read(file, {})
    settings.ENVIRONMENTS, settings.SOURCES, settings.SOURCE_GIT = declared.environments, declared.sources, None


def test_every_variable_that_the_file_names_for_a_secret_is_looked_at(
    with_sources: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[frozenset[str]] = []
    monkeypatch.setattr(isolation, "exposed", lambda variables: asked.append(variables) or ("it",))
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    with pytest.raises(RehearsalNotIsolated):
        check(environments.get("b"))
    named = {"A_URL", "A_URL_READ", "B_URL", "B_URL_READ", "A_TOKEN", "A_HOOK", "A_KEY", "https_proxy"}
    assert asked == [named | secret_variables.OF_SIGNALBOX | secret_variables.OF_OTHERS]
    assert set(git_sources._SECRETS) == set(SECRET), "each has a variable above"


def test_a_server_elsewhere_needs_no_isolation_here(
    project: Project, open_process: int, settings: SettingsWrapper
) -> None:
    settings.REHEARSAL_URL = "postgresql://rehearser@elsewhere/postgres"
    check(project.production)
    assert {check.level for check in service.examine(environments.declaration())} == {CheckLevel.FINE}


def test_where_nothing_is_open_it_is_fine(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "exposed", lambda variables: ())
    check(project.production)
    assert service.examine(environments.declaration())[0].level is CheckLevel.FINE


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "exposed", lambda variables: ())
    monkeypatch.setattr(network, "can_be_left", lambda: False)


def test_without_a_network_of_its_own_nothing_is_rehearsed_for_a_protected_environment(
    project: Project, without_namespaces: None, settings: SettingsWrapper
) -> None:
    strict = replace(project.production, rehearsals_with_network=False)
    with pytest.raises(RehearsalNotIsolated, match="network of this machine") as caught:
        check(strict)
    assert "rehearsals_with_network = true" in caught.value.remedy
    check(project.production)
    check(replace(project.staging, rehearsals_with_network=False))
    settings.REHEARSAL_URL = "postgresql://rehearser@elsewhere/postgres"
    check(strict)


def test_what_one_declaration_allows_allows_nothing_else(project: Project, open_process: int) -> None:
    with pytest.raises(RehearsalNotIsolated, match="could read the keys"):
        check(replace(project.production, rehearsals_with_network=True))


def test_the_doctor_says_for_whom_nothing_is_rehearsed(
    project: Project, without_namespaces: None, settings: SettingsWrapper
) -> None:
    assert service.examine(environments.declaration())[1].level is CheckLevel.NOTE, (
        "each protected environment allows it"
    )
    settings.ENVIRONMENTS = (project.staging, replace(project.production, rehearsals_with_network=False))
    check = service.examine(environments.declaration())[1]
    assert check.level is CheckLevel.WARNING
    assert check.finding.endswith("So nothing is rehearsed for Production.")


def test_the_doctor_says_that_a_rehearsal_has_no_network(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "can_be_left", lambda: True)
    assert service.examine(environments.declaration())[1].level is CheckLevel.FINE
