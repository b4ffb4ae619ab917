"""Rails, Alembic and Django: recognised, and never run, because their migrations are programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import other_tools, pairs, seed
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import EntryKind, Listing
from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity


def _row(
    name: str,
    title: str,
    language: str,
    names: tuple[str, str],
    *,
    signature: str,
    advice: str,
    beside: str = "",
    inside: str = "",
) -> Format:
    """`names`: what a file is called by which the folder is known, and what its migrations are, whatever their numbers;
    `inside`: the folder in it that holds them, where it is not the folder itself."""
    known, program = (re.compile(each) for each in names)

    def recognises(look: Look) -> bool:
        return (not beside or beside in look.names) and any(known.fullmatch(each) for each in look.names)

    def read(listing: Listing, options: Options) -> Folder:
        folder = seed.read(listing, options.limits)
        here = [entry.file for entry in folder.files if program.fullmatch(entry.file)]
        there = [f"{inside}/{each}" for each in _names_in(listing, inside) if program.fullmatch(each)]
        files = [entry for entry in folder.files if entry.file not in here]
        problems = [problem for problem in folder.problems if problem.file not in here]
        return replace(
            folder,
            format=name,
            files=(*files, *(FileEntry(file=each, role=FileRole.PROBLEM) for each in (*here, *there))),
            problems=pairs.by_file([*problems, *(_explained(each, title, language, advice) for each in here + there)]),
        )

    return Format(name=name, title=title, signature=signature, recognises=recognises, read=read)


def _names_in(listing: Listing, folder: str) -> Sequence[str]:
    """Nothing where it is not there or cannot be read: then it is named as any other folder."""
    entry = listing.find(folder)
    try:
        return sorted(entry.listing().names) if entry and entry.kind is EntryKind.FOLDER else ()
    except (SourceMissing, SourceUnreadable):
        return ()


def _explained(file: str, title: str, language: str, advice: str) -> Problem:
    return Problem(
        code=other_tools.CODE,
        severity=Severity.ERROR,
        file=file,
        sentence=f"{file} is a migration of {title}, a program in {language}, which Signalbox does not run.",
        advice=advice,
    )


RAILS = _row(
    "rails",
    "Rails",
    "Ruby",
    (r"[0-9]{14}_\w+\.rb", r"[0-9]+_.+\.rb"),
    signature="files named like `20240101000000_create_users.rb`",
    advice="Go on running these with `rails db:migrate`. What is to be run here is written as SQL, in a folder of its "
    "own.",
)
ALEMBIC = _row(
    "alembic",
    "Alembic",
    "Python",
    (r"env\.py|[0-9a-f]{12}_\w+\.py", r"(?!(?:env|__init__)\.py).+\.py"),
    inside="versions",
    signature="`env.py`, or files named like `1a2b3c4d5e6f_users.py`",
    advice="Go on running these with `alembic upgrade`. Or let `alembic upgrade --sql` write each as SQL, in a "
    "folder of its own.",
)
DJANGO = _row(
    "django",
    "Django",
    "Python",
    (r"[0-9]{4}_\w+\.py", r"(?!__init__\.py).+\.py"),
    beside="__init__.py",
    signature="`__init__.py` beside files named like `0001_initial.py`",
    advice="Go on running these with `manage.py migrate`. Or let `manage.py sqlmigrate` write each as SQL, in a "
    "folder of its own.",
)
