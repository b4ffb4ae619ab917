"""What the rows of a tool say of each migration: applied, broken off, taken back. Pure."""

from __future__ import annotations

import pytest

from dashboard.engine.imports import catalogue
from dashboard.engine.imports.matching import reconcile
from dashboard.engine.imports.values import KnownFile, ToolRow

FILES = {
    "flyway": (
        KnownFile(version="1", name="a", file="V1__a.sql"),
        KnownFile(version="2", name="b", file="V2__b.sql"),
        KnownFile(version="R__v", name="v", file="R__v.sql"),
    ),
    "liquibase": (KnownFile(version="1.1", name="ann-x", file="001_a.sql (ann:x)"),),
    "sqlx": (KnownFile(version="1", name="a", file="1_a.sql"),),
    "atlas": (KnownFile(version="1", name="a", file="1_a.sql"),),
    "drizzle": (KnownFile(version="0001", name="a", file="0001_a/migration.sql"),),
}


def flyway(rank: int, version: str | None, kind: str = "SQL", *, script: str = "", success: str = "true") -> ToolRow:
    return {
        "installed_rank": str(rank),
        "version": version,
        "description": "d",
        "type": kind,
        "script": script,
        "success": success,
    }


def liquibase(kind: str) -> ToolRow:
    return {"id": "x", "author": "ann", "filename": "db/001_a.sql", "exectype": kind, "orderexecuted": "1"}


def atlas(*, applied: str, error: str = "") -> ToolRow:
    return {"version": "1", "description": "a", "type": "2", "applied": applied, "total": "2", "error": error}


V1, R = flyway(1, "1"), flyway(2, None, script="R__v.sql")
GONE, AGAIN = flyway(3, None, "DELETE", script="R__v.sql"), flyway(4, None, script="R__v.sql")
APPLIED, BROKEN, NO_FILE = "applied", "broken", "without a file"


@pytest.mark.parametrize(
    ("tool", "rows", "expected"),
    [
        ("flyway", [V1, flyway(2, "2", success="false")], {APPLIED: ["1_a"], BROKEN: ["2 d"]}),
        ("flyway", [V1, R, flyway(3, "1", "DELETE")], {APPLIED: ["R__v"]}),
        ("flyway", [V1, R, GONE], {APPLIED: ["1_a"]}),
        ("flyway", [R, GONE, AGAIN], {APPLIED: ["R__v"]}),
        ("flyway", [flyway(1, None, "DELETE", script="R__gone.sql")], {}),
        ("flyway", [flyway(1, "2", "BASELINE")], {APPLIED: ["1_a", "2_b"]}),
        ("flyway", [flyway(1, "1", "SQL_BASELINE")], {APPLIED: ["1_a"]}),
        ("flyway", [flyway(1, "1", "BASELINE", success="false")], {BROKEN: ["1 d"]}),
        ("flyway", [V1, flyway(2, "3", "JDBC")], {APPLIED: ["1_a"], NO_FILE: ["3 d"]}),
        ("liquibase", [liquibase("FAILED")], {BROKEN: ["ann:x of db/001_a.sql"]}),
        ("liquibase", [liquibase("SKIPPED")], {}),
        ("liquibase", [liquibase("RERAN")], {APPLIED: ["1.1_ann-x"]}),
        ("sqlx", [{"version": "1", "success": "false"}], {BROKEN: ["1"]}),
        ("sqlx", [{"version": "1", "success": "true"}], {APPLIED: ["1_a"]}),
        ("atlas", [atlas(applied="2")], {APPLIED: ["1_a"]}),
        ("atlas", [atlas(applied="1")], {BROKEN: ["1_a"]}),
        ("atlas", [atlas(applied="2", error="relation exists")], {BROKEN: ["1_a"]}),
        ("drizzle", [{"id": "1", "hash": "h", "name": "0001_a", "applied_at": None}], {APPLIED: ["0001_a"]}),
    ],
)
def test_what_the_rows_say_of_each_migration(tool: str, rows: list[ToolRow], expected: dict[str, list[str]]) -> None:
    outcome = reconcile(catalogue.BY_NAME[tool], rows, FILES[tool])
    answers = {
        APPLIED: [matched.file.label for matched in outcome.applied],
        BROKEN: [entry.label for entry in outcome.broken],
        NO_FILE: [entry.label for entry in outcome.without_file],
    }
    assert {word: labels for word, labels in answers.items() if labels} == expected
    assert outcome.unclear == ()
