"""What each verb costs for each file of a folder that grows: a ratio of 1.0 means that it grows with its files alone.

python benchmarks/folders.py [FILES ...]: half of the files are migrations of two statements, half their rollbacks; the
history has a row for each migration. Seconds are of the processor, children included; a busy machine makes them up to
twice as many, the ratios stay.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboard.engine import planner, status
from dashboard.engine.files import discovery
from dashboard.engine.lint import LintContext, lint_folder
from dashboard.engine.migration import AppliedMigration, Folder, History
from dashboard.engine.plan import Policy, Target, TargetIdentity

SIZES = (1_000, 2_500, 5_000, 10_000)
_SECOND = (
    "INSERT INTO {table} VALUES (1)",
    "CREATE INDEX ON {table} (name)",
    "COMMENT ON TABLE {table} IS 'One row for each thing.'",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY -- nobody reads it yet",
)


def main() -> None:
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print("| verb | " + " | ".join(f"{size} files, s | per file" for size in sizes) + " |")
    print("| --- |" + " ---: | ---: |" * len(sizes))
    _measured(100)  # what only the first run pays
    rows = [_measured(size) for size in sizes]
    for verb in rows[0]:
        first = rows[0][verb] / sizes[0]
        cells = (f"{row[verb]:.2f} | {row[verb] / size / first:.2f}" for size, row in zip(sizes, rows, strict=True))
        print(f"| {verb} | " + " | ".join(cells) + " |")


def _measured(files: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        source = Path(home)
        for number in range(1, files // 2 + 1):
            table = f"app.t{number}"
            second = _SECOND[number % len(_SECOND)].format(table=table)
            up = f"CREATE TABLE {table} (id bigint PRIMARY KEY, name text);\n{second};\n"
            (source / f"{number:05}_make.sql").write_text(up)
            (source / f"{number:05}_rollback.sql").write_text(f"DROP TABLE {table};\n")
        folders: list[Folder] = []
        reading = _seconds(lambda: folders.append(discovery.read(source)))
        (folder,) = folders
        history = History(exists=True, rows=tuple(map(_row, folder.migrations)))
        elsewhere = History(
            exists=True, rows=tuple(replace(r, version=f"9{r.version}", checksum="0" * 64) for r in history.rows)
        )
        return {
            "discovery": reading,
            "status, all applied": reading + _seconds(lambda: status.compute(folder, history)),
            "plan, all pending": reading + _seconds(lambda: planner.apply(_target(History(exists=False)), folder)),
            "plan, beside as long a history": reading + _seconds(lambda: planner.apply(_target(elsewhere), folder)),
            "lint": reading + _seconds(lambda: lint_folder(folder, LintContext())),
        }


def _seconds(work: Callable[[], Any]) -> float:
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def _row(migration: Any) -> AppliedMigration:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return AppliedMigration(
        version=migration.version, name=migration.name, applied_at=at, checksum=migration.up.checksum
    )


def _target(history: History) -> Target:
    return Target(
        environment="staging",
        name="Staging",
        identity=TargetIdentity(system_identifier="1", database="app", database_oid=1),
        policy=Policy(protected=False, lock_timeout_ms=1, statement_timeout_ms=1),
        history=history,
    )


if __name__ == "__main__":
    main()
