"""The image, built by buildah from the Dockerfile as it stands, on a base of our own under the name of the real one.

Not covered: the base image itself, and what a container runtime adds (namespaces, a read-only root, capabilities).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.image import stand_in

ROOT = Path(__file__).parents[2]
#: How this machine reaches the package index; a build elsewhere needs none of it.
PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip", "/opt/pypi", "/opt/pypi-more", "/opt/wheels")

type Container = Callable[..., subprocess.Popen[str]]


class Builder:
    """buildah with a store of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def command(self, *arguments: str | Path) -> list[str | Path]:
        where = ["--root", self._home / "store", "--runroot", self._home / "run", "--storage-driver", "overlay"]
        return ["buildah", *where, *arguments]

    def __call__(self, *arguments: str | Path) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def base() -> str:
    (name,) = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    return str(name)


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    home = tmp_path_factory.mktemp("buildah")
    yield Builder(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def image(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its name. The build gets the files that git has, and those of the folder that are not committed yet."""
    folder = tmp_path_factory.mktemp("base")
    stand_in.make(folder / "root")
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(
        "FROM scratch\nCOPY root /\nENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin\n"
        "RUN python -m ensurepip --default-pip\n"
    )
    builder("bud", "--isolation", "chroot", "--tag", "stand-in", folder)
    shutil.rmtree(folder)
    context = tmp_path_factory.mktemp("context")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
    (context / ".env").write_text("SIGNALBOX_SECRET_KEY=never in an image")
    (context / "Dockerfile").write_text((context / "Dockerfile").read_text().replace(base(), "localhost/stand-in"))
    mounts = [word for file in PIP_FILES if Path(file).exists() for word in ("--volume", f"{file}:{file}:ro")]
    builder("bud", "--isolation", "chroot", "--format", "docker", *mounts, "--tag", "signalbox", context)
    return "signalbox"


@pytest.fixture(scope="module")
def container(builder: Builder, image: str) -> str:
    return builder("from", image)


@pytest.fixture
def start(builder: Builder, container: str) -> Iterator[Container]:
    """`start("python", "manage.py", …, env={…})`: a process in the container, as its user."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str, env: Mapping[str, str] = os.environ) -> subprocess.Popen[str]:
        given = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        process = subprocess.Popen(
            builder.command("run", "--isolation", "chroot", *given, container, "--", *command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, 15)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
        process.communicate()
