"""The session that holds a lock which another one waits for, in a sentence."""

from __future__ import annotations

import re

from dashboard.engine.database import tracking

#: Characters of a query that are told of.
QUERY_SHOWN = 120
#: What stands between quotes can be anybody's data, or a password.
_LITERAL = re.compile(r"'(?:[^']|'')*'?")


def sentence(pid: str, user: str, application: str, client: str, state: str, since: str, query: str) -> str:
    """Unknown parts are left out: "shop in psql (backend 772, from 10.0.0.7, idle in transaction, in a transaction
    since 14:03:12 UTC), last query: UPDATE users SET name = '…'"."""
    if pid == "0":
        return "a prepared transaction, see pg_prepared_xacts"
    facts = [
        f"backend {pid}",
        f"from {client}" if client else "",
        state,
        f"in a transaction since {since} UTC" if since else "",
    ]
    who = " in ".join(part for part in (user, application) if part) or "a session"
    last = _first_line(query)
    return f"{who} ({', '.join(filter(None, facts))})" + (f", last query: {last}" if last else "")


def _first_line(query: str) -> str:
    """Empty where this role may not see it."""
    if query.startswith("<"):
        return ""
    line = next((line.strip() for line in query.splitlines() if line.strip()), "")
    shown = tracking.storable(_LITERAL.sub("'…'", line))
    return shown if len(shown) <= QUERY_SHOWN else f"{shown[:QUERY_SHOWN]}…"
