"""The guards of a step outside a transaction, each by itself."""

from __future__ import annotations

import psycopg
import pytest

from dashboard.engine import errors
from dashboard.engine.events import Ending, StepEnded
from dashboard.engine.target import guards
from dashboard.engine.target.connection import Connection
from tests.engine.folders import Bench

OUTSIDE = "-- signalbox: transaction=none\n"


@pytest.fixture
def people(bench: Bench) -> Bench:
    bench.write("001_people.sql", "CREATE TABLE people (name text); INSERT INTO people VALUES ('Ada'), ('Ada');")
    bench.apply()
    return bench


def unfinished(bench: Bench) -> list[tuple[int, bool]]:
    return [(entry.statement, entry.done) for each in bench.history.unfinished for entry in each.entries]


def test_a_block_after_which_nothing_can_be_noted_is_not_called_undone(people: Bench) -> None:
    people.write(
        "002_role.sql",
        f"{OUTSIDE}CREATE TABLE one (id int);\nDO $$ BEGIN CREATE TABLE two (id int); SET ROLE pg_monitor; END $$;",
    )
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    assert [event.ending for event in people.events if isinstance(event, StepEnded)] == [Ending.PARTIAL]
    assert unfinished(people) == [(1, True), (2, False)]
    assert "public.two" in people.tables()


def test_an_error_around_a_statement_does_not_hide_what_was_committed_before_it(
    people: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.write("002_steps.sql", f"{OUTSIDE}CREATE TABLE one (id int);\nCREATE TABLE two (id int);")
    look, looks = guards.look, []

    def fail_at_the_second(connection: Connection, schema: str) -> guards.Look:
        looks.append(schema)
        if len(looks) == 3:  # before and after the first statement, then before the second
            raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
        return look(connection, schema)

    monkeypatch.setattr(guards, "look", fail_at_the_second)
    with pytest.raises(errors.PartlyApplied, match="statement 1 is committed"):
        people.apply()
    assert unfinished(people) == [(1, True)]
