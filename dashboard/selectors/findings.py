"""What lint says of the migrations folder. Asked once for each content of it: squawk is a process of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from django.conf import settings

from dashboard.engine.database import urls
from dashboard.engine.lint import Finding, LintContext, lint_folder
from dashboard.engine.migration import Folder, Migration
from dashboard.engine.plan import Plan
from dashboard.engine.schema.objects import attributes_of
from dashboard.models import Rehearsal, Snapshot, environments

type Findings = Mapping[str, tuple[Finding, ...]]  # by file

_guard = threading.Lock()
#: What was said last, of as many contents as there may be sources on one page.
_last: dict[str, Findings] = {}
_KEPT = 16


def by_file(folder: Folder | None) -> Findings:
    """For every file that has any; nothing for a folder that cannot be read.

    The first page after a change waits for it, every later one does not.
    """
    if folder is None:
        return {}
    context = _context()
    mark = _mark(folder, context)
    with _guard:
        if mark not in _last:
            findings = sorted(lint_folder(folder, context), key=lambda f: (f.file, f.line, f.column))
            _last[mark] = {file: tuple(group) for file, group in groupby(findings, key=lambda f: f.file)}
            if len(_last) > _KEPT:
                del _last[next(iter(_last))]
        return _last[mark]


def of_migration(findings_by_file: Findings, migration: Migration) -> tuple[Finding, ...]:
    """Those of its up, then those of its down."""
    scripts = (migration.up, migration.down)
    return tuple(finding for script in scripts if script for finding in findings_by_file.get(script.file, ()))


def of_text(findings_by_file: Findings, migration: Migration, sql: str) -> tuple[Finding, ...]:
    """Those of the script of this migration that reads so; none where the text is from another time."""
    scripts = (migration.up, migration.down)
    return next((findings_by_file.get(s.file, ()) for s in scripts if s is not None and s.sql == sql), ())


def of_plan(plan: Plan, folder: Folder) -> tuple[Finding, ...] | None:
    """Those of the scripts that an apply would run or capture; None where the folder holds other ones by now.

    A rollback that cannot be used is not captured: that it is broken makes the step irreversible, not wrong.
    """
    findings_by_file = by_file(folder)
    said: list[Finding] = []
    for step in plan.steps:
        migration = folder.find(step.identity)
        if migration is None or migration.up.sql != step.sql:
            return None
        said += findings_by_file.get(migration.up.file, ())
        if migration.down and step.down_sql:
            said += findings_by_file.get(migration.down.file, ())
    return tuple(said)


def _context() -> LintContext:
    """What is known of the targets: the oldest PostgreSQL among them, and what is partitioned in any."""
    declared = environments.all_environments()
    given = (environment.url or environment.read_url for environment in declared if environment.configured)
    hosts = (urls.parts(url).get("host", "") for url in given if not urls.fault_of_keywords(url))
    rehearsed = Rehearsal.objects.filter(target_major__isnull=False).order_by("environment", "-id")
    majors = rehearsed.distinct("environment").values_list("target_major", flat=True)
    snapshots = Snapshot.objects.order_by("environment", "-id").distinct("environment").values_list("pk", flat=True)
    return LintContext(
        pg_major=min(filter(None, majors), default=LintContext().pg_major),
        tracking_schema=settings.TRACKING_SCHEMA,
        control_schema=settings.CONTROL_SCHEMA,
        supabase=any(".supabase." in host for host in hosts),
        partitioned=_partitioned(tuple(snapshots)),
    )


@lru_cache(maxsize=8)
def _partitioned(snapshots: Sequence[int]) -> frozenset[str]:
    """The partitioned tables of these schemas."""
    schemas = Snapshot.objects.filter(pk__in=snapshots).values_list("schema", flat=True)
    return frozenset(
        key.removeprefix("table ")
        for schema in schemas
        for key, text in schema.get("objects", {}).items()
        if key.startswith("table ") and "partitioned by" in attributes_of(text)
    )


def _mark(folder: Folder, context: LintContext) -> str:
    """Changes with everything lint looks at."""
    scripts = [(m.identity, _script(m)) for m in folder.migrations]
    return hashlib.sha256(repr((context, scripts, folder.problems)).encode()).hexdigest()


def _script(migration: Migration) -> Sequence[str]:
    """Not the file alone: what is run of it can hang on more, such as a value that is put into it."""
    scripts = (migration.up, migration.down) if migration.down else (migration.up,)
    return [part for script in scripts for part in (script.file, script.checksum, script.checksum_sql)]
