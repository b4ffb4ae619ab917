"""A deployment begins without a migration (docs/decisions/0036-an-empty-start.md)."""

from __future__ import annotations

from dashboard.cli import demo
from tests.architecture.source import ROOT

SHIPPED = ROOT / "migrations_sql"


def test_the_folder_ships_without_a_migration() -> None:
    assert SHIPPED.is_dir()
    assert not [path for path in SHIPPED.rglob("*") if path.is_file() and path.name != "README.md"]


def test_the_demo_has_a_folder_of_its_own() -> None:
    assert not demo.MIGRATIONS.resolve().is_relative_to(SHIPPED)
    assert list(demo.MIGRATIONS.glob("*.sql"))
