"""Environments, how they stand, their drift; and what their files hold."""

from __future__ import annotations

import hashlib

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from ninja.errors import HttpError
from ninja.responses import Status

from dashboard.api.authentication import actor_of
from dashboard.api.v1.calls import environment_of, reachable, reads, writes
from dashboard.api.v1.schemas import (
    DriftShown,
    EnvironmentShown,
    FileProblem,
    LintFinding,
    MigrationFile,
    MigrationNamed,
    MigrationStanding,
    PolicyShown,
    SnapshotSent,
    SourceShown,
    StatusShown,
)
from dashboard.engine import status as engine_status
from dashboard.engine.git.values import CommitInfo
from dashboard.engine.migration import Folder
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import environments, sources
from dashboard.models.environments import Environment
from dashboard.models.sources import Source
from dashboard.models.tokens import Scope
from dashboard.selectors import drift, findings, folders, observations
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.observations import LastLook
from dashboard.services import permissions, snapshots, standings

router = Router(tags=["environments"])


@reads(router, "/environments", Scope.READ, response=list[EnvironmentShown], summary="List the environments")
def list_environments(request: HttpRequest) -> list[EnvironmentShown]:
    """Those that the token is for, as they were seen last."""
    chosen = [each for each in environments.all_environments() if each.slug in reachable(request)]
    looks = observations.looks(chosen)
    return [_environment(each, looks.get(each.slug)) for each in chosen]


@reads(router, "/environments/{slug}/status", Scope.READ, response=StatusShown, summary="Ask how one stands")
def environment_status(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks the target itself. With `If-None-Match` it answers 304 while nothing has changed."""
    environment = environment_of(request, slug)
    standing = standings.now(environment)
    rows = [_standing(item) for item in standing.statuses]
    summary = engine_status.summary(standing.statuses)
    latest = standing.latest
    shown = StatusShown(
        environment=slug,
        source=environment.source,
        commit=standing.folder.commit or None,
        applied=summary.applied,
        pending=len(standing.pending),
        attention=len(summary.attention),
        latest=MigrationNamed(**latest.identity._asdict()) if latest else None,
        migrations=rows,
    )
    content = shown.model_dump_json()
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    if tag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers={"ETag": tag})
    return HttpResponse(content, content_type="application/json", headers={"ETag": tag})


@reads(router, "/environments/{slug}/drift", Scope.READ, response=DriftShown, summary="Read what drift was seen")
def environment_drift(request: HttpRequest, slug: str) -> DriftShown:
    """The last check; a worker checks by itself."""
    environment = environment_of(request, slug)
    last = drift.states([environment])[slug].last
    failure = (last.failure or {}).get("sentence") if last else None
    return DriftShown(
        environment=slug,
        outcome=last.outcome if last else None,
        at=last.at if last else None,
        since=last.since if last else None,
        differing=last.differing if last else 0,
        failure=failure,
    )


# Files


@reads(router, "/sources", Scope.READ, response=list[SourceShown], summary="List the sources")
def list_sources(request: HttpRequest) -> list[SourceShown]:
    """Those from which an environment of the token takes its files, and which commit they are of."""
    of_token = set(reachable(request))
    rows = []
    for source in sources.all_sources():
        used_by = [each.slug for each in sources.environments_of(source)]
        if of_token & set(used_by):
            rows.append(_source(source, folders.of_source_now(source), used_by))
    return rows


@writes(
    router, "/sources/{name}/snapshots", Scope.PUSH, response={201: SourceShown}, summary="Push the files of a source"
)
def push_snapshot(request: HttpRequest, name: str, sent: SnapshotSent) -> Status[SourceShown]:
    """All files of one commit, put in force whole. For a source with `pushed = true` in the file of environments."""
    source = source_of(request, name)
    files = {each.path: each.content.encode("utf-8", "surrogatepass") for each in sent.files}
    if len(files) < len(sent.files):
        raise HttpError(400, "A path is there twice.")
    at = sent.authored_at or timezone.now()
    commit = CommitInfo(
        id=sent.commit,
        author_name=sent.author,
        author_email=sent.email,
        authored_at=at,
        committer_name=sent.author,
        committer_email=sent.email,
        committed_at=at,
        message=sent.message,
        parents=(),
    )
    snapshots.push(source, files, commit, by=actor_of(request), ref=sent.ref)
    used_by = [each.slug for each in sources.environments_of(source)]
    return Status(201, _source(source, folders.of_source_now(source), used_by))


@reads(router, "/sources/{name}/migrations", Scope.READ, response=list[MigrationFile], summary="List the migrations")
def list_migrations(request: HttpRequest, name: str) -> list[MigrationFile]:
    """The files as they are now, in the order in which they run."""
    return [
        MigrationFile(
            **each.identity._asdict(),
            file=each.up.file,
            checksum=each.up.checksum,
            rollback_file=each.down.file if each.down else None,
            problems=len(each.problems),
        )
        for each in _folder(request, name).migrations
    ]


@reads(router, "/sources/{name}/problems", Scope.READ, response=list[FileProblem], summary="List the problems")
def list_problems(request: HttpRequest, name: str) -> list[FileProblem]:
    """Files that cannot run as they are, and what should be known of the others."""
    folder = _folder(request, name)
    return [
        FileProblem(
            code=each.code,
            severity=each.severity.value,
            file=each.file,
            line=each.line,
            column=each.column,
            sentence=each.sentence,
            advice=each.advice,
        )
        for each in folder.problems
    ]


@reads(router, "/sources/{name}/lint", Scope.READ, response=list[LintFinding], summary="Lint the files")
def lint(request: HttpRequest, name: str) -> list[LintFinding]:
    """What the rules say of each script. `suppressed` holds the reason that stands in the file."""
    by_file = findings.by_file(_folder(request, name))
    return [
        LintFinding(
            rule=each.rule,
            severity=each.severity.value,
            file=each.file,
            line=each.line,
            column=each.column,
            sentence=each.sentence,
            advice=each.advice,
            suppressed=each.suppressed,
        )
        for said in by_file.values()
        for each in said
    ]


def source_of(request: HttpRequest, name: str) -> Source:
    """One that an environment of the token takes its files from. Raises Http404, ScopeMissing."""
    source = next((each for each in sources.all_sources() if each.name == name), None)
    if source is None:
        raise Http404(f"No source is called {name}.")
    permissions.check_reaches_source(actor_of(request), source)
    return source


def _folder(request: HttpRequest, name: str) -> Folder:
    return folders.of_source(source_of(request, name))


def _environment(environment: Environment, look: LastLook | None) -> EnvironmentShown:
    return EnvironmentShown(
        slug=environment.slug,
        name=environment.name,
        source=environment.source,
        policy=PolicyShown(
            protected=environment.protected,
            approvals=environment.approvals if environment.protected else 0,
            require=[requirement.value for requirement in environment.require],
            after=environment.after or None,
        ),
        last_seen_at=look.seen_at if look else None,
        failure=look.failure.sentence if look and look.failure else None,
    )


def _source(source: Source, reading: FolderReading, used_by: list[str]) -> SourceShown:
    commit = reading.commit
    return SourceShown(
        name=source.name,
        kind=source.kind.value,
        environments=used_by,
        commit=commit.sha if commit else None,
        author=commit.author if commit else None,
        subject=commit.subject if commit else None,
        failure=reading.failure.sentence if reading.failure else None,
    )


def _standing(item: MigrationStatus) -> MigrationStanding:
    row = item.applied
    return MigrationStanding(
        **item.identity._asdict(),
        state=item.state.value,
        pending=item.is_pending,
        needs_attention=item.needs_attention,
        sentence=item.sentence,
        reason=row.error_message if row and item.state is State.SKIPPED else None,
        applied_at=row.applied_at if row else None,
        execution_time_ms=row.execution_time_ms if row else None,
        checksum=row.checksum if row else item.migration.up.checksum if item.migration else None,
    )
