"""A real PgBouncer in front of a server, as Debian ships it, with its defaults."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dashboard.engine.localserver import LocalServer
from tests.ports import free_port
from tests.waiting import wait_until

CONFIGURATION = """[databases]
* = host=127.0.0.1 port={server} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
{more}
"""


@dataclass(frozen=True, kw_only=True)
class Pooler:
    port: int

    def url(self, direct: str) -> str:
        """The same database, through the pooler."""
        parts = urlsplit(direct)
        return f"postgresql://{parts.username}@127.0.0.1:{self.port}{parts.path}"


@contextmanager
def pooled(server: LocalServer, mode: str, more: str = "") -> Iterator[Pooler]:
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not program:
        pytest.skip("there is no pgbouncer (apt-get install pgbouncer)")
    home = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    home.chmod(0o755)
    pooler = Pooler(port=free_port())
    parts = urlsplit(server.url())
    configuration = home / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            server=server.port,
            user=parts.username,
            password=parts.password,
            port=pooler.port,
            mode=mode,
            more=more,
        )
    )
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    with (home / "log").open("w") as log:
        process = subprocess.Popen([program, str(configuration)], stdout=log, stderr=log, **user)
    try:
        wait_until(lambda: _answers(pooler.url(server.url())), "pgbouncer answers")
        yield pooler
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
