"""What the settings of now say of tokens that nobody made: that of a variable, and those of trusted jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings

from config.jobs import TrustedJob
from config.tokens import VariableToken
from dashboard.models import environments

#: What the token of the variable MIGRATION_SECRET, and its account, are called.
OF_VARIABLE = "migration-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDeclaration:
    name: str
    account: str
    mark: str
    secret_hash: str
    scopes: tuple[str, ...]
    environments: tuple[str, ...]


def of_variable(declared: VariableToken) -> TokenDeclaration:
    known, digest = {environment.slug for environment in environments.all_environments()}, digest_of(declared.secret)
    return TokenDeclaration(
        name=f"{OF_VARIABLE} {digest[:6]}",
        account=OF_VARIABLE,
        mark=f"variable-{digest[:16]}",
        secret_hash=digest,
        scopes=declared.scopes,
        environments=tuple(sorted(known if declared.environments is None else known & set(declared.environments))),
    )


def of_job(job: TrustedJob) -> TokenDeclaration:
    return TokenDeclaration(
        name=f"jobs {job.name}",
        account=job.name,
        mark=f"jobs-{digest_of(job.name)[:24]}",
        secret_hash=digest_of(f"{job.issuer} {job.repository} {job.branch}"),
        scopes=job.scopes,
        environments=job.environments,
    )


def in_force(mark: str, secret_hash: str) -> TokenDeclaration | None:
    """The declaration of this very token; None where the settings have another one in its place, or none."""
    return next((each for each in _all() if (each.mark, each.secret_hash) == (mark, secret_hash)), None)


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _all() -> Iterator[TokenDeclaration]:
    if settings.MIGRATION_SECRET is not None:
        yield of_variable(settings.MIGRATION_SECRET)
    yield from map(of_job, settings.TRUSTED_JOBS)
