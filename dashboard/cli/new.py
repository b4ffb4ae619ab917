"""Write the files of a new migration, up and rollback, in the format of the folder and behind all that is there.

Nothing is overwritten. Where the tool of that format keeps more than the files, such as hashes or a journal, that tool
has to write them, and it is named.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from config.sources import Source
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit
from dashboard.engine.files import catalogue, writing
from dashboard.engine.files.writing import NewFile
from dashboard.engine.migration import Migration
from dashboard.local.workspace import Workspace

#: Characters of a name. With its number and its ending it is a file, of which most disks take 255.
_LONGEST = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what it does, such as add_city")
    chosen_environments.add_source(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say which files would be written")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    name, source = writing.slug(options.name), chosen_environments.source(options, workspace)
    if not name:
        print(f"signalbox: {options.name!r} has no letter and no digit to name a migration by.", file=sys.stderr)
        return Exit.USAGE
    if len(name) > _LONGEST:
        print(
            f"signalbox: a name has at most {_LONGEST} characters, and this one {len(name)}. Nothing was written.",
            file=sys.stderr,
        )
        return Exit.USAGE
    folder = workspace.files(source)
    files = writing.files(
        folder, workspace.listing(source, folder), name, now=datetime.now(UTC), names=source.reading.names
    )
    if not files:
        print(_by_its_tool(folder.format), file=sys.stderr)
        return Exit.USAGE
    if taken := [file.path for file in files if (source.folder / file.path).exists()]:
        print(f"signalbox: {taken[0]} is there already. Nothing was written.", file=sys.stderr)
        return Exit.FAILED
    migration = None if options.dry_run else _write(workspace, source, files)
    if migration is None and not options.dry_run:
        print(
            f"signalbox: the files were not read back as a migration of {source.folder}, so they were removed. "
            f"Write it by hand, or with {catalogue.title_of(folder.format)}.",
            file=sys.stderr,
        )
        return Exit.FAILED
    paths = [str(source.folder / file.path) for file in files]
    report = {
        "format": folder.format,
        "version": migration.version if migration else None,
        "name": name,
        "files": paths,
        "written": not options.dry_run,
    }
    print(json.dumps(report, indent=2) if options.json else "\n".join(paths))
    return Exit.OK


def _write(workspace: Workspace, source: Source, files: tuple[NewFile, ...]) -> Migration | None:
    """The migration as it is read back; None where it is none, and then nothing of it is left."""
    made: list[Path] = []
    for file in files:
        path = source.folder / file.path
        if not path.parent.exists():
            path.parent.mkdir()
            made.append(path.parent)
        path.write_text(file.text, encoding="utf-8")
        made.append(path)
    paths = {file.path for file in files}
    for migration in workspace.files(source).migrations:
        if migration.up.file.partition(" (")[0] in paths:  # a change set is one of several in its file
            return migration
    for path in reversed(made):
        path.unlink() if path.is_file() else path.rmdir()
    return None


def _by_its_tool(format_name: str) -> str:
    return (
        f"signalbox: files of {catalogue.title_of(format_name)} are written by that tool, which keeps more than the "
        f"files. Nothing was written. Run: {writing.BY_THEIR_TOOL[format_name]}"
    )
