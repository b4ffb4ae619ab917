"""Rails, Alembic and Django: recognised, and never run, because their migrations are programs."""

from __future__ import annotations

import re
from dataclasses import replace

from dashboard.engine.files import other_tools, pairs, seed
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity


def _row(name: str, title: str, language: str, file: str, *, beside: str, signature: str, advice: str) -> Format:
    pattern = re.compile(file)

    def recognises(look: Look) -> bool:
        return (not beside or beside in look.names) and any(pattern.fullmatch(each) for each in look.names)

    def read(listing: Listing, options: Options) -> Folder:
        folder = seed.read(listing, options.limits)
        programs = [entry.file for entry in folder.files if pattern.fullmatch(entry.file)]
        explanations = [_explained(program, title, language, advice) for program in programs]
        kept = [problem for problem in folder.problems if problem.file not in programs]
        files = [_as_problem(entry) if entry.file in programs else entry for entry in folder.files]
        return replace(folder, format=name, files=tuple(files), problems=pairs.by_file([*kept, *explanations]))

    return Format(name=name, title=title, signature=signature, recognises=recognises, read=read)


def _explained(file: str, title: str, language: str, advice: str) -> Problem:
    return Problem(
        code=other_tools.CODE,
        severity=Severity.ERROR,
        file=file,
        sentence=f"{file} is a migration of {title}, a program in {language}, which Signalbox does not run.",
        advice=advice,
    )


def _as_problem(entry: FileEntry) -> FileEntry:
    return replace(entry, role=FileRole.PROBLEM)


RAILS = _row(
    "rails",
    "Rails",
    "Ruby",
    r"[0-9]{14}_\w+\.rb",
    beside="",
    signature="files named like `20240101000000_create_users.rb`",
    advice="Go on running these with `rails db:migrate`. What is to be run here is written as SQL, in a folder of its "
    "own.",
)
ALEMBIC = _row(
    "alembic",
    "Alembic",
    "Python",
    r"env\.py|[0-9a-f]{12}_\w+\.py",
    beside="",
    signature="`env.py`, or files named like `1a2b3c4d5e6f_users.py`",
    advice="Go on running these with `alembic upgrade`. Or let `alembic upgrade --sql` write each as SQL, in a "
    "folder of its own.",
)
DJANGO = _row(
    "django",
    "Django",
    "Python",
    r"[0-9]{4}_\w+\.py",
    beside="__init__.py",
    signature="`__init__.py` beside files named like `0001_initial.py`",
    advice="Go on running these with `manage.py migrate`. Or let `manage.py sqlmigrate` write each as SQL, in a "
    "folder of its own.",
)
