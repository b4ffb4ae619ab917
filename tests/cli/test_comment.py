"""One comment on the pull request, edited with every push, whatever the files try to make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci import code_host
from tests.ci.code_host import CodeHost
from tests.cli.conftest import Signalbox

#: What stands in the comment and on no page.
UNSEEN = "<!-- -->"


@pytest.fixture
def host() -> Iterator[CodeHost]:
    with code_host.running() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "001_users.sql").write_text("CREATE TABLE users (id bigint);")
    (folder / "001_rollback.sql").write_text("DROP TABLE users;")
    return folder


def in_job(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["of_github", "of_gitlab"])
def job(request: pytest.FixtureRequest, host: CodeHost, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    variables: dict[str, str] = getattr(host, request.param)()
    in_job(monkeypatch, variables)
    return variables


@pytest.mark.usefixtures("job")
def test_a_second_push_edits_the_comment_of_the_first(signalbox: Signalbox, folder: Path, host: CodeHost) -> None:
    host.comments = dict.fromkeys(range(1, 131), "somebody said something")  # more than one page
    assert signalbox("comment", "--source", str(folder)).code == 0
    assert "0 errors, 0 warnings, 0 notes in 1 migration" in host.comments[131]
    (folder / "002_bad.sql").write_text("CREATE TABEL a ();\n")
    assert signalbox("comment", "--source", str(folder)).code == 0
    assert len(host.comments) == 131
    assert "1 error, 1 warning, 0 notes in 2 migrations" in host.comments[131]


@pytest.mark.usefixtures("job")
def test_the_rehearsal_stands_below(signalbox: Signalbox, folder: Path, host: CodeHost, tmp_path: Path) -> None:
    (folder / "002_bad.sql").write_text("DROP TABLE nowhere;\n")
    rehearsed = signalbox("rehearse", "--source", str(folder), "--from-scratch", "--json")
    (tmp_path / "rehearsal.json").write_text(rehearsed.out)
    signalbox("comment", "--source", str(folder), "--rehearsal", str(tmp_path / "rehearsal.json"))
    (said,) = host.comments.values()
    assert "### Rehearsal: 1 of 2 migrations proven" in said
    assert "| 001 users | proven | restores the schema |  |" in said
    assert "table &#34;nowhere&#34; does not exist" in said or 'table "nowhere" does not exist' in said


@pytest.mark.usefixtures("job")
def test_a_token_that_may_not_comment_is_said(signalbox: Signalbox, folder: Path, host: CodeHost) -> None:
    host.may_write = False
    answer = signalbox("comment", "--source", str(folder))
    assert answer.code == 1
    assert "answered 403" in answer.err
    assert code_host.TOKEN not in answer.said


@pytest.mark.usefixtures("job")
def test_no_answer_takes_the_token_elsewhere(signalbox: Signalbox, folder: Path, host: CodeHost) -> None:
    with code_host.running() as elsewhere:
        host.leads_to = elsewhere.address.replace("127.0.0.1", "localhost")
        answer = signalbox("comment", "--source", str(folder))
    assert (answer.code, "answered 302" in answer.err, elsewhere.tokens) == (1, True, [])
    assert len(host.tokens) == 1


@pytest.mark.parametrize("address", ["http://api.github.example", "https://me:pw@api.github.example", "http://[::1"])
def test_no_token_goes_to_an_address_that_is_none_or_readable(
    signalbox: Signalbox, folder: Path, host: CodeHost, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    in_job(monkeypatch, host.of_github() | {"GITHUB_API_URL": address})
    answer = signalbox("comment", "--source", str(folder))
    assert (answer.code, "the variable GITHUB_API_URL must be" in answer.err) == (1, True), answer.err


def test_what_a_file_is_called_is_text_and_calls_nobody(signalbox: Signalbox, folder: Path) -> None:
    (folder / "002_x.sql").write_text('DROP TABLE "@all <img src=x> | `a` [b](c)";\n')
    said = signalbox("comment", "--source", str(folder), "--print").out
    row = next(line for line in said.splitlines() if "destructive" in line or "drops table" in line)
    assert row.count("|") == 4
    assert not set("@<>`[") & set(row.replace(UNSEEN, ""))
    assert f"&#64;{UNSEEN}all" in row


def test_what_a_file_is_called_is_no_link(signalbox: Signalbox, folder: Path) -> None:
    """An escape alone is undone before the host looks for addresses of mails and calls of people."""
    (folder / "002_x.sql").write_text('DROP TABLE "www.evil.example https://evil.example me@evil.example";\n')
    said = signalbox("comment", "--source", str(folder), "--print").out
    row = next(line for line in said.splitlines() if "evil" in line)
    for broken in (f"www{UNSEEN}.evil", f"https:{UNSEEN}//evil", f"me&#64;{UNSEEN}evil"):
        assert broken in row


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("GITHUB_ACTIONS", "this is no job of GitHub or GitLab"),
        ("GITHUB_REF", "this job is for no pull request"),
        ("GITHUB_TOKEN", "the variable GITHUB_TOKEN is not set"),
    ],
)
def test_outside_of_a_pull_request_it_says_so(
    signalbox: Signalbox, folder: Path, host: CodeHost, monkeypatch: pytest.MonkeyPatch, missing: str, said: str
) -> None:
    in_job(monkeypatch, host.of_github() | {"GITLAB_CI": ""})
    monkeypatch.delenv(missing)
    answer = signalbox("comment", "--source", str(folder))
    assert (answer.code, said in answer.err) == (1, True), answer.err


@pytest.mark.parametrize("content", ["no JSON", "[]", "null", '{"a": 1}', "[" * 100_000])
def test_another_file_for_the_rehearsal_is_wrong_usage(
    signalbox: Signalbox, folder: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "other").write_text(content)
    for path in (tmp_path / "other", tmp_path):
        answer = signalbox("comment", "--source", str(folder), "--print", "--rehearsal", str(path))
        assert (answer.code, "does not hold one JSON object a line" in answer.err) == (2, True)
