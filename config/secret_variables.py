"""Every environment variable that carries a secret: those that Signalbox reads, and those that the file names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from config.environments import Environment
from config.git_sources import GitDeclaration

#: Read by Signalbox under these names. A test holds this against every setting whose name sounds like a secret.
OF_SIGNALBOX = frozenset(
    {
        *("SIGNALBOX_DATABASE_URL", "SIGNALBOX_DATABASE_OWNER_URL", "DATABASE_URL", "SIGNALBOX_REHEARSAL_URL"),
        *("SIGNALBOX_SECRET_KEY", "SIGNALBOX_SECRET_KEY_FALLBACKS", "SIGNALBOX_AUDIT_KEY"),
        *("MIGRATION_SECRET", "SIGNALBOX_TOKEN"),
        *("SIGNALBOX_EMAIL_URL", "SIGNALBOX_OIDC_SECRET", "SIGNALBOX_GOOGLE_SECRET", "SIGNALBOX_GITHUB_SECRET"),
    }
)
#: Read by what Signalbox is made with: libpq takes it for every URL that has no password, Django for its first person.
OF_OTHERS = frozenset({"PGPASSWORD", "DJANGO_SUPERUSER_PASSWORD"})


def all_of(environments: Iterable[Environment], repositories: Iterable[GitDeclaration]) -> frozenset[str]:
    """Those that are always looked at, and what these declarations name: URLs, tokens, deploy keys, webhook secrets."""
    named = [name for each in environments for name in (each.variable, each.read_variable)]
    return OF_SIGNALBOX | OF_OTHERS | {*named, *(name for each in repositories for name in each.secret_variables)}


def of_proxies(variables: Mapping[str, str]) -> frozenset[str]:
    """The names of those of these variables that name a proxy with a login. One without a login is no secret."""
    return frozenset(name for name, value in variables.items() if name.lower().endswith("_proxy") and "@" in value)
