"""`format` and `placeholders` of a source in config/environments.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import formats
from config.errors import Misconfigured
from config.formats import DeclaredReading


def declared(folder: Path, text: str) -> DeclaredReading:
    path = folder / "environments.toml"
    path.write_text(text, encoding="utf-8")
    return formats.of_default(path)


def test_a_source_that_says_nothing_is_read_by_its_signature(tmp_path: Path) -> None:
    assert declared(tmp_path, "") == declared(tmp_path, "[sources.default]") == DeclaredReading()
    assert formats.of_default(tmp_path / "gone.toml") == DeclaredReading()


def test_a_source_may_say_how_flyway_names_its_files(tmp_path: Path) -> None:
    reading = declared(tmp_path, '[sources.default]\nformat = "flyway"\nnames = { prefix = "M", separator = "--" }')
    assert reading == DeclaredReading(format="flyway", names={"prefix": "M", "separator": "--"})


def test_a_source_may_name_its_format_and_the_values_of_its_placeholders(tmp_path: Path) -> None:
    reading = declared(tmp_path, '[sources.default]\nformat = "golang-migrate"\nplaceholders = { schema = "app" }')
    assert reading == DeclaredReading(format="golang-migrate", placeholders={"schema": "app"})


def test_a_source_may_name_the_table_in_which_its_tool_keeps_the_history(tmp_path: Path) -> None:
    reading = declared(tmp_path, '[sources.default]\nhistory_table = "ops.deployed"')
    assert reading == DeclaredReading(history_table="ops.deployed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('history_table = "deployed"', "must be a schema and a table with a dot between them"),
        ("history_table = 3", "`history_table` of the source default must be"),
        ('format = "maven"', "`format` of the source default must be one of these: sqitch,"),
        ("format = 3", "`format` of the source default must be one of these"),
        ('placeholders = "app"', "`placeholders` of the source default must be a table"),
        ("placeholders = { schema = 1 }", "the placeholder 'schema' of the source default must be a name"),
        ('placeholders = { schema = "a\\nb" }', "a text of one line"),
        ('names = { prefix = "M" }', 'write `format = "flyway"` too'),
        ('format = "flyway"\nnames = { prefix = 1 }', "must be a table of texts: prefix, undo_prefix"),
        ('format = "flyway"\nnames = { suffix = ".sql" }', "has suffix; known are prefix"),
        ('format = "flyway"\nnames = { separator = "" }', "the separator and each suffix need"),
        ('format = "flyway"\nnames = { suffixes = " " }', "the separator and each suffix need"),
        ('format = "flyway"\nnames = { prefix = "R" }', "each prefix has to be another one"),
        ('placeholders = { db_password = "x" }', "db_password of the source default sounds like a secret"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=said):
        declared(tmp_path, f"[sources.default]\n{text}")
