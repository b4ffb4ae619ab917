"""Which installation this is, and of which it is a copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from dashboard.models import Installation
from dashboard.models.installations import Home

#: A database is told by numbers that another server may have given as well.
_BLIND = "A copy on another server may not be told from its original: the role may not ask for the system identifier."
_GRANT = "Run GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO that role, as a superuser of its server."


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationView:
    identity: str
    short: str
    original: str  # the short name of the one it is a copy of
    is_held: bool
    sentence: str
    facts: tuple[tuple[str, str], ...]
    blind: str  # what keeps a copy from being told, and what to do about it


def view(installation: Installation) -> InstallationView:
    """As `services.installations.current` gives it."""
    return InstallationView(
        identity=installation.identity.hex,
        short=installation.short,
        original=installation.original,
        is_held=installation.is_held,
        sentence=sentence(installation),
        facts=tuple(_facts(installation)),
        blind=f"{_BLIND} {_GRANT}" if _is_blind(installation) else "",
    )


def sentence(installation: Installation) -> str:
    """What it is, in one or two sentences."""
    if installation.noticed_at is None:
        return f"This is the installation {installation.short}."
    noticed = f"{installation.noticed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    copied = f"This control database is a copy of that of the installation {installation.original}, noticed {noticed}."
    if installation.is_held:
        return f"{copied} It starts and mails nothing until an administrator lets it."
    name = installation.confirmed_by.get_username() if installation.confirmed_by else ""
    return f"{copied} It is the installation {installation.short}; {name} let it run migrations."


def strange(installation: Installation, here: Home) -> str:
    """What a page or a worker that is started now would take this control database for; empty where it is at home."""
    home = Home.from_dict(installation.home) if installation.home else None
    if home is None or not home.differs_from(here):
        return ""
    if home.is_another_table(here):
        return "It lives elsewhere now: the first page or worker that uses it makes it an installation of its own."
    return (
        f"Its deployment is {home.deployment}, and SIGNALBOX_DEPLOYMENT says {here.deployment} here: a page or worker "
        "of that name would take it for a copy, and start nothing of what waits. Use the name that it has."
    )


def _facts(installation: Installation) -> Iterator[tuple[str, str]]:
    yield "Identity", installation.identity.hex
    yield "Copied from", installation.copy_of.hex if installation.copy_of else ""
    yield "Confirmed because", installation.confirmed_because
    if installation.home:
        home = Home.from_dict(installation.home)
        yield "Server (system identifier)", home.system_identifier
        yield "Database number (oid)", str(home.database_oid)
        yield "Deployment", home.deployment


def _is_blind(installation: Installation) -> bool:
    return installation.home is not None and not Home.from_dict(installation.home).system_identifier
