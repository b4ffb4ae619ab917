"""Dockerfile, compose.yaml and the files for Railway are held against what reads them, as far as that is to be had."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image.conftest import ROOT

BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
#: Settings that mean nothing on Railway, or that railway.py sets itself.
NOT_KEPT = {
    "PORT", "SIGNALBOX_BIND", "SIGNALBOX_BUILD", "SIGNALBOX_DEBUG", "SIGNALBOX_INSECURE_HTTP", "SIGNALBOX_BEHIND_PROXY",
    "SIGNALBOX_CORPUS", "SIGNALBOX_TESTS", "SIGNALBOX_TEST_SERVERS", "SIGNALBOX_COMMAND_LINE", "SIGNALBOX_POSTGRES_BIN",
    "SIGNALBOX_URL", "SIGNALBOX_TOKEN",
}  # fmt: skip


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def linted(*command: str) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_sound() -> None:
    linted("hadolint", "--failure-threshold", "style", "Dockerfile")


def test_compose_fits_its_schema() -> None:
    linted("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_images_are_pinned_and_what_is_thrown_away_has_a_major() -> None:
    images = [*re.findall(r"^FROM (\S+)", read("Dockerfile"), re.MULTILINE), COMPOSE["services"]["control"]["image"]]
    pinned = re.compile(r"docker\.io/library/[a-z]+:\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}")
    assert all(pinned.fullmatch(image) for image in images)
    assert COMPOSE["services"]["rehearsal"]["image"] == "docker.io/library/postgres:${REHEARSAL_POSTGRES:-17}"


def test_the_image_has_the_python_that_is_tested() -> None:
    assert re.findall(r"python:(3\.\d+)\.", read("Dockerfile")) == [read(".python-version").strip()] * 2


@pytest.mark.parametrize("service", ["migrate", "web", "worker"])
def test_what_holds_keys_can_change_nothing_and_become_nobody(service: str) -> None:
    declared = COMPOSE["services"][service]
    assert (declared["read_only"], declared["cap_drop"]) == (True, ["ALL"])
    assert declared["security_opt"] == ["no-new-privileges:true"]


def test_rehearsals_reach_no_target() -> None:
    assert COMPOSE["services"]["rehearsal"]["networks"] == ["rehearsal"]
    assert COMPOSE["networks"]["rehearsal"] == {"internal": True}


def test_the_environment_file_gives_what_compose_asks_for_and_new_keys_each_time() -> None:
    files = [subprocess.run([ROOT / "deploy" / "env"], capture_output=True, text=True, check=True).stdout for _ in "12"]
    first, second = (dict(re.findall("^([A-Z_]+)=(.+)$", file, re.MULTILINE)) for file in files)
    asked = set(re.findall(r"\$\{(\w+):\?", read("compose.yaml")))
    assert asked <= set(first)
    secret = asked | {"SIGNALBOX_SECRET_KEY", "SIGNALBOX_AUDIT_KEY"}
    assert all(len(first[name]) == 64 for name in secret)
    assert not {first[name] for name in secret} & {second[name] for name in secret}


# Railway


def graph(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, dict[str, Any]]:
    """What railway.py declares, by name."""
    monkeypatch.delenv("FIRST_APPLY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    project = runpy.run_path(str(ROOT / ".railway" / "railway.py"))["main"]().to_graph()
    return {node["name"]: node for node in project["resources"]}


def test_the_first_apply_makes_the_keys_and_later_ones_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (graph(monkeypatch, FIRST_APPLY="1")["web"]["variables"] for _ in "12")
    later = graph(monkeypatch, FIRST_APPLY="")["web"]["variables"]
    for name in ("SIGNALBOX_SECRET_KEY", "SIGNALBOX_AUDIT_KEY"):
        assert len(first[name]["value"]) >= 64
        assert first[name] != again[name]
        assert later[name] == {"type": "preserve"}


def test_web_and_worker_have_the_same_keys_databases_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = graph(monkeypatch, FIRST_APPLY="1")
    web, worker = (nodes[name]["variables"] for name in ("web", "worker"))
    assert web.keys() == worker.keys()
    for name in ("SIGNALBOX_SECRET_KEY", "SIGNALBOX_AUDIT_KEY"):
        assert worker[name] == {"type": "reference", "resource": "service.web", "output": name}
    assert web["MIGRATION_SECRET"] == worker["MIGRATION_SECRET"] == {"type": "preserve"}
    databases = {name: web[name]["resource"] for name in ("SIGNALBOX_DATABASE_URL", "SIGNALBOX_REHEARSAL_URL")}
    assert databases == {
        "SIGNALBOX_DATABASE_URL": "database.signalbox-db",
        "SIGNALBOX_REHEARSAL_URL": "database.rehearsal-db",
    }


def test_rehearsals_have_a_server_of_the_version_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert graph(monkeypatch)["rehearsal-db"]["image"].endswith("/postgres-ssl:17")


def test_no_apply_deletes_a_setting_that_somebody_may_have_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Railway holds and the file does not name is deleted by an apply."""
    rows = re.findall(r"^\| ([`A-Z_, ]+?) \|", read("docs/SETTINGS.md"), re.MULTILINE)
    settings = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row)}
    assert len(settings) > 40
    assert settings - NOT_KEPT <= set(graph(monkeypatch)["worker"]["variables"])


def test_both_are_built_from_the_dockerfile_and_not_for_every_document(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = graph(monkeypatch)
    build = nodes["web"]["build"]
    assert nodes["worker"]["build"] == build
    assert (ROOT / build["dockerfilePath"]).exists()
    assert {"!/docs/**", "!/tests/**"} <= set(build["watchPatterns"])
    assert nodes["worker"]["deploy"]["drainingSeconds"] == 600
