"""The tree of a commit is read as the same files on disk are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.engine.files import discovery, verifications
from dashboard.engine.files.listing import EntryKind
from dashboard.engine.files.tree import TreeFile, listing_of
from dashboard.engine.migration import FileRole, Folder

CASES = Path(__file__).parent / "cases"
FOLDERS = {
    "seed": {"001_users.sql": "SELECT 1;", "001_rollback.sql": "SELECT 2;", "test_users.sql": "SELECT 3;"},
    "sqitch": {
        "sqitch.plan": "%project=app\n\nusers 2024-01-01T00:00:00Z A <a@b.c> # one\n"
        "deep/orders [users] 2024-01-02T00:00:00Z A <a@b.c> # two\n",
        "deploy/users.sql": "BEGIN; CREATE TABLE u (); COMMIT;",
        "revert/users.sql": "BEGIN; DROP TABLE u; COMMIT;",
        "verify/users.sql": "SELECT * FROM u;",
        "deploy/deep/orders.sql": "CREATE TABLE o ();",
    },
    "graphile": {
        "committed/000001-first.sql": "--! Previous: -\n--! Hash: sha1:0\nCREATE TABLE g ();",
        "current/1-next.sql": "SELECT 1;",
    },
    "drizzle": {
        "0000_first.sql": "CREATE TABLE d ();\n--> statement-breakpoint\nCREATE TABLE e ();",
        "meta/_journal.json": '{"version": "7", "dialect": "postgresql", "entries": [{"idx": 0, "tag": "0000_first"}]}',
        "meta/0000_snapshot.json": "{}",
    },
    "prisma": {
        "20240101000000_first/migration.sql": "CREATE TABLE p ();",
        "migration_lock.toml": 'provider = "postgresql"',
    },
    "directories": {"2024-01-01-000000_first/up.sql": "SELECT 1;", "2024-01-01-000000_first/down.sql": "SELECT 2;"},
    "dbmate": {"20240101000000_first.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n"},
    "subfolders": {"001_a.sql": "SELECT 1;", "old/deep/x.sql": "SELECT 1;", "docs/deep/read.me": "x"},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_it_is_read_as_on_disk(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    for path, text in FOLDERS[name].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    files = [TreeFile(path=path, kind=EntryKind.FILE, data=text.encode()) for path, text in FOLDERS[name].items()]
    on_disk, stored = discovery.read(root), discovery.read_listing(listing_of(root, files))
    assert plain(stored) == plain(on_disk)
    assert on_disk.migrations
    assert verifications.read(stored) == verifications.read(on_disk)
    assert [v.file for v in verifications.read(stored)] == [f.file for f in stored.files if f.role is FileRole.VERIFY]


def plain(folder: Folder) -> Folder:
    return replace(folder, tests={})


def test_links_and_submodules_are_never_read(tmp_path: Path) -> None:
    files = [
        TreeFile(path="001_link.sql", kind=EntryKind.LINK, data=b"SELECT 1;"),
        TreeFile(path="vendor", kind=EntryKind.OTHER),
        TreeFile(path="002_users.sql", kind=EntryKind.FILE, data=b"SELECT 1;"),
    ]
    folder = discovery.read_listing(listing_of(tmp_path, files))
    assert {(p.file, p.code) for p in folder.problems if p.code in {"symlink", "not_a_file"}} == {
        ("001_link.sql", "symlink"),
        ("vendor", "not_a_file"),
    }
    assert [m.name for m in folder.migrations] == ["users"]
    for entry in listing_of(tmp_path, files).entries:
        if entry.kind is not EntryKind.FILE:
            with pytest.raises(OSError, match="symbolic"):
                entry.content(10)
