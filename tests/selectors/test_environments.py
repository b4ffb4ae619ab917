"""How an environment stands, told from the control database and the folder alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.environments import Environment
from dashboard.engine.migration import AppliedMigration, History, Kind
from dashboard.models import Observation
from dashboard.selectors import board, environments, folders, migrations
from tests.fix_project import Project

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def row(version: str, name: str = "users", **changes: Any) -> AppliedMigration:
    at = NOON + timedelta(minutes=int(version))
    return AppliedMigration(**{"version": version, "name": name, "applied_at": at, "checksum": "manual", **changes})


def seen(environment: Environment, *rows: AppliedMigration, failure: dict[str, str] | None = None) -> None:
    now = timezone.now()
    Observation.objects.create(
        environment=environment.slug,
        tried_at=now,
        ok=failure is None,
        seen_at=now,
        history=History(exists=True, rows=rows).to_dict(),
        identity={"system_identifier": "1", "database": "app", "database_oid": 5},
        failure=failure,
    )


def test_what_was_never_seen_is_not_known(project: Project) -> None:
    project.write(_001_users="SELECT 1;")
    standing = environments.standing(project.staging, folders.current(project.staging).folder)
    assert not standing.known
    assert standing.statuses == ()
    assert standing.head is None


def test_without_a_folder_only_the_history_is_known(project: Project) -> None:
    seen(project.staging, row("001"), row("002"))
    standing = environments.standing(project.staging, None)
    assert not standing.known
    assert [r.version for r in standing.rows] == ["002", "001"]
    assert standing.head
    assert standing.head.version == "002"


def test_a_failed_look_keeps_the_last_good_history(project: Project) -> None:
    project.write(_001_users="SELECT 1;")
    seen(project.staging, row("001"), failure={"code": "unreachable", "sentence": "gone", "next_step": "wait"})
    standing = environments.standing(project.staging, folders.current(project.staging).folder)
    assert standing.known
    assert standing.look
    assert not standing.look.ok
    assert [s.state for s in standing.statuses] == ["applied"]


def test_the_head_is_the_highest_that_stands_not_the_newest(project: Project) -> None:
    seen(
        project.staging,
        row("010"),
        row("009", applied_at=NOON + timedelta(days=1)),
        row("011", kind=Kind.SKIPPED),
        row("012", success=False),
    )
    head = environments.standing(project.staging, None).head
    assert head
    assert head.version == "010"


def test_numbers_are_compared_as_numbers(project: Project) -> None:
    seen(project.staging, row("9"), row("10"))
    head = environments.standing(project.staging, None).head
    assert head
    assert head.version == "10"


def test_the_board_has_files_and_lost_rows_newest_first(project: Project) -> None:
    project.write(_001_users="SELECT 1;", _003_city="SELECT 1;")
    seen(project.staging, row("002", "gone"))
    reading = folders.current(project.staging)
    rows = board.rows(environments.standings([reading]), reading.folder)
    assert [(r.version, r.file) for r in rows] == [("003", "003_city.sql"), ("002", ""), ("001", "001_users.sql")]
    states = [[cell.state if cell else None for cell in r.cells] for r in rows]
    assert states == [["pending", None], ["missing", None], ["out_of_order", None]]


def test_a_tracking_table_may_name_the_runs_of_another_signalbox() -> None:
    assert migrations.runs_by_id(["7", "", "ci-42", "9" * 40, "²"], "staging") == {}


def test_a_folder_that_is_gone_is_a_value(project: Project) -> None:
    project.folder.rmdir()
    folder = folders.current(project.staging)
    assert folder.folder is None
    assert folder.failure
    assert folder.failure.code == "source_missing"


def test_a_look_kept_in_the_shape_of_an_earlier_release_counts_as_none(project: Project) -> None:
    seen(project.staging, row("001"))
    for lacking in ("history", "identity"):
        kept = Observation.objects.get()
        value = getattr(kept, lacking)
        setattr(kept, lacking, dict(list(value.items())[:1]))
        kept.save()
        assert environments.standing(project.staging, None).look is None
        setattr(kept, lacking, value)
        kept.save()
    assert environments.standing(project.staging, None).look
