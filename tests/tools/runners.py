"""The migration tools themselves, started as their users start them: a folder, a database, and what they say of it.

`.ci/tools` installs them into .tools/, and from Debian what no other registry has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INSTALLED = ROOT / ".tools"
NODE_MODULES = INSTALLED / "node_modules"

#: Where each program is, by the name that its users call it by: of npm's packages, of PyPI's, and Debian's on the path.
PROGRAMS: Mapping[str, Path] = {
    **{name: NODE_MODULES / ".bin" / name for name in ("graphile-migrate", "node-pg-migrate", "prisma", "supabase")},
    "dbmate": NODE_MODULES / "@dbmate/linux-x64/bin/dbmate",
    "liquibase": NODE_MODULES / "liquibase/dist/liquibase/liquibase",
    **{name: INSTALLED / "python/bin" / name for name in ("alembic", "django-admin", "sqlx", "yoyo")},
    **{name: Path(name) for name in ("node", "sqitch")},
}


@dataclass(frozen=True, kw_only=True)
class Tool:
    """`program` applies what is pending in the work folder; `pending` is what the tool itself says it would still
    apply, None where it has no word for that. `reads`: the folder in it that Signalbox reads, `reads_as` the format
    where that is not its name. `withheld`: the files of the last migration, `index` the file that names it, with a
    pattern of what does. `keeps`: its own tables and schemas."""

    name: str
    program: str
    apply: Callable[[Work], object]
    pending: Callable[[Work], Sequence[str]] | None
    keeps: tuple[str, ...]
    withheld: tuple[str, ...]
    index: Mapping[str, str] = field(default_factory=dict)
    reads: str = "."
    reads_as: str = ""
    placeholders: tuple[tuple[str, str], ...] = ()

    @property
    def format(self) -> str:
        return self.reads_as or self.name

    @contextmanager
    def without_the_last(self, work: Work) -> Iterator[None]:
        """The last migration is not there yet."""
        aside = work.folder.with_name("withheld")
        for file in self.withheld:
            (aside / file).parent.mkdir(parents=True, exist_ok=True)
            (work.folder / file).rename(aside / file)
        for file, entry in self.index.items():
            (aside / file).parent.mkdir(parents=True, exist_ok=True)
            text = shutil.copy(work.folder / file, aside / file).read_text(encoding="utf-8")
            (work.folder / file).write_text(re.sub(entry, "", text, flags=re.MULTILINE), encoding="utf-8")
        yield
        shutil.copytree(aside, work.folder, dirs_exist_ok=True)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class Work:
    """A copy of a tool's folder, and the database that it migrates."""

    folder: Path
    url: str

    def run(self, *command: str | Path, fails: bool = False, **environment: str) -> str:
        """What the program says. It must succeed, unless it `fails`."""
        done = self.attempt(*command, **environment)
        assert (done.returncode != 0) is fails, f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def attempt(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={**kept, "DATABASE_URL": self.url, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=60,
        )


#: What is no migration, and lies in the work folder whatever the files are.
SETTINGS = ("sqitch.conf", "root.xml", "schema.prisma", ".gmrc")


def work_of(tool: Tool, folder: Path, url: str, files: Mapping[str, str] | None = None) -> Work:
    """These files, or the tool's own folder, copied to `folder`."""
    installed(tool.program)
    if files is None:
        shutil.copytree(HERE / "folders" / tool.name, folder, dirs_exist_ok=True)
        return Work(folder=folder, url=url)
    folder.mkdir()
    for name in SETTINGS:
        if (file := HERE / "folders" / tool.name / name).exists():
            shutil.copy(file, folder)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return Work(folder=folder, url=url)


def installed(program: str) -> Path:
    if not shutil.which(PROGRAMS[program]):
        pytest.fail(f"{program} is not installed: {PROGRAMS[program]} is missing. Run .ci/tools, then the tests again.")
    return PROGRAMS[program]


def _with_modules(work: Work, *files: str) -> None:
    if not (work.folder / "node_modules").exists():
        (work.folder / "node_modules").symlink_to(NODE_MODULES)
    for file in files:
        shutil.copy(HERE / file, work.folder)


def dbmate(work: Work, verb: str) -> str:
    return work.run(PROGRAMS["dbmate"], "--url", f"{work.url}?sslmode=disable", "--no-dump-schema", "-d", ".", verb)


def node_pg_migrate(work: Work, verb: str, *options: str) -> str:
    return work.run(PROGRAMS["node-pg-migrate"], verb, "-m", ".", *options)


def supabase(work: Work, *words: str) -> str:
    return work.run(PROGRAMS["supabase"], *words, "--db-url", f"{work.url}?sslmode=disable", "--yes")


def sqlx(work: Work, verb: str) -> str:
    return work.run(PROGRAMS["sqlx"], "migrate", verb, "--source", ".", "-D", work.url)


def yoyo(work: Work, verb: str, *options: str) -> str:
    return work.run(PROGRAMS["yoyo"], verb, "--batch", "--no-config-file", *options, "-d", work.url, ".")


def sqitch(work: Work, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    target = work.url.replace("postgresql://", "db:pg://")
    return work.attempt(
        PROGRAMS["sqitch"], verb, *options, target, SQITCH_FULLNAME="Ada", SQITCH_EMAIL="ada@example.com"
    )


def liquibase(work: Work, verb: str, *options: str) -> str:
    parts = urlsplit(work.url)
    address = f"--url=jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}"
    who = (f"--username={parts.username}", f"--password={parts.password}")
    command = (PROGRAMS["liquibase"], "--show-banner=false", verb, *options, "--changelog-file=root.xml", address, *who)
    return work.run(*command, JAVA_OPTS="-XX:TieredStopAtLevel=1")


def graphile_migrate(work: Work, verb: str) -> subprocess.CompletedProcess[str]:
    shadow = f"{work.url}_shadow"  # asked for, and never used by these verbs
    return work.attempt(PROGRAMS["graphile-migrate"], verb, SHADOW_DATABASE_URL=shadow)


#: Files that stand for the engines that Prisma would download, and never starts where its engine is an adapter's.
_ALONE = {
    "PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true",
    "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true",
    "CHECKPOINT_DISABLE": "1",
}


def prisma(work: Work, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    _with_modules(work, "prisma.config.mjs")
    return work.attempt(
        "node_modules/.bin/prisma", "migrate", verb, *options, "--config", "prisma.config.mjs", **_ALONE
    )


def drizzle(work: Work, package: str) -> None:
    _with_modules(work, "drizzle.mjs")
    work.run(PROGRAMS["node"], "drizzle.mjs", "migrations", package)


def well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout
    return done.stdout


def _marked(text: str, pattern: str) -> list[str]:
    return re.findall(pattern, text, re.MULTILINE)


def _pending_of_sqitch(work: Work) -> Sequence[str]:
    said = sqitch(work, "status").stdout
    if "has not been initialized" in said or "No changes deployed" in said:
        return ["everything"]
    return _marked(said, r"^  \* (\S+)")


def _pending_of_graphile_migrate(work: Work) -> Sequence[str]:
    return _marked(graphile_migrate(work, "status").stdout, r"^\s*(\d{6}\S*\.sql)")


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="dbmate",
        program="dbmate",
        apply=lambda work: dbmate(work, "up"),
        pending=lambda work: _marked(dbmate(work, "status"), r"^\[ \] (\S+)"),
        keeps=("public.schema_migrations",),
        withheld=("20240105000000_note.sql",),
    ),
    Tool(
        name="node-pg-migrate",
        program="node-pg-migrate",
        apply=lambda work: node_pg_migrate(work, "up"),
        pending=lambda work: _marked(node_pg_migrate(work, "up", "--dry-run"), r"^### MIGRATION (\S+)"),
        keeps=("public.pgmigrations",),
        withheld=("20240105000000000_note.sql",),
    ),
    Tool(
        name="supabase",
        program="supabase",
        apply=lambda work: supabase(work, "db", "push"),
        pending=lambda work: _marked(supabase(work, "db", "push", "--dry-run"), r"^ • (\S+)"),
        keeps=("supabase_migrations",),
        withheld=("supabase/migrations/20240104000000_note.sql",),
        reads="supabase/migrations",
    ),
    Tool(
        name="sqlx",
        program="sqlx",
        apply=lambda work: sqlx(work, "run"),
        pending=lambda work: _marked(sqlx(work, "info"), r"^(\d+)/pending"),
        keeps=("public._sqlx_migrations",),
        withheld=("20240104000000_note.sql",),
    ),
    Tool(
        name="sqlx-reversible",
        program="sqlx",
        apply=lambda work: sqlx(work, "run"),
        pending=lambda work: _marked(sqlx(work, "info"), r"^(\d+)/pending"),
        keeps=("public._sqlx_migrations",),
        withheld=("20240104000000_note.up.sql", "20240104000000_note.down.sql"),
        reads_as="updown",
    ),
    Tool(
        name="yoyo",
        program="yoyo",
        apply=lambda work: yoyo(work, "apply"),
        pending=lambda work: _marked(yoyo(work, "list"), r"^U +(\S+)"),
        keeps=("public._yoyo_migration", "public._yoyo_log", "public._yoyo_version", "public.yoyo_lock"),
        withheld=("0004.note.sql",),
    ),
    Tool(
        name="sqitch",
        program="sqitch",
        apply=lambda work: well(sqitch(work, "deploy")),
        pending=_pending_of_sqitch,
        keeps=("sqitch",),
        withheld=("deploy/note.sql", "revert/note.sql"),
        index={"sqitch.plan": r"^note .*\n"},
    ),
    Tool(
        name="liquibase",
        program="liquibase",
        apply=lambda work: liquibase(work, "update"),
        pending=lambda work: _marked(liquibase(work, "status", "--verbose"), r"^ +(\S+::\S+::\S+)$"),
        keeps=("public.databasechangelog", "public.databasechangeloglock"),
        withheld=("changes/003_note.sql",),
        reads="changes",
    ),
    Tool(
        name="graphile-migrate",
        program="graphile-migrate",
        apply=lambda work: well(graphile_migrate(work, "migrate")),
        pending=_pending_of_graphile_migrate,
        keeps=("graphile_migrate",),
        withheld=("migrations/committed/000004-note.sql",),
        reads="migrations",
        placeholders=(("APP", "reporting"),),
    ),
    Tool(
        name="prisma",
        program="prisma",
        apply=lambda work: well(prisma(work, "deploy")),
        pending=lambda work: _marked(prisma(work, "status").stdout, r"^(\d{14}_\S+)$"),
        keeps=("public._prisma_migrations",),
        withheld=("migrations/20240103000000_note",),
        reads="migrations",
    ),
    Tool(
        name="drizzle",
        program="node",
        apply=lambda work: drizzle(work, "drizzle-orm"),
        pending=None,
        keeps=("drizzle",),
        withheld=("migrations/0002_note.sql",),
        index={"migrations/meta/_journal.json": r',\s*\{"idx": 2.*\}$'},
        reads="migrations",
    ),
    Tool(
        name="drizzle-directories",
        program="node",
        apply=lambda work: drizzle(work, "drizzle-orm-next"),
        pending=None,
        keeps=("drizzle",),
        withheld=("migrations/20240103000000_note",),
        reads="migrations",
    ),
)
