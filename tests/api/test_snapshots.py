"""A folder that a CI pushes: one commit, whole, in force at once; and what is no folder is refused."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from config import git_sources, sources
from config.errors import Misconfigured
from config.sources import Source
from config.tokens import Scope
from dashboard.api.v1 import calls
from dashboard.engine.git.values import CommitInfo
from dashboard.models import AuditEvent, GitCommit
from dashboard.services import actors, fetching, snapshots
from dashboard.services.audit import Event
from dashboard.services.errors import ScopeMissing, SnapshotRefused
from tests.at_once import at_once
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from tests.fix_people import ClientOf
    from tests.fix_project import Project
    from tests.fix_tokens import Caller, MakeToken

pytestmark = pytest.mark.django_db

WHERE = "/api/v1/sources/billing/snapshots"
FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def pushed_source(project: Project, settings: SettingsWrapper) -> Project:
    """Staging takes its files from what is pushed to `billing`."""
    settings.SOURCES = (Source(name="billing", folder=Path("billing"), git=git_sources.PUSHED),)
    staging = replace(project.staging, source="billing")
    settings.ENVIRONMENTS = (staging, project.production)
    return replace(project, staging=staging)


def sent(commit: str = FIRST, **files: str) -> dict[str, Any]:
    files = files or {"_001_users": "CREATE TABLE users (id int);"}
    return {
        "commit": commit,
        "author": "Ada Lovelace",
        "message": "Add users\n\nFor the customers.",
        "ref": "refs/heads/main",
        "files": [{"path": f"{name.removeprefix('_')}.sql", "content": text} for name, text in files.items()],
    }


def commit() -> CommitInfo:
    person = {"author_name": "Ada", "author_email": "", "committer_name": "Ada", "committer_email": ""}
    now = timezone.now()
    return CommitInfo(id=FIRST, message="", parents=(), authored_at=now, committed_at=now, **person)


def body(answer: Any) -> Any:
    return json.loads(answer.content)


def test_what_is_pushed_is_what_runs(ci: Caller, pushed_source: Project) -> None:
    before = ci.post("/api/v1/plans", {"environment": "staging"})
    assert (before.status_code, body(before)["code"]) == (503, "source_not_read")
    answer = ci.post(WHERE, sent())
    content = body(answer)
    assert (answer.status_code, content["kind"], content["commit"]) == (201, "pushed-by-ci", FIRST)
    assert (content["author"], content["subject"], content["failure"]) == ("Ada Lovelace", "Add users", None)
    ci.post("/api/v1/runs", {"environment": "staging"})
    run = execute_newest()
    assert (run.status, run.plan.commit) == ("succeeded", FIRST)
    event = AuditEvent.objects.get(kind=Event.SOURCE_MOVED)
    assert (event.actor, event.data["commit"], event.data["author"]) == ("github-acme", FIRST, "Ada Lovelace")


def test_a_push_is_the_whole_folder(ci: Caller, pushed_source: Project) -> None:
    ci.post(WHERE, sent(_001_users="CREATE TABLE users (id int);", _002_orders="CREATE TABLE orders (id int);"))
    ci.post(WHERE, sent(SECOND, _001_users="CREATE TABLE users (id int);"))
    assert [each["version"] for each in body(ci.get("/api/v1/sources/billing/migrations"))] == ["001"]


def test_the_same_commit_comes_again_only_with_the_same_files(ci: Caller, pushed_source: Project) -> None:
    ci.post(WHERE, sent())
    assert ci.post(WHERE, sent()).status_code == 201
    other = ci.post(WHERE, sent(_001_users="DROP TABLE users;"))
    assert (other.status_code, body(other)["code"]) == (422, "snapshot_refused")
    assert GitCommit.objects.count() == 1


@pytest.mark.parametrize(
    "path", ["../001_a.sql", "/001_a.sql", "a//001_a.sql", "./001_a.sql", "a\\001_a.sql", "a/../b.sql"]
)
def test_a_path_stays_in_the_folder(ci: Caller, pushed_source: Project, path: str) -> None:
    answer = ci.post(WHERE, {**sent(), "files": [{"path": path, "content": "SELECT 1;"}]})
    assert (answer.status_code, body(answer)["code"]) == (422, "snapshot_refused")
    assert not GitCommit.objects.exists()


def test_no_file_is_a_folder_too(ci: Caller, pushed_source: Project, client_of: ClientOf, viewer: User) -> None:
    """One such push and no page of its environments could be opened."""
    ci.post(WHERE, sent())
    files = [{"path": path, "content": "SELECT 1;"} for path in ("001_a.sql", "001_a.sql/x.sql")]
    answer = ci.post(WHERE, {**sent(SECOND), "files": files})
    assert (answer.status_code, body(answer)["code"]) == (422, "snapshot_refused")
    assert GitCommit.objects.count() == 1
    assert client_of(viewer).get("/environments/staging/").status_code == 200


def test_a_path_is_there_once(ci: Caller, pushed_source: Project) -> None:
    files = [{"path": "001_a.sql", "content": text} for text in ("SELECT 1;", "SELECT 2;")]
    assert ci.post(WHERE, {**sent(), "files": files}).status_code == 400


def test_only_a_token_for_it_pushes(make_token: MakeToken, pushed_source: Project) -> None:
    reads = make_token(name="reads", scopes=[Scope.READ])
    elsewhere = make_token(name="elsewhere", slugs=["production"])
    assert [each.post(WHERE, sent()).status_code for each in (reads, elsewhere)] == [403, 403]
    assert not GitCommit.objects.exists()


def test_nothing_is_pushed_to_a_source_of_another_kind(ci: Caller, two_files: Project) -> None:
    answer = ci.post("/api/v1/sources/default/snapshots", sent())
    assert (answer.status_code, body(answer)["code"]) == (422, "snapshot_refused")


@pytest.mark.django_db(transaction=True)
def test_of_two_pushes_of_one_commit_at_one_moment_one_is_refused(
    make_token: MakeToken, pushed_source: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = fetching.put_in_force

    def put_slowly(*arguments: Any, **options: Any) -> None:
        time.sleep(0.5)
        put(*arguments, **options)

    monkeypatch.setattr(fetching, "put_in_force", put_slowly)
    answers: list[int] = []

    def push(name: str) -> None:
        files = sent(**{name: f"CREATE TABLE {name} (id int);"})
        answers.append(callers[name].post(WHERE, files).status_code)

    callers = {name: make_token(name=name[5:]) for name in ("_001_users", "_001_others")}
    at_once(*[partial(push, name) for name in callers])
    assert sorted(answers) == [201, 422]


def test_a_source_that_no_environment_uses_takes_nothing(
    make_token: MakeToken, pushed_source: Project, settings: SettingsWrapper
) -> None:
    pushes = make_token(name="pushes", scopes=[Scope.PUSH])
    reads = make_token(name="reads", scopes=[Scope.READ])
    settings.ENVIRONMENTS = tuple(replace(each, source="default") for each in settings.ENVIRONMENTS)
    answer = pushes.post(WHERE, sent())
    assert (answer.status_code, body(answer)["code"]) == (403, "scope_missing")
    assert "an environment that takes its files from billing" in body(answer)["detail"]
    for caller, refusal in ((reads, ScopeMissing), (pushes, SnapshotRefused)):
        assert caller.token
        with pytest.raises(refusal):
            snapshots.push(settings.SOURCES[0], {}, commit(), by=actors.by_token(caller.token, source_ip=None))
    assert not GitCommit.objects.exists()


def of_megabytes(count: int) -> dict[str, Any]:
    text = "-- " + "x" * 1_000_000
    return {**sent(), "files": [{"path": f"{n:03}_a.sql", "content": text} for n in range(count)]}


def test_a_folder_of_several_megabytes_is_taken(ci: Caller, pushed_source: Project) -> None:
    assert ci.post(WHERE, of_megabytes(12), Idempotency_Key="k").status_code == 201


def test_too_much_is_refused_as_a_problem(ci: Caller, pushed_source: Project) -> None:
    for address, count in ((WHERE, 21), ("/api/v1/plans", 3)):
        answer = ci.post(address, of_megabytes(count))
        assert (answer.status_code, body(answer)["code"]) == (413, "too_large")


def test_a_process_holds_one_large_call_at_a_time_and_none_of_a_stranger(ci: Caller, pushed_source: Project) -> None:
    stranger = replace(ci, text="sbx_" + "a" * 54)
    assert stranger.post(WHERE, of_megabytes(3)).status_code == 401
    with calls._large:
        answer = ci.post(WHERE, of_megabytes(3))
        assert (answer.status_code, body(answer)["code"]) == (503, "large_call_under_way")
        assert answer.headers["Retry-After"] == "5"
        assert ci.post(WHERE, sent()).status_code == 201, "a small one needs no place"
    assert ci.post(WHERE, of_megabytes(3)).status_code == 422, "the commit is there with other files"


def test_files_that_changed_want_a_commit_of_their_own(ci: Caller, pushed_source: Project) -> None:
    ci.post(WHERE, sent())
    answer = body(ci.post(WHERE, sent(_002_orders="CREATE TABLE orders (id int);")))
    assert answer["remedy"] == "Commit the change, and push the folder under the number of that commit."


def test_it_is_never_fetched(
    pushed_source: Project, viewer: User, admin: User, client_of: ClientOf, ci: Caller
) -> None:
    ci.post(WHERE, sent())
    fetching.fetch_if_free("billing")
    assert client_of(admin).post("/sources/billing/fetch/").status_code == 404
    page = client_of(viewer).get("/sources/billing/").content.decode()
    assert "Pushed by a CI" in page
    assert "Fetch now" not in page


@pytest.mark.parametrize(
    "values", [{"pushed": "yes"}, {"pushed": True, "path": "db"}, {"pushed": True, "git": "https://h/r"}]
)
def test_what_cannot_be_meant_stops_the_start(values: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        sources.load(Path("e.toml"), {"billing": values}, base=Path(), variables={})


def test_the_file_says_that_it_is_pushed() -> None:
    (source,) = sources.load(Path("e.toml"), {"billing": {"pushed": True}}, base=Path(), variables={})
    assert source.git is git_sources.PUSHED
