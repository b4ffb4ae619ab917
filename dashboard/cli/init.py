"""Begin here: a folder for migrations, and the file that declares the environments. What is there stays as it is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import resources
from pathlib import Path

from dashboard.cli.exits import Exit
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    folder, file = Path("migrations_sql"), Path("config") / "environments.toml"
    for path in (folder, file.parent):
        if os.path.lexists(path) and not path.is_dir():
            print(f"signalbox: {path} is there, and is no folder. Nothing was written. Move it away.", file=sys.stderr)
            return Exit.FAILED
    written, kept = [], []
    if folder.is_dir():
        kept.append(f"{folder}/")
    else:
        folder.mkdir()
        written.append(f"{folder}/")
    if file.exists():
        kept.append(str(file))
    else:
        file.parent.mkdir(exist_ok=True)
        file.write_text(resources.files("config").joinpath(file.name).read_text(encoding="utf-8"), encoding="utf-8")
        written.append(str(file))
    if options.json:
        print(json.dumps({"written": written, "kept": kept}, indent=2))
    else:
        lines = [f"{path}: written" for path in written] + [f"{path}: is there already" for path in kept]
        print("\n".join([*lines, f"Next: `{workspace.typed('new NAME')}`, then `{workspace.typed('status')}`."]))
    return Exit.OK
