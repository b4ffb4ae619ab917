"""The facts that PostgreSQL, libpq and pg_dump tell in a message and nowhere else. Only this module reads messages.

Whatever has a SQLSTATE or a field of its own (table, constraint) is asked by that. Here is the rest: libpq gives no
SQLSTATE for a connection that failed, and several errors of the server name their object in the text alone. Names of
objects and of settings are the same in every language.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from dashboard.engine.errors import ServerError

#: How libpq begins to tell of the one address that it tried; where it tried several it tells all of them.
_PREAMBLE = re.compile(
    r'^connection failed: connection to server at "[^"]*"(?: \([^)]*\))?, port \d+ failed: (?!.*server at)'
)
#: How libpq says that it was told to encrypt, or to verify, and could not.
_NO_TLS = re.compile(r"SSL was required|certificate|sslmode|SSL error", re.IGNORECASE)
#: The server writes a severity, one word in its language, before its message; libpq writes none.
_SEVERITY = re.compile(r"[^\W\d_]+: ")
#: What a statement is called in an error about it, and a function that writes: words of SQL, in no language.
_WRITES = re.compile(
    r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE TABLE|COPY FROM|CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT|REFRESH)\b"
    r"|\b\w+\(\)"
)


def in_one_line(error: Exception) -> str:
    """The message without line ends, and without the address where only one was tried."""
    return _PREAMBLE.sub("", " ".join(str(error).split()))


# Of a connection that failed


def refused_options(error: Exception, options: Collection[str]) -> frozenset[str]:
    """The startup options that the other end does not take: an old server one of them, a pooler all."""
    text = str(error)
    if "unsupported startup parameter" in text:
        return frozenset(options)
    return frozenset(name for name in options if name in text)


def is_about_encryption(reason: str) -> bool:
    return _NO_TLS.search(reason) is not None


def is_of_the_server(reason: str) -> bool:
    """Whether the server answered, and refused; else nobody answered."""
    return _SEVERITY.match(reason) is not None


def is_about_writing(reason: str) -> bool:
    """Whether it names a statement that writes. A session that is not let in has run none of its own: an event trigger
    ON login has."""
    return _WRITES.search(reason) is not None


# Of a program that failed


def is_lack_of_locks(complaint: str) -> bool:
    """Whether pg_dump wanted more locks than its server has room for: the hint names the setting."""
    return "max_locks_per_transaction" in complaint


# Of a statement that failed


def names_schema(error: ServerError, schema: str) -> bool:
    """As a whole word, whatever quotes the language of the server puts around it."""
    return re.search(rf"(?<![\w$-]){re.escape(schema)}(?![\w$-])", error.message) is not None


def names_any(error: ServerError, names: Collection[str]) -> bool:
    """Whether the message or the field for the table has one of these names."""
    return mentions(f"{error.message} {error.table}", *names)


def mentions(message: str, *names: str) -> bool:
    """Whether it names one of these objects: an error about a missing right has no field for them."""
    return any(name in message for name in names)


def lacks_extension(error: ServerError) -> bool:
    """Whether the control file of an extension is not there; which SQLSTATE says so depends on the version."""
    return ".control" in error.message + error.detail
