"""Fetching puts a whole commit into force, or leaves the last good one and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.engine.errors import SourceNotRead
from dashboard.engine.git import apart
from dashboard.engine.git.values import MEGABYTE, FetchLimits
from dashboard.engine.migration import Problem, Severity
from dashboard.models import AuditEvent, ChangeRequest, GitBlob, GitCommit, GitSource, RepeatedEvent
from dashboard.selectors import folders, git
from dashboard.services import approvals, fetching, plans, validity
from dashboard.services.actors import Actor
from dashboard.services.errors import PermissionRefused, TooMany
from tests.fix_project import Project
from tests.fix_sources import TOKEN, URL, Repository
from tests.services import workflow

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from config.sources import Source

pytestmark = pytest.mark.django_db

USERS = {"001_users.sql": "CREATE TABLE users (id int);", "001_rollback.sql": "DROP TABLE users;"}
ORDERS = {"002_orders.sql": "CREATE TABLE orders (id int);", "002_rollback.sql": "DROP TABLE orders;"}


def events(kind: str) -> list[dict[str, object]]:
    return [event.data for event in AuditEvent.objects.filter(kind=kind).order_by("pk")]


def names(source: Source) -> list[str]:
    return [migration.name for migration in folders.of_source(source).migrations]


def refused(code: str = "git_unreachable") -> Exception:
    from dashboard.engine.git import errors

    kinds = {kind.code: kind for kind in (errors.GitUnreachable, errors.GitTokenRefused)}
    return kinds[code](repository=URL, reason=f"it said {TOKEN}", status=401)


def test_nothing_is_read_before_the_first_fetch(billing: Source, repository: Repository) -> None:
    with pytest.raises(SourceNotRead, match="The source billing is not read yet: nothing was fetched"):
        folders.of_source(billing)
    reading = folders.of_source_now(billing)
    assert reading.failure
    assert (reading.failure.code, reading.folder) == ("source_not_read", None)


def test_a_commit_is_put_into_force_whole(billing: Source, repository: Repository) -> None:
    first = repository.push(USERS)
    assert fetching.fetch(billing) is None
    assert names(billing) == ["users"]
    second = repository.push({**USERS, **ORDERS}, "Add orders")
    assert names(billing) == ["users"], "a push changes nothing by itself"
    assert fetching.fetch(billing) is None
    assert names(billing) == ["users", "orders"]
    folder = folders.of_source(billing)
    assert folder.commit == second
    assert [(e["before"], e["commit"], e["author"], e["subject"]) for e in events("source.moved")] == [
        ("", first, "Ada", "Add files"),
        (first, second, "Ada", "Add orders"),
    ]
    assert GitBlob.objects.count() == 4, "what two commits share is kept once"


def test_a_branch_that_did_not_move_is_not_fetched_again(billing: Source, repository: Repository) -> None:
    repository.push(USERS)
    fetching.fetch(billing)
    before = GitSource.objects.get()
    repository.asked.clear()
    assert fetching.fetch(billing) is None
    assert repository.asked == ["peek"]
    after = GitSource.objects.get()
    assert (after.commit_id, after.since) == (before.commit_id, before.since)
    assert None not in (after.succeeded_at, before.succeeded_at)
    assert after.succeeded_at > before.succeeded_at  # type: ignore[operator]
    assert (GitCommit.objects.count(), len(events("source.moved"))) == (1, 1)


def test_a_failure_leaves_the_last_good_commit_and_says_since_when(billing: Source, repository: Repository) -> None:
    repository.push(USERS)
    fetching.fetch(billing)
    repository.refuses = refused()  # type: ignore[assignment]
    assert fetching.fetch(billing) is repository.refuses
    since = GitSource.objects.get().failing_since
    fetching.fetch(billing)
    reading = folders.of_source_now(billing)
    assert reading.folder
    assert reading.commit
    assert reading.stale
    assert (reading.stale.since, reading.stale.failure.code) == (since, "git_unreachable")
    assert TOKEN not in reading.stale.failure.sentence
    assert names(billing) == ["users"]
    repository.refuses = None
    fetching.fetch(billing)
    assert folders.of_source_now(billing).stale is None


def test_failures_do_not_fill_the_log(billing: Source, repository: Repository) -> None:
    repository.refuses = refused()  # type: ignore[assignment]
    for _ in range(5):
        fetching.fetch(billing)
    assert events("source.fetch_failed") == [{"source": "billing", "code": "git_unreachable"}]
    assert RepeatedEvent.objects.get(kind="source.fetch_failed").count == 4
    with pytest.raises(SourceNotRead, match="cannot be reached"):
        folders.of_source(billing)


def test_an_unset_variable_is_said_and_asks_nobody(
    billing: Source, repository: Repository, settings: SettingsWrapper
) -> None:
    assert billing.git
    source = replace(billing, git=replace(billing.git, token="", unset=("BILLING_TOKEN",)))
    settings.SOURCES = (source,)
    error = fetching.fetch(source)
    assert error is not None
    assert "the variable BILLING_TOKEN is not set" in str(error)
    assert repository.asked == []


def test_another_origin_is_not_read_yet(billing: Source, repository: Repository) -> None:
    """Else the files of the old repository would be taken for those of the new one."""
    repository.push(USERS)
    fetching.fetch(billing)
    assert billing.git
    elsewhere = replace(billing, git=replace(billing.git, branch="release"))
    with pytest.raises(SourceNotRead):
        folders.of_source(elsewhere)


def test_a_commit_of_another_origin_is_not_taken_for_the_one_in_force(billing: Source, repository: Repository) -> None:
    """The same commit, fetched once more for another folder of it."""
    assert billing.git
    elsewhere = replace(billing, git=replace(billing.git, path="other/migrations"))
    sha = repository.push(USERS)
    fetching.fetch(billing)
    repository.commits[-1] = replace(repository.commits[-1], files=())
    fetching.fetch(elsewhere)
    found = [git.find(source, sha) for source in (billing, elsewhere)]
    assert [len(commit.files) for commit in found if commit] == [len(USERS), 0]


def test_a_control_database_that_was_restored_is_not_answered_for_from_memory(
    billing: Source, repository: Repository
) -> None:
    """Its next commit gets a number that another one had."""
    repository.push(USERS)
    fetching.fetch(billing)
    assert names(billing) == ["users"]
    (number,) = GitCommit.objects.values_list("pk", flat=True)
    GitSource.objects.all().delete()
    GitCommit.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('dashboard_gitcommit', 'id'), %s, false)", [number])
    repository.push(ORDERS)
    fetching.fetch(billing)
    assert GitCommit.objects.get().pk == number
    assert names(billing) == ["orders"]


def test_what_is_no_plain_file_is_told_by_the_fetch_and_never_run(billing: Source, repository: Repository) -> None:
    said = Problem(
        code="lfs_pointer",
        severity=Severity.ERROR,
        file="002_big.sql",
        sentence="002_big.sql is a pointer of Git LFS.",
        advice="Commit the file itself.",
    )
    files = {**USERS, "002_big.sql": "version https://git-lfs.github.com/spec/v1", "link.sql": "../x.sql"}
    repository.push(files, problems=(said,), kinds={"002_big.sql": "lfs", "link.sql": "link"})
    fetching.fetch(billing)
    folder = folders.of_source(billing)
    assert {(p.file, p.code) for p in folder.problems if p.severity is Severity.ERROR} == {
        ("002_big.sql", "lfs_pointer"),
        ("link.sql", "symlink"),
    }
    assert [m.name for m in folder.migrations] == ["users"]


def test_a_plan_names_its_commit_and_another_commit_of_the_same_bytes_voids_nothing(
    from_git: Project, billing: Source, repository: Repository, alice: Actor, bob: Actor
) -> None:
    first = repository.push(USERS)
    fetching.fetch(billing)
    request = workflow.approved_request(from_git, alice, bob)
    assert (request.plan.commit, request.plan.source) == (first, "billing")
    fact = git.of_plan(request.plan)
    assert fact
    assert (fact.short, fact.subject, fact.url) == (
        first[:8],
        "Add files",
        f"https://github.com/acme/app/commit/{first}",
    )
    repository.push(USERS, "Say it better")
    fetching.fetch(billing)
    again = plans.apply(from_git.production)
    assert (again.digest, again.commit == first) == (request.digest, False)
    approvals.reevaluate()
    assert ChangeRequest.objects.get(pk=request.pk).status == ChangeRequest.Status.APPROVED


def test_a_push_that_changes_the_file_voids_the_approval(
    from_git: Project, billing: Source, repository: Repository, alice: Actor, bob: Actor
) -> None:
    repository.push(USERS)
    fetching.fetch(billing)
    request = workflow.approved_request(from_git, alice, bob)
    repository.push({**USERS, "001_users.sql": "CREATE TABLE users (id bigint);"}, "Wider")
    fetching.fetch(billing)
    assert "001_users" in validity.objection(request.plan, made_at=request.requested_at)


def test_old_commits_go_and_those_that_a_plan_names_stay(
    from_git: Project, billing: Source, repository: Repository, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "COMMITS_KEPT", 2)
    named = repository.push(USERS)
    fetching.fetch(billing)
    workflow.open_request(from_git, alice)
    pushed = []
    for number in range(5):
        pushed.append(repository.push({**USERS, "002_orders.sql": f"SELECT {number};"}, f"Push {number}"))
        fetching.fetch(billing)
    assert {c.sha for c in GitCommit.objects.all()} == {named, *pushed[-3:]}
    kept = {digest for commit in GitCommit.objects.all() for *_, digest in commit.files}
    assert set(GitBlob.objects.values_list("digest", flat=True)) == kept


def test_what_a_fetch_may_take_is_what_the_declaration_says(
    billing: Source, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert billing.git
    repository.push(USERS)
    asked: list[FetchLimits] = []
    fetch = apart.fetch

    def noting(*args: Any, limits: FetchLimits, **given: Any) -> Any:
        asked.append(limits)
        return fetch(*args, limits=limits, **given)

    monkeypatch.setattr(apart, "fetch", noting)
    said = {"received_mb": 2048, "memory_mb": 600, "file_mb": 32, "files_mb": 256, "entries": 7}
    fetching.fetch(replace(billing, git=replace(billing.git, limits=said)))
    repository.push({**USERS, "002_orders.sql": "SELECT 2;"})
    fetching.fetch(billing)
    raised = FetchLimits(
        received=2048 * MEGABYTE, memory=600 * MEGABYTE, per_file=32 * MEGABYTE, stored=256 * MEGABYTE, entries=7
    )
    assert asked == [raised, FetchLimits()]


def test_who_may_ask_and_how_often(billing: Source, alice: Actor, viewer: object) -> None:
    from dashboard.services import actors, limits

    with pytest.raises(PermissionRefused):
        fetching.ask(billing, by=actors.person(viewer))  # type: ignore[arg-type]
    fetching.ask(billing, by=alice)
    assert git.standing(billing).is_under_way
    assert events("source.fetch_asked") == [{"source": "billing"}]
    for _ in range(limits.FETCHES - 1):
        fetching.ask(billing, by=alice)
    with pytest.raises(TooMany):
        fetching.ask(billing, by=alice)


def test_one_fetch_of_a_source_at_a_time_and_what_was_asked_meanwhile_is_done_afterwards(
    billing: Source, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(fetching.queue, "fetch", asked.append)
    repository.push(USERS)

    def while_another_comes(source: Source) -> None:
        repository.asked.clear()
        fetching.fetch_if_free(source.name)
        assert repository.asked == [], "one is at it already"
        fetching.request(source)

    monkeypatch.setattr(fetching, "_remote", lambda source: while_another_comes(source))
    fetching.fetch_if_free("billing")
    assert asked == ["billing", "billing"], "asked for during the fetch, and once more after it"
    fetching.fetch_if_free("nowhere")


def test_a_slow_fetch_does_not_put_an_older_commit_back_into_force(
    billing: Source, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line asks beside the worker."""
    asked: list[str] = []
    monkeypatch.setattr(fetching.queue, "fetch", asked.append)
    repository.push(USERS)
    older = repository.commits[-1]

    def slow(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr(fetching.apart, "fetch", repository.fetch)
        repository.push(ORDERS)
        assert fetching.fetch(billing) is None
        return older

    monkeypatch.setattr(fetching.apart, "fetch", slow)
    assert fetching.fetch(billing) is None
    assert (names(billing), asked) == (["orders"], ["billing"])
    assert len(events("source.moved")) == 1


def test_a_fetch_whose_worker_is_gone_blocks_nothing_for_long(billing: Source, repository: Repository) -> None:
    repository.push(USERS)
    GitSource.objects.create(name="billing", begun_at=timezone.now() - timedelta(minutes=5))
    fetching.fetch_if_free("billing")
    assert repository.asked == []
    assert git.standing(billing).is_under_way
    GitSource.objects.update(begun_at=timezone.now() - git.LONGEST_FETCH)
    assert not git.standing(billing).is_under_way
    fetching.fetch_if_free("billing")
    assert names(billing) == ["users"]


def test_the_schedule_asks_after_the_minutes_of_each_source(
    billing: Source, repository: Repository, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(fetching.queue, "fetch", asked.append)
    fetching.ask_where_due()
    repository.push(USERS)
    fetching.fetch(billing)
    fetching.ask_where_due()
    assert asked == ["billing"], "it was fetched just now"
    GitSource.objects.update(ended_at=timezone.now() - timedelta(minutes=5))
    fetching.ask_where_due()
    assert billing.git
    settings.SOURCES = (replace(billing, git=replace(billing.git, every=0)),)
    fetching.ask_where_due()
    assert asked == ["billing", "billing"]
