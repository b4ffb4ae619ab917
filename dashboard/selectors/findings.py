"""What lint says of the migrations folder. Asked once for each content of it: squawk is a process of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from urllib.parse import urlsplit

from django.conf import settings

from dashboard.engine.lint import Finding, LintContext, lint_folder
from dashboard.engine.migration import Folder, Migration
from dashboard.engine.planner import Plan, Step
from dashboard.models import environments

type Findings = Mapping[str, tuple[Finding, ...]]  # by file

_guard = threading.Lock()
_last: tuple[str, Findings] = ("", {})


def by_file(folder: Folder) -> Findings:
    """Of every file that has any. The first page after a change waits for it, every later one does not."""
    global _last
    context = _context()
    mark = _mark(folder, context)
    with _guard:
        if _last[0] != mark:
            found = sorted(lint_folder(folder, context), key=lambda f: (f.file, f.line, f.column))
            _last = mark, {file: tuple(group) for file, group in groupby(found, key=lambda f: f.file)}
        return _last[1]


def of_migration(found: Findings, migration: Migration) -> tuple[Finding, ...]:
    """Of its up, then of its down."""
    scripts = (migration.up, migration.down)
    return tuple(finding for script in scripts if script for finding in found.get(script.file, ()))


def of_text(found: Findings, migration: Migration, sql: str) -> tuple[Finding, ...]:
    """Of the script of this migration that reads so; none where the text is from another time."""
    scripts = (migration.up, migration.down)
    return next((found.get(s.file, ()) for s in scripts if s is not None and s.sql == sql), ())


def of_plan(plan: Plan, folder: Folder) -> tuple[Finding, ...]:
    """Of the scripts that the plan would run or capture. A rollback runs what was captured long ago: none."""
    found = by_file(folder)
    return tuple(finding for step in plan.steps for file in _files(step, folder) for finding in found.get(file, ()))


def _files(step: Step, folder: Folder) -> Iterator[str]:
    """A rollback that cannot be used is not captured: that it is broken makes the step irreversible, not wrong."""
    migration = folder.find(step.version, step.name)
    if migration is None or not step.file:
        return
    yield migration.up.file
    if migration.down and step.down_sql:
        yield migration.down.file


def _context() -> LintContext:
    hosts = (urlsplit(environment.url).hostname or "" for environment in environments.all_environments())
    return LintContext(tracking_schema=settings.TRACKING_SCHEMA, supabase=any(".supabase." in host for host in hosts))


def _mark(folder: Folder, context: LintContext) -> str:
    """Changes with everything lint looks at."""
    scripts = [(m.identity, _script(m)) for m in folder.migrations]
    return hashlib.sha256(repr((context, scripts, folder.problems)).encode()).hexdigest()


def _script(migration: Migration) -> Sequence[str]:
    down = (migration.down.file, migration.down.checksum) if migration.down else ()
    return (migration.up.file, migration.up.checksum, *down)
