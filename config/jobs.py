"""Jobs of a CI that are known by the identity token their host signs: `[jobs.NAME]` of config/environments.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.errors import Misconfigured
from config.tokens import USUAL, Scope


class JobHost(StrEnum):
    GITHUB = "github-actions"
    GITLAB = "gitlab-ci"


KEYS = frozenset({"host", "issuer", "audience", "repository", "branch", "scopes", "environments"})
ISSUERS = {JobHost.GITHUB: "https://token.actions.githubusercontent.com", JobHost.GITLAB: "https://gitlab.com"}
_NAME = re.compile(r"[a-z][a-z0-9-]{1,60}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedJob:
    """Jobs of one branch of one repository, and what they may."""

    name: str
    host: JobHost
    issuer: str
    audience: str
    repository: str
    branch: str
    scopes: tuple[Scope, ...]
    environments: tuple[str, ...]


def load(path: Path, declared: object, environments: frozenset[str]) -> tuple[TrustedJob, ...]:
    """Raises Misconfigured, naming the file and the key."""
    if not isinstance(declared, dict) or not all(isinstance(values, dict) for values in declared.values()):
        raise Misconfigured(f"{path}: a trusted job is a table, such as [jobs.deploy] with a `repository`.")
    return tuple(_job(path, name, values, environments) for name, values in declared.items())


def _job(path: Path, name: str, values: Mapping[str, Any], environments: frozenset[str]) -> TrustedJob:
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{path}: {name!r} is not a name for trusted jobs; use a-z, 0-9 and -.")
    if unknown := set(values) - KEYS:
        raise Misconfigured(f"{path}: the jobs {name} have unknown settings: {', '.join(sorted(unknown))}.")
    for key in ("host", "audience", "repository", "branch"):
        if not isinstance(values.get(key), str) or not values[key].strip():
            raise Misconfigured(f"{path}: `{key}` of the jobs {name} is missing, or no text.")
    if values["host"] not in list(JobHost):
        raise Misconfigured(f"{path}: `host` of the jobs {name} must be one of these: {', '.join(JobHost)}.")
    host = JobHost(values["host"])
    return TrustedJob(
        name=name,
        host=host,
        issuer=_issuer(path, name, values.get("issuer", ISSUERS[host])),
        audience=values["audience"],
        repository=values["repository"],
        branch=values["branch"],
        scopes=tuple(map(Scope, _chosen(path, name, values, "scopes", [str(each) for each in USUAL], set(Scope)))),
        environments=tuple(_chosen(path, name, values, "environments", [], set(environments))),
    )


def _issuer(path: Path, name: str, issuer: object) -> str:
    parts = urlsplit(issuer) if isinstance(issuer, str) else urlsplit("")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Misconfigured(f"{path}: `issuer` of the jobs {name} must begin with https://.")
    return str(issuer).rstrip("/")


def _chosen(path: Path, name: str, values: Mapping[str, Any], key: str, usual: list[str], known: set[str]) -> list[str]:
    chosen = values.get(key, usual)
    if not isinstance(chosen, list) or not chosen or any(each not in known for each in chosen):
        raise Misconfigured(f"{path}: `{key}` of the jobs {name} must be a list of these: {', '.join(sorted(known))}.")
    return chosen
