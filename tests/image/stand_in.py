"""A base image in the place of the one that the Dockerfile names, which is not to be had where no registry can be
reached: a shell, the programs that the build and bin/start call, and the Python that runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = (
    "bash", "cat", "chmod", "chown", "date", "dirname", "env", "grep", "groupadd", "head", "id", "ln", "ls", "mkdir",
    "mv", "nologin", "rm", "sh", "sleep", "stat", "tail", "touch", "uname", "useradd", "whoami",
)  # fmt: skip
COPIED = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/login.defs", "etc/nsswitch.conf", "etc/ssl",
          "usr/share/zoneinfo", "usr/lib/locale/C.utf8")  # fmt: skip
#: Of the system that runs the tests: what wheels expect to find.
LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "site-packages", "test", "idlelib", "tkinter", "config-3*", "*.a")


def make(root: Path) -> None:
    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "tmp", "var/tmp", "root", "dev", "proc"):
        (root / folder).mkdir(parents=True)
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / folder).symlink_to(f"usr/{folder}")
    for folder in ("tmp", "var/tmp"):
        (root / folder).chmod(0o1777)
    for program in PROGRAMS:
        path = str(shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"))
        shutil.copy2(path, root / "usr/bin" / program)
        _with_libraries(Path(path), root)
    files = subprocess.run(["dpkg", "-L", *LIBRARIES], capture_output=True, text=True, check=True).stdout.split()
    for library in filter(_is_library, files):
        _copy_library(library, root)
    for name in COPIED:
        copy = shutil.copytree if Path("/", name).is_dir() else shutil.copy2
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        copy(Path("/", name), root / name)
    _python(root)


def _python(root: Path) -> None:
    prefix, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    (root / "usr/local/bin").mkdir(parents=True)
    shutil.copy2(prefix / "bin" / version, root / "usr/local/bin" / version)
    shutil.copytree(prefix / "lib" / version, root / "usr/local/lib" / version, ignore=LEFT_OUT)
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(version)
    for library in (prefix / "lib").glob("libpython3*.so*"):
        shutil.copy2(library, root / "usr/lib" / library.name)
    for binary in (prefix / "bin" / version, *(prefix / "lib" / version / "lib-dynload").glob("*.so")):
        _with_libraries(binary, root)


def _with_libraries(binary: Path, root: Path) -> None:
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    for word in listed.split():
        if word.startswith("/") and Path(word).exists():
            _copy_library(word, root)


def _copy_library(library: str, root: Path) -> None:
    copy = root / "usr" / library.lstrip("/").removeprefix("usr/")
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, copy)


def _is_library(name: str) -> bool:
    return ".so" in Path(name).name and Path(name).is_file()
