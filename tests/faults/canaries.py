"""Secrets that are planted, and a net that finds them again in whatever Signalbox says, keeps or starts."""

from __future__ import annotations

import base64
import html
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from dashboard.engine.localserver.watchdog import descendants

if TYPE_CHECKING:
    from django.test import Client

MEGABYTE = 1_000_000
#: Pages a crawl stops after, so that a link that leads on and on ends somewhere.
PAGES = 600


@dataclass(frozen=True, kw_only=True)
class Leak:
    secret: str  # what it was planted as
    where: str

    def __str__(self) -> str:
        return f"{self.secret} in {self.where}"


@dataclass
class Net:
    """Knows every planted secret; `read` looks for each of them in a text."""

    planted: dict[str, str] = field(default_factory=dict)
    at_home: dict[str, str] = field(default_factory=dict)  # by secret: a pattern of places where it belongs
    leaks: set[Leak] = field(default_factory=set)
    outputs: int = 0
    scanned: int = 0

    def plant(self, name: str, secret: str = "", *, at_home: str = "") -> str:
        """A new secret of its own, or one that there is already."""
        self.planted[name] = secret or f"canary{secrets.token_hex(8)}"
        if at_home:
            self.at_home[name] = at_home
        return self.planted[name]

    def read(self, where: str, said: str | bytes) -> None:
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        self.outputs += 1
        self.scanned += len(text.encode(errors="replace"))
        for name, secret in self.planted.items():
            belongs = name in self.at_home and re.match(self.at_home[name], where)
            if not belongs and _holds(text, secret):
                self.leaks.add(Leak(secret=name, where=where))

    @property
    def megabytes(self) -> float:
        return self.scanned / MEGABYTE


def _holds(text: str, secret: str) -> bool:
    """One of digits alone, such as a recovery code, is looked for as a whole: any digest could hold them."""
    if secret.isdigit():
        return re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text) is not None
    return any(form in text for form in _forms(secret))


def _forms(secret: str) -> Iterator[str]:
    """As it is, and as a page, a URL or a header would write it."""
    yield secret
    yield html.escape(secret)
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")


# What there is to read


def crawl(client: Client, net: Net, who: str, *, start: str = "/") -> int:
    """Every page that links lead to, as this person."""
    waiting, visited = [start, "/audit/?format=csv", "/audit/?verify=1"], set()
    while waiting and len(visited) < PAGES:
        url = waiting.pop()
        if url in visited:
            continue
        visited.add(url)
        answer = client.get(url)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        headers = "\n".join(f"{name}: {value}" for name, value in answer.items())
        net.read(f"page {url} for {who}", headers.encode() + b"\n" + body)
        if "html" in answer.get("Content-Type", ""):
            links = re.findall(r'href="((?:/|\?)[^"#]*)', body.decode())
            waiting += [_resolved(html.unescape(link), url) for link in links if not link.startswith("/static/")]
    return len(visited)


def _resolved(link: str, on: str) -> str:
    return on.partition("?")[0] + link if link.startswith("?") else link


def rows(connection: psycopg.Connection, net: Net, *, schema: str, of: str) -> None:
    """Every row of every table there, as text."""
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
    for (table,) in tables:
        query = psycopg.sql.SQL("SELECT row_to_json(t)::text FROM {} t").format(psycopg.sql.Identifier(schema, table))
        text = "\n".join(str(row) for (row,) in connection.execute(query))
        net.read(f"rows of {table} of {of}", text)


@contextmanager
def watching_processes(net: Net) -> Iterator[None]:
    """What every process that Signalbox starts was started with, for as long as this lasts: its command line, which
    anyone on the machine may read, and its environment, whoever may read that. Not of those that run already: they
    are the suite's own, and serve its other tests."""
    done = threading.Event()
    earlier = frozenset(descendants(os.getpid()))
    lines: set[bytes] = set()
    environments: dict[str, set[bytes]] = {}
    watcher = threading.Thread(target=_watch, args=(lines, environments, earlier, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        net.read("command lines", b"\n".join(lines))
        for program, given in environments.items():
            net.read(f"environment of {program}", b"\n".join(given))


def _watch(
    lines: set[bytes], environments: dict[str, set[bytes]], earlier: frozenset[int], over: threading.Event
) -> None:
    while not over.wait(0.005):
        for process in (Path("/proc") / str(pid) for pid in descendants(os.getpid()) if pid not in earlier):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes()
                lines.add(command.replace(b"\0", b" "))
                program = PurePath(command.partition(b"\0")[0].decode(errors="replace")).name
                environments.setdefault(program, set()).add((process / "environ").read_bytes())
