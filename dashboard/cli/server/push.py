"""Push the files of a folder to a source of the server, whole, as one commit. Plans, requests and runs name it.

For a source with `pushed = true`. In a job of GitHub or GitLab the commit, its author, its message and its branch are
those of the job.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import SignalboxServer

_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")
_AUTHORS = ("GITHUB_ACTOR", "CI_COMMIT_AUTHOR")
_REFS = ("GITHUB_REF", "CI_COMMIT_REF_NAME")
#: Characters of a message that the server takes; git allows any number.
_MESSAGE = 2_000


class NotPushed(Exception):
    """Why nothing was sent, as a sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="the source, as config/environments.toml of the server has it")
    parser.add_argument(
        "--from",
        metavar="FOLDER",
        dest="root",
        type=Path,
        default=Path("migrations_sql"),
        help="the folder (default: migrations_sql)",
    )
    parser.add_argument("--commit", metavar="SHA", default=_first(_COMMITS), help="what the files are of")
    parser.add_argument("--author", metavar="NAME", default=_first(_AUTHORS), help="whose commit it is")
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    try:
        files = _files(options)
    except NotPushed as error:
        print(f"signalbox: {error} Nothing was pushed.", file=sys.stderr)
        return Exit.USAGE
    snapshot = {
        "commit": options.commit,
        "author": options.author,
        "message": os.environ.get("CI_COMMIT_MESSAGE", "")[:_MESSAGE],
        "ref": _first(_REFS),
        "files": [{"path": path, "content": text} for path, text in files.items()],
    }
    source = server.post(f"/sources/{options.source}/snapshots", snapshot)
    held = "1 file" if len(files) == 1 else f"{len(files)} files"
    line = f"{options.source}: commit {options.commit[:7]} by {options.author} is in force, with {held}"
    choosing.show(options, source, [line])
    return Exit.OK


def _files(options: argparse.Namespace) -> Mapping[str, str]:
    """By their path in the folder. What is hidden is left out, and so are links, which could lead anywhere."""
    folder: Path = options.root
    if not folder.is_dir():
        raise NotPushed(f"There is no folder {folder}.")
    if not options.commit or not options.author:
        raise NotPushed("This is no job of GitHub or GitLab: say --commit and --author.")
    inside = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    named = {path.relative_to(folder).as_posix(): path for path in inside}
    return {name: _text(path) for name, path in named.items() if "/." not in f"/{name}"}


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotPushed(f"{path} is no text in UTF-8 ({error.reason}).") from None


def _first(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
