"""A source in a repository for a test: `repository.push` is what a colleague does, and nothing crosses a network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha1
from typing import TYPE_CHECKING

import pytest

from config.git_sources import GitDeclaration
from config.sources import Source
from tests.fix_project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

    from dashboard.engine.git.errors import GitFetchFailed
    from dashboard.engine.git.values import Fetched, Remote
    from dashboard.engine.migration import Problem

TOKEN = "token-c4n4ry"
HOOK_SECRET = "hook-c4n4ry-0123456789"
URL = "https://github.com/acme/app.git"


@dataclass(kw_only=True)
class Repository:
    """Stands for the server. `refuses`: with what it answers instead."""

    commits: list[Fetched] = field(default_factory=list)
    refuses: GitFetchFailed | None = None
    asked: list[str] = field(default_factory=list)

    def push(
        self,
        files: dict[str, str],
        message: str = "Add files\n\nFor the customers.",
        *,
        problems: tuple[Problem, ...] = (),
        kinds: dict[str, str] | None = None,
        rewrites: bool = False,
    ) -> str:
        from dashboard.engine.git import values

        oid = sha1(f"{len(self.commits)} {message} {files}".encode()).hexdigest()
        parents = (self.commits[-1].commit.id,) if self.commits else ()
        moment = datetime(2026, 11, 20, 12, len(self.commits), tzinfo=UTC)
        info = values.CommitInfo(
            id=oid,
            author_name="Ada",
            author_email="ada@example.org",
            authored_at=moment,
            committer_name="Ada",
            committer_email="ada@example.org",
            committed_at=moment,
            message=message,
            parents=parents,
        )
        descent = values.Descent.REPLACED if rewrites else values.Descent.ANCESTOR
        stored = tuple(
            values.StoredFile(
                path=path,
                mode=0o100644,
                content=text.encode(),
                kind=values.StoredKind((kinds or {}).get(path, values.StoredKind.FILE)),
            )
            for path, text in sorted(files.items())
        )
        self.commits.append(
            values.Fetched(
                commit=info, ref="refs/heads/main", files=stored, problems=problems, descent=descent, received=1
            )
        )
        return oid

    def peek(self, remote: Remote, *, timeout: float) -> str:
        self.asked.append("peek")
        return self._newest().commit.id

    def fetch(self, remote: Remote, *, limits: object, timeout: float, known: str = "") -> Fetched:
        self.asked.append("fetch")
        return self._newest()

    def _newest(self) -> Fetched:
        if self.refuses:
            raise self.refuses
        return self.commits[-1]


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    from dashboard.engine.git import apart

    repository = Repository()
    monkeypatch.setattr(apart, "peek", repository.peek)
    monkeypatch.setattr(apart, "fetch", repository.fetch)
    return repository


@pytest.fixture
def billing(settings: SettingsWrapper, tmp_path: Path) -> Source:
    from pathlib import Path

    declared = GitDeclaration(
        url=URL,
        branch="main",
        path="db/migrations",
        token=TOKEN,
        web="https://github.com/acme/app/commit/{commit}",
        webhook_secret=HOOK_SECRET,
    )
    source = Source(name="billing", folder=Path("billing/db/migrations"), git=declared)
    settings.SOURCES = (source,)
    return source


@pytest.fixture
def from_git(project: Project, settings: SettingsWrapper, billing: Source) -> Project:
    """Staging and production take their files from `billing`, of which nothing was fetched yet."""
    settings.ENVIRONMENTS = tuple(replace(each, source="billing") for each in (project.staging, project.production))
    staging, production = settings.ENVIRONMENTS
    return replace(project, staging=staging, production=production)
