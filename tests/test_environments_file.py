"""config/environments.toml: what a declaration may say, and what it means where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environments
from config.environments import Environment, Requirement

EVERYTHING = 'require = ["rehearsal", "lint", "reversible", "previous"]'


def declared(folder: Path, text: str) -> Environment:
    path = folder / "environments.toml"
    path.write_text(f'[environments.production]\nurl = "DATABASE_URL"\n{text}\n', encoding="utf-8")
    return environments.load(path, {})[0]


def test_a_protected_environment_wants_proof_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert declared(tmp_path, "protected = true").require == environments.PROTECTED_REQUIRES
    assert declared(tmp_path, "protected = true\nrequire = []").require == ()
    assert declared(tmp_path, f"protected = true\n{EVERYTHING}").require == tuple(Requirement)


def test_a_free_environment_wants_none(tmp_path: Path) -> None:
    assert declared(tmp_path, "").require == ()


def test_without_a_file_production_is_protected_and_wants_proof(tmp_path: Path) -> None:
    *others, production = environments.load(tmp_path / "none.toml", {})
    assert production.require == environments.PROTECTED_REQUIRES
    assert all(not other.require for other in others)


@pytest.mark.parametrize("value", ['"lint"', '["linting"]', "3", "[1]"])
def test_what_nobody_can_check_is_refused_with_what_there_is(tmp_path: Path, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="list of these: rehearsal, lint, reversible, previous"):
        declared(tmp_path, f"protected = true\nrequire = {value}")


def test_what_nobody_would_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="is not protected"):
        declared(tmp_path, 'require = ["lint"]')
