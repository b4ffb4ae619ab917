from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.core import checks
from django.utils import timezone

from config.environments import Environment
from dashboard.engine.localserver import isolation, network
from dashboard.models import Installation
from dashboard.services import installations
from tests.cli.conftest import Signalbox
from tests.cli.targets import fingerprint
from tests.fix_postgres import MakeDatabase
from tests.fix_project import Project

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db


def test_a_target_that_is_fit_is_called_so(signalbox: Signalbox, project: Project):
    answer = signalbox("doctor", "--env", "staging")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("Staging (127.0.0.1:")
    assert answer.out.splitlines()[0].endswith("): fit to run migrations")
    assert "  note: the role postgres is a superuser." in answer.out


def test_every_check_is_told_as_json(signalbox: Signalbox, project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(isolation, "exposed", lambda variables: ())
    monkeypatch.setattr(network, "can_be_left", lambda: True)
    answer = signalbox("doctor", "--json")
    said = [json.loads(each) for each in answer.out.splitlines()]
    assert [(each["environment"], each["fit"]) for each in said] == [("staging", True), ("production", True)]
    codes = {check["code"]: check["level"] for check in said[0]["checks"]}
    assert codes == {
        "rights": "note",
        "grants": "fine",
        "tables": "note",
        "pooler": "fine",
        "version": "fine",
        "primary": "fine",
        "tls": "fine",
        "clock": "fine",
        "identity": "fine",
        "record": "fine",
        "encoding": "fine",
        "strings": "fine",
        "timeouts": "fine",
        "long_transactions": "fine",
        "installations": "fine",
        "control": "fine",
        "isolation": "fine",
        "network": "fine",
    }


def test_processes_that_show_their_keys_are_told(
    signalbox: Signalbox, project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(isolation, "exposed", lambda variables: ("sh (process 7)",))
    answer = signalbox("doctor", "--env", "staging")
    assert "  warning: a private server for rehearsals could read the keys of sh (process 7)." in answer.out


def installation_line(signalbox: Signalbox) -> str:
    return next(line for line in signalbox("doctor").out.splitlines() if line.startswith("Installation: "))


def test_a_shell_of_another_name_claims_no_control_database(
    signalbox: Signalbox, project: Project, settings: SettingsWrapper
):
    assert "has no name yet" in installation_line(signalbox)
    settings.DEPLOYMENT = "main"
    installations.current()
    before = Installation.objects.values().get()
    settings.DEPLOYMENT = "mistyped"
    assert "Its deployment is main" in installation_line(signalbox)
    assert Installation.objects.values().get() == before
    Installation.objects.update(home={**before["home"], "database_oid": 1})
    assert "It lives elsewhere now" in installation_line(signalbox)
    assert Installation.objects.get().copy_of is None, "the doctor changes nothing"


def test_it_asks_every_environment(signalbox: Signalbox, project: Project):
    installations.current()
    answer = signalbox("doctor")
    findings = [said.split(" (")[0] for said in answer.out.splitlines() if not said.startswith("  ")]
    assert findings[:2] == ["Staging", "Production"]
    installation, audit, mail = findings[2:]
    assert installation == f"Installation: This is the installation {Installation.objects.get().short}."
    assert mail.startswith("Mail: none is sent. Set SIGNALBOX_EMAIL_URL")
    assert audit.startswith("Audit log: The database role postgres is a superuser, so whoever has its password could")


def test_it_changes_nothing(signalbox: Signalbox, project: Project):
    before = fingerprint(project, project.staging)
    signalbox("doctor")
    assert fingerprint(project, project.staging) == before


def test_a_target_that_does_not_answer_keeps_no_other_from_being_asked(
    signalbox: Signalbox, project: Project, unreachable: Callable[[Environment], Environment]
):
    unreachable(project.staging)
    answer = signalbox("doctor")
    assert answer.code == 7
    assert answer.out.startswith("Production (")
    assert "Staging cannot be reached at 127.0.0.1:1/gone as nobody" in answer.err
    assert "Nothing was changed." in answer.err
    assert "s3cret" not in answer.said


def test_a_read_only_target_is_refused_with_the_remedy(signalbox: Signalbox, project: Project):
    database = project.databases["staging"].name
    project.query(project.staging, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    answer = signalbox("doctor", "--env", "staging")
    assert (answer.code, answer.out) == (7, "")
    assert "Staging is not fit to run migrations: its sessions are read-only." in answer.err
    assert "Then reset default_transaction_read_only for this role or database." in answer.err


def test_a_variable_that_is_not_set_is_named(signalbox: Signalbox, project: Project, settings: SettingsWrapper):
    settings.ENVIRONMENTS = (replace(project.staging, url=""),)
    answer = signalbox("doctor", "--env", "staging")
    assert (answer.code, answer.out) == (7, "")
    assert "the variable URL_OF_STAGING is not set" in answer.err


def test_no_environment_at_all_is_wrong_usage(signalbox: Signalbox, project: Project, settings: SettingsWrapper):
    settings.ENVIRONMENTS = ()
    answer = signalbox("doctor")
    assert (answer.code, answer.out) == (2, "")
    assert "No environment is configured: set DATABASE_URL" in answer.err


def test_an_unknown_environment_is_wrong_usage(signalbox: Signalbox, project: Project):
    answer = signalbox("doctor", "--env", "nowhere")
    assert (answer.code, answer.out) == (2, "")
    assert "Known: staging, production." in answer.err


def test_a_declared_environment_without_its_variable_fails_unless_it_is_optional(
    signalbox: Signalbox, project: Project, settings: SettingsWrapper
):
    absent = replace(project.production, url="")
    settings.ENVIRONMENTS = (project.staging, absent)
    for options in ((), ("--declared",)):
        answer = signalbox("doctor", *options)
        assert answer.code == 7
        assert "Production has no database: the variable URL_OF_PRODUCTION is not set." in answer.err
    assert checks.run_checks(include_deployment_checks=True, tags=["signalbox"])[0].id == "signalbox.E001"
    settings.ENVIRONMENTS = (project.staging, replace(absent, optional=True))
    answer = signalbox("doctor", "--declared")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err.endswith("It is optional.\n")
    assert checks.run_checks(include_deployment_checks=True, tags=["signalbox"]) == []


# Signalbox itself


def test_a_copy_that_nobody_confirmed_is_not_fit_and_programs_can_tell(signalbox: Signalbox, project: Project):
    installation = installations.current()
    assert signalbox("doctor", "--json", "--env", "staging").json["installation"]["fit"] is True
    Installation.objects.filter(pk=installation.pk).update(
        copy_of=uuid4(), noticed_at=timezone.now(), confirmed_at=None, confirmed_by=None
    )
    assert Installation.objects.get().is_held
    for arguments in (("--json", "--env", "staging"), ("--env", "staging"), ()):
        answer = signalbox("doctor", *arguments)
        assert answer.code == 7
        assert "It starts and mails nothing until an administrator lets it." in answer.err
        assert "An administrator of Signalbox confirms it, on the page that the Overview leads to." in answer.err
    own = signalbox("doctor", "--json", "--env", "staging").json["installation"]
    assert (own["checks"][0]["code"], own["checks"][0]["level"]) == ("installation", "refused")
    assert own["fit"] is False


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "The control database has no tables of this version yet.\n  Run `manage.py migrate`.\n"),
        ("postgresql://nobody:s3cret@127.0.0.1:1/gone", "The control database cannot be asked: "),
    ],
    ids=["empty", "down"],
)
def test_a_control_database_that_is_no_use_is_not_fit(make_database: MakeDatabase, url: str, sentence: str):
    variables = {"SIGNALBOX_DATABASE_URL": url or make_database().url, "DATABASE_URL_STAGING": make_database().url}
    done = subprocess.run(
        [sys.executable, "manage.py", "signalbox", "doctor", "--env", "staging"],
        env=os.environ | variables,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    assert f"signalbox: {sentence}" in done.stderr
    assert "Staging (" in done.stdout
    assert "s3cret" not in done.stderr
