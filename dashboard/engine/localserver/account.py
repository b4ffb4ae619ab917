"""The user that the server and its programs run as: PostgreSQL refuses root, so for root it is `nobody`."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

from dashboard.engine.errors import LocalServerError


def privileges() -> dict[str, Any]:
    """What `subprocess` needs to run a program as the server's user."""
    if os.geteuid() != 0:
        return {}
    account = nobody()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise LocalServerError(
            what="PostgreSQL refuses to run as root, and this machine has no user nobody to run it instead.",
            remedy="Start Signalbox as a user other than root.",
        ) from error


def make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    give_to_server(folder)


def give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        account = nobody()
        os.chown(path, account.pw_uid, account.pw_gid)


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment(), **privileges())


def output(*command: str) -> str:
    """What a program says that runs as our own user: whoever else is that user sees its environment, too."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment() | _path())
    return done.stdout.strip()


def _path() -> dict[str, str]:
    """Ours, on which a program was looked for."""
    return {"PATH": os.environ.get("PATH", os.defpath)}


def environment() -> dict[str, str]:
    """Nothing of the owner's environment: its PG variables and secrets are not the server's."""
    return {"PATH": os.defpath, "LC_ALL": locale(), "TZ": "UTC"}


def locale() -> str:
    return "C.UTF-8" if sys.platform == "linux" else "C"
