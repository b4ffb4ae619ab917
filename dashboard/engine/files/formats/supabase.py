"""Supabase's command line: `supabase/migrations/20240101000000_users.sql`, forward only."""

from __future__ import annotations

import re

from dashboard.engine.files import parted, seed_names
from dashboard.engine.files.cuts import Cut
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)\.sql")
_OLD_INIT = re.compile(r"(?P<day>[0-9]{8})[0-9]{6}_init\.sql")
#: Before that day the first file of a project was a dump of what every project has, and the tool skips it.
_INIT_COUNTS_FROM = "20211209"


def place(file: str) -> Place | None:
    match, init = _NAME.fullmatch(file), _OLD_INIT.fullmatch(file)
    if match is None or (init and init["day"] < _INIT_COUNTS_FROM):
        return None
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"])


STYLE = Style(
    format="supabase",
    title="Supabase",
    named="<timestamp>_<name>.sql",
    place=place,
    cut=lambda text, file: Cut(up=text),
    undone="a new migration where it has to be undone",
    ignores={
        r"seed\.sql": "puts rows into a database for development",
        r"[0-9]{14}_init\.sql": "is what every project had at that time, and Supabase skips it",
    },
    in_text_order=True,
)


def recognises(look: Look) -> bool:
    """A folder with rollbacks is none of Supabase's, which would run them."""
    source = look.listing.source
    places = seed_names.place_all(look.names)
    return (
        source.name == "migrations"
        and source.parent.name == "supabase"
        and not any(place.role is FileRole.ROLLBACK for place in places)
    )


def read(listing: Listing, options: Options) -> Folder:
    return parted.read(listing, options, STYLE)


FORMAT = Format(
    name="supabase",
    title="Supabase",
    signature="the folder is called supabase/migrations, and holds no rollback",
    recognises=recognises,
    read=read,
    ignores=("seed.sql", "an init.sql of before 9 December 2021"),
)
