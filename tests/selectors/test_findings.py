"""What lint is told of the targets, besides the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from dashboard.engine.files import discovery
from dashboard.engine.schema import snapshot
from dashboard.models import Rehearsal, Snapshot
from dashboard.selectors import findings
from tests.fix_postgres import Database

pytestmark = pytest.mark.django_db


@pytest.fixture
def see(target_db: Database) -> Callable[..., None]:
    """The target's schema was seen, after these statements."""

    def see(*statements: str) -> None:
        for statement in statements:
            target_db.query(statement)
        with target_db.connect() as connection:
            schema = snapshot.take(connection)
        Snapshot.objects.create(
            environment="staging",
            reason=Snapshot.Reason.FIRST,
            taken_at=timezone.now(),
            fingerprint=schema.fingerprint,
            schema=schema.to_dict(),
        )

    return see


def rules(folder: Path) -> set[str]:
    read_folder = findings.by_file(discovery.read(folder))
    return {finding.rule for finding in read_folder.get("001_index.sql", ())}


def test_what_is_partitioned_in_a_target_is_known(tmp_path: Path, see: Callable[..., None]) -> None:
    (tmp_path / "001_index.sql").write_text("CREATE INDEX CONCURRENTLY events_at_idx ON events (at);")
    see("CREATE TABLE events (at date)")
    assert "concurrently-on-partitioned" not in rules(tmp_path)
    see("DROP TABLE events", "CREATE TABLE events (at date) PARTITION BY RANGE (at)")
    assert "concurrently-on-partitioned" in rules(tmp_path)


def test_the_oldest_server_among_the_targets_is_what_a_file_must_run_on(tmp_path: Path) -> None:
    """PostgreSQL 11 and later add a column with a default without rewriting the table."""
    (tmp_path / "001_index.sql").write_text("ALTER TABLE events ADD COLUMN seen boolean DEFAULT false;")
    assert "adding-field-with-default" not in rules(tmp_path)
    for environment, major in (("staging", 17), ("production", 10)):
        Rehearsal.objects.create(
            environment=environment,
            action="apply",
            digest="0" * 64,
            title="x",
            frozen_plan={},
            origin="copy",
            status=Rehearsal.Status.DONE,
            asked_at=timezone.now(),
            target_major=major,
        )
    assert "adding-field-with-default" in rules(tmp_path)
