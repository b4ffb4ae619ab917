"""sqlx: `20240101000000_users.sql`, or a pair of `.up.sql` and `.down.sql`; a first line may be `-- no-transaction`."""

from __future__ import annotations

import hashlib
import re

from dashboard.engine.files import cuts, parted, seed_names
from dashboard.engine.files.cuts import Cut
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Entry, Listing
from dashboard.engine.files.parted import Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+?)(?:\.(?P<way>up|down))?\.sql")
_NO_TRANSACTION = "-- no-transaction"


def cut(text: str, file: str) -> Cut:
    return Cut(up=text, says=(cuts.OUTSIDE,) if text.startswith(_NO_TRANSACTION) else ())


STYLE = Style(
    format="sqlx",
    title="sqlx",
    named="<number>_<name>.sql",
    place=parted.placed_by(_NAME),
    cut=cut,
    undone="{label}.down.sql, and rename this file to {label}.up.sql",
    counts=True,
)


def recognises(look: Look) -> bool:
    """A folder of pairs is read alike, as `updown`; one with rollbacks of another kind is none of sqlx, which would
    run them."""
    places = seed_names.place_all([entry.name for entry in look.sql_files])
    if any(place.role is FileRole.ROLLBACK and not place.file.endswith(".down.sql") for place in places):
        return False
    return any(map(_says_no_transaction, look.sql_files))


def _says_no_transaction(entry: Entry) -> bool:
    try:
        return entry.content(len(_NO_TRANSACTION)) == _NO_TRANSACTION.encode()
    except OSError:
        return False


def read(listing: Listing, options: Options) -> Folder:
    return parted.read(listing, options, STYLE)


FORMAT = Format(
    name="sqlx",
    title="sqlx",
    signature="a first line `-- no-transaction`",
    recognises=recognises,
    read=read,
    directives=("`-- no-transaction` as the first line",),
    native_checksum=lambda content: hashlib.sha384(content).hexdigest(),
)
