"""PostgreSQL URLs as people write them: what is wrong with one, said without quoting any of it.

libpq takes almost any text for an address. A password with an unescaped `/` becomes part of the database name, and is
then shown wherever the name of the database is. So a URL that can be read in two ways is refused.
"""

from __future__ import annotations

import re

from psycopg import ProgrammingError, conninfo, pq

SHAPE = "postgresql://user:password@host:5432/database"

_SCHEME = re.compile(r"postgres(ql)?://")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
#: A name, an IPv4 address, an IPv6 address in brackets, or the escaped path of a socket's folder.
_HOST = re.compile(r"\[[0-9A-Fa-f:.%]+\]|%2[Ff][\w.%-]*|[\w.-]+")
#: What libpq takes after the ?, and would be a second place for a secret.
_SECRETS = {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}


def fault_of(url: str) -> str:
    """What is wrong with it, as a clause that follows "the URL in DATABASE_URL"; empty where nothing is. Never quotes
    any of it."""
    if not _SCHEME.match(url):
        return f"is not a URL of PostgreSQL: it should look like {SHAPE}"
    if _BLANK.search(url):
        return "holds a blank or a line break; write a blank in a password as %20, and nothing around the URL"
    if _BAD_ESCAPE.search(url):
        return "holds a % that is no escape; write a % in a password as %25"
    authority, rest = _divided(url)
    return (
        _fault_of_rest(rest) or _fault_of_user(authority) or _fault_of_hosts(authority, rest) or fault_of_keywords(url)
    )


def fault_of_keywords(text: str) -> str:
    """Why libpq does not take this text for an address, without libpq's words: they quote what it does not
    understand."""
    try:
        conninfo.conninfo_to_dict(text)
    except UnicodeError:
        return "holds an escape that is no UTF-8; write a % in a password as %25"
    except ProgrammingError:
        return f"cannot be read: it should look like {SHAPE}"
    return ""


def absence(variable: str, fault: str) -> str:
    """Why there is no database: the variable holds nothing, or nothing that can be used."""
    return f"the URL in {variable} {fault}" if fault else f"the variable {variable} is not set"


def parts(url: str) -> dict[str, str]:
    """What libpq reads in it: host, port, dbname, user, password and the parameters. Raises ValueError, without libpq's
    words, for what it does not understand."""
    try:
        return {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items()}
    except (ProgrammingError, UnicodeError):
        raise ValueError("not an address of PostgreSQL") from None


def _divided(url: str) -> tuple[str, str]:
    """The part before the first / ? or # behind the scheme, and the rest."""
    authority = re.match(r"[^/?#]*", url.partition("://")[2])
    assert authority is not None, "it matches the empty text too"
    return authority[0], url.partition("://")[2][authority.end() :]


def _fault_of_rest(rest: str) -> str:
    if "@" in rest:
        return (
            "holds an @ behind its first / ? or #, so one of these stands in the password as it is; write / as %2F, "
            "? as %3F, # as %23 and @ as %40"
        )
    if "#" in rest:
        return "holds a #; write it as %23"
    path, _, query = rest.partition("?")
    if "/" in path[1:]:
        return "holds more than one / behind the host; write a / in a password or in the name of the database as %2F"
    if not path[1:]:
        return f"names no database: it should look like {SHAPE}"
    return _fault_of_parameters(query)


def _fault_of_parameters(query: str) -> str:
    names = {pair.partition("=")[0] for pair in query.split("&") if pair}
    if names & _SECRETS:
        return "gives a password or a key behind the ?; a password stands before the @"
    if names - _known_parameters():
        return "has a parameter behind the ? that PostgreSQL does not know; a ? in a password is written as %3F"
    return ""


def _known_parameters() -> set[str]:
    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl"}


def _fault_of_user(authority: str) -> str:
    if authority.count("@") > 1:
        return "holds more than one @; write an @ in a password as %40"
    user, at, _ = authority.rpartition("@")
    if at and not user.partition(":")[0]:
        return f"names no user before the password: it should look like {SHAPE}"
    return ""


def _fault_of_hosts(authority: str, rest: str) -> str:
    hosts = authority.rpartition("@")[2]
    if not hosts:
        return "" if re.search(r"[?&]host(addr)?=", rest) else f"names no host: it should look like {SHAPE}"
    for place in hosts.split(","):
        host, port = _host_and_port(place)
        if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            return (
                "has a port that is no number from 1 to 65535; an IPv6 address stands in brackets, and before a "
                "password stand a user and a colon, behind it an @ and the host"
            )
        if not _HOST.fullmatch(host):
            return "has a host that is no name and no address; an IPv6 address stands in brackets"
    return ""


def _host_and_port(place: str) -> tuple[str, str | None]:
    if place.startswith("["):
        host, bracket, behind = place.partition("]")
        return host + bracket, behind[1:] if behind.startswith(":") else behind or None
    host, colon, port = place.partition(":")
    return host, port if colon else None
