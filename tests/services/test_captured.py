"""A rollback is read out of the target, where no reader of files has seen it: it is checked as files are."""

from __future__ import annotations

import pytest

from dashboard.engine.database import grammar
from dashboard.engine.database.grammar import Answer, ServerVerdict
from dashboard.engine.errors import PlanBlocked, SqlSyntaxError
from dashboard.engine.migration import MigrationId
from dashboard.models import Run
from dashboard.services import plans, runs, unfinished
from dashboard.services.actors import Actor
from tests.fix_project import Project
from tests.services.workflow import execute, run_on_staging

pytestmark = pytest.mark.django_db(transaction=True)

USERS = MigrationId("001", "users")


def captured(project: Project, by: Actor, text: str) -> None:
    """001 stands, with this as its rollback."""
    project.write(_001_users="CREATE TABLE users (id int, path text);", _001_rollback="DROP TABLE users;")
    assert run_on_staging(project, by).status == Run.Status.SUCCEEDED
    quoted = text.replace("'", "''").replace("\\", "\\\\")
    project.query(
        project.staging, f"UPDATE platform.schema_migrations SET rollback_script = E'{quoted}' WHERE version = '001'"
    )


def rollback(project: Project) -> None:
    plans.rollback(project.staging, downto=USERS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("\\i other.sql", "psql", id="a command of psql"),
        pytest.param("DROP TABEL users;", "refuses", id="a syntax error"),
        pytest.param("COPY users FROM STDIN;", "STDIN", id="rows from the client"),
        pytest.param("DROP TABLE users;\u202e", "nobody can see it", id="what nobody sees"),
        pytest.param("-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE users;", "goose", id="another tool"),
    ],
)
def test_what_no_file_may_hold_no_captured_rollback_may(project: Project, alice: Actor, text: str, reason: str) -> None:
    captured(project, alice, text)
    with pytest.raises(PlanBlocked, match=f"captured.*({reason})") as caught:
        rollback(project)
    assert "new migration" in caught.value.remedy


def test_a_backslash_that_would_be_an_escape_there_stops_it(project: Project, alice: Actor) -> None:
    captured(project, alice, "DELETE FROM users WHERE path = 'c:\\temp'; DROP TABLE users;")
    rollback(project)
    name = project.databases["staging"].name
    project.query(project.staging, f"ALTER DATABASE {name} SET standard_conforming_strings = off")
    with pytest.raises(PlanBlocked, match="standard_conforming_strings = off") as caught:
        rollback(project)
    assert "RESET standard_conforming_strings" in caught.value.remedy


def test_what_only_the_grammar_of_the_server_refuses_is_told_with_its_words(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured(project, alice, "DROP TABLE users;")
    refused = ServerVerdict(answer=Answer.REFUSED, message="no such syntax yet")
    monkeypatch.setattr(grammar, "ask", lambda connection, text: refused)
    with pytest.raises(PlanBlocked, match=r"Staging refuses the rollback .*: no such syntax yet"):
        rollback(project)


def test_a_rollback_that_broke_off_is_continued_only_as_it_reads(project: Project, alice: Actor) -> None:
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="-- signalbox: transaction=none\nDROP TABLE users; SELECT 1/0;",
    )
    run_on_staging(project, alice)
    plan = plans.rollback(project.staging, downto=USERS)
    execute(runs.start(plan, environment=project.staging, by=alice, accepted=[w.key for w in plan.warnings]))
    broken_off = unfinished.look(project.staging, USERS)
    assert broken_off is not None
    assert not isinstance(broken_off.again, PlanBlocked)
    for end, refused in (("/*\u202e*/", PlanBlocked), ("\\i x", SqlSyntaxError)):
        text = f"-- signalbox: transaction=none\nDROP TABLE users; SELECT 1/0; {end}"
        project.query(project.staging, f"UPDATE platform.schema_migrations SET rollback_script = '{text}'")
        broken_off = unfinished.look(project.staging, USERS)
        assert broken_off is not None
        assert isinstance(broken_off.again, refused)
