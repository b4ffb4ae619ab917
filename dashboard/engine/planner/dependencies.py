"""What a migration needs to be applied, or not to be: before it is applied, and before what it needs is rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dashboard.engine.errors import PlanBlocked, SqlSyntaxError
from dashboard.engine.migration import AppliedMigration, Folder, History, Kind, Migration
from dashboard.engine.sql import directives
from dashboard.engine.sql.directives import CONFLICTS, DEPENDS
from dashboard.engine.status import MigrationStatus, State


class AppliedVersions:
    """The versions that are applied in a target, as a plan goes on; one that is skipped is not."""

    def __init__(self, statuses: Iterable[MigrationStatus]) -> None:
        self._labels: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._known: set[str] = set()
        for item in statuses:
            if item.migration is not None:
                self._known.add(item.version)
            if item.state is State.SKIPPED:
                self._skipped[item.version] = item.label
            elif item.applied is not None and item.applied.success:
                self._labels[item.version] = item.label

    def add(self, item: MigrationStatus) -> None:
        self._labels[item.version] = item.label

    def obstacle(self, migration: Migration) -> PlanBlocked | None:
        """Why it cannot be applied yet, or at all."""
        needed = directives.versions_in(migration.directives, DEPENDS)
        if missing := [version for version in needed if version not in self._labels]:
            return self._lacking(migration, missing)
        conflicting = directives.versions_in(migration.directives, CONFLICTS)
        if there := [self._labels[version] for version in conflicting if version in self._labels]:
            return PlanBlocked(
                version=migration.label,
                reason=f"it conflicts with {', '.join(there)}, {_which(there)} applied.",
                remedy=f"Roll back {_them(there)} first, or correct the `conflicts` directive.",
            )
        return None

    def _lacking(self, migration: Migration, missing: Sequence[str]) -> PlanBlocked:
        remedy = f"Apply {_them(missing)} first, or correct the `depends` directive."
        if unknown := [version for version in missing if version not in self._known]:
            remedy = f"No file is called {' or '.join(unknown)}: correct the `depends` directive, or add that file."
        if skipped := [self._skipped[version] for version in missing if version in self._skipped]:
            remedy += (
                f" {', '.join(skipped)} {'is' if len(skipped) == 1 else 'are'} skipped here: take that back, or mark "
                "as applied what somebody ran by hand."
            )
        return PlanBlocked(
            version=migration.label,
            reason=f"it depends on {', '.join(missing)}, {_which(missing)} not applied.",
            remedy=remedy,
        )


def refuse_needed(rolled_back: Sequence[AppliedMigration], history: History, folder: Folder | None) -> None:
    """Raises PlanBlocked where something that stays applied depends on what is rolled back. What a migration depends on
    is told by the text that ran, else by its file."""
    going = {row.identity for row in rolled_back}
    needed = {row.version: row for row in rolled_back}
    for row in history.rows:
        if not row.success or row.kind is Kind.SKIPPED or row.identity in going:
            continue
        versions = directives.versions_in(_directives_of(row, folder), DEPENDS)
        if version := next((version for version in versions if version in needed), ""):
            raise PlanBlocked(
                version=needed[version].label,
                reason=f"{row.label} is applied and depends on it, and would stay.",
                remedy=f"Roll back to before {row.label}: that takes both.",
            )


def _directives_of(row: AppliedMigration, folder: Folder | None) -> Mapping[str, str]:
    if row.forward_script is not None:
        try:
            return directives.values_in(row.forward_script) if "signalbox" in row.forward_script else {}
        except SqlSyntaxError:
            return {}
    migration = folder.find(row.identity) or folder.find_elsewhere(row.identity) if folder else None
    return migration.directives if migration else {}


def _which(labels: Sequence[str]) -> str:
    return "which is" if len(labels) == 1 else "which are"


def _them(labels: Sequence[str]) -> str:
    return "that" if len(labels) == 1 else "those"
