"""docs/SETTINGS.md and what is read from the environment are the same list."""

from __future__ import annotations

import ast
import re

from config import environments, git_sources, jobs, sources
from tests.architecture.source import ROOT, text_of, trees

PAGE = ROOT / "docs" / "SETTINGS.md"

#: What the platform sets by itself; nobody has to know it.
OF_THE_PLATFORM = {"RAILWAY_ENVIRONMENT_ID", "RAILWAY_GIT_COMMIT_SHA", "RAILWAY_PRIVATE_DOMAIN"}

#: For the fault tests alone, which set them themselves; a person asks for a size with `make faults`.
OF_THE_SUITE = {"SIGNALBOX_FAULT", "SIGNALBOX_FAULT_SIZE", "SIGNALBOX_TESTING"}

SETTING = re.compile(
    r"\b(?:SIGNALBOX_[A-Z_]+[A-Z]|RAILWAY_[A-Z_]+[A-Z]|DATABASE_URL(?:_[A-Z]+)?|MIGRATION_SECRET|PORT)\b"
)


def _documented() -> set[str]:
    """What stands in the first column of a table, and what the text says is added by itself."""
    rows = [line.split("|")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return set(SETTING.findall("\n".join(rows))) | {"RAILWAY_PUBLIC_DOMAIN"}


def _read() -> set[str]:
    """Literals that are a name and nothing else, in what reads the environment; and what the start script expands."""
    literals = {
        node.value
        for _, tree in trees("config", "dashboard", "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SETTING.fullmatch(node.value)
    }
    return literals | set(re.findall(r"\$\{(SIGNALBOX_[A-Z_]+)", text_of("bin/start")))


def test_every_setting_that_is_read_is_documented() -> None:
    missing = _read() - _documented() - OF_THE_PLATFORM - OF_THE_SUITE
    assert not missing, f"Add to docs/SETTINGS.md, with what it means and its default: {sorted(missing)}"


def test_every_documented_setting_is_read() -> None:
    unread = _documented() - _read()
    assert not unread, f"Nothing reads {sorted(unread)}: take it out of docs/SETTINGS.md."


def test_every_key_of_the_environments_file_is_documented() -> None:
    rows = {match[1] for match in re.finditer(r"^\| `([a-z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    requirements = {requirement.value for requirement in environments.Requirement}
    keys = (environments._KEYS | sources._KEYS | git_sources.KEYS | jobs.KEYS) - {"require"}
    assert rows - requirements - {"require"} == keys, "docs/SETTINGS.md lists every key"
    assert requirements <= rows, "docs/SETTINGS.md says what each requirement means"
