"""A failure says what the database is now and what to do, whatever was committed before it."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from dashboard.engine import errors, planner
from dashboard.engine.database import guards
from dashboard.engine.errors import EngineError, PartlyApplied, ServerError
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Policy, Step
from dashboard.engine.run import failures
from dashboard.engine.run.failures import Explanation
from dashboard.engine.sql import statements
from tests.engine.folders import Bench
from tests.engine.test_autocommit import UNIQUE, writer

OUTSIDE = "-- signalbox: transaction=none\n"
FIRST = f"{OUTSIDE}CREATE TABLE one (id int);\n"
GO_ON = "Continue from statement 2 once the cause is gone, or undo by hand what is there and start over."

STEP = Step(action=Action.APPLY, version="001", name="a", key="001", file="001_a.sql", sql="SELECT 1;", checksum="c")


def after_one_statement(bench: Bench, second: str) -> PartlyApplied:
    """The failure of a file whose first statement is committed by then."""
    bench.write("002_steps.sql", FIRST + second)
    with pytest.raises(PartlyApplied) as caught:
        bench.apply()
    return caught.value


# What was lost where a statement was done before


def test_an_invalid_index_in_the_way_is_named_with_the_statement_that_drops_it(people_bench: Bench) -> None:
    with people_bench.database.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(UNIQUE)
    error = after_one_statement(people_bench, UNIQUE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"))
    assert error.state_now == "As it stands, statement 1 is committed."
    assert (
        error.remedy
        == f"Drop it first, if it is still invalid: DROP INDEX CONCURRENTLY public.people_name_key; {GO_ON}"
    )


def test_a_build_that_leaves_an_invalid_index_says_so_beside_what_is_committed(people_bench: Bench) -> None:
    error = after_one_statement(people_bench, UNIQUE)
    assert error.state_now == (
        "As it stands, statement 1 is committed. The index public.people_name_key is invalid: it serves "
        "no read and can cost on every write."
    )
    assert error.remedy == f"The way on, while that is so: DROP INDEX CONCURRENTLY public.people_name_key. {GO_ON}"


@pytest.mark.parametrize("release", ["SELECT pg_advisory_unlock_all();", "DISCARD ALL;"])
def test_what_releases_the_target_lock_is_to_be_taken_out(people_bench: Bench, release: str) -> None:
    error = after_one_statement(people_bench, release)
    assert error.remedy.startswith("Take pg_advisory_unlock_all or DISCARD ALL out of the file.")


def test_what_touches_the_tracking_tables_is_to_be_taken_out(people_bench: Bench) -> None:
    error = after_one_statement(people_bench, "DELETE FROM platform.schema_migrations;")
    assert error.remedy == f"{guards.REMEDY.format(schema='platform')} {GO_ON}"


@pytest.mark.parametrize(
    ("message", "is_ours"),
    [
        ('schema "platform" already exists', True),
        ("Schema »platform« existiert bereits", True),
        ("le schéma « platform » existe déjà", True),
        ('スキーマ"platform"はすでに存在します', True),
        ('schema "platforms" already exists', False),
        ('schema "our-platform" already exists', False),
    ],
)
def test_our_schema_is_known_by_its_name_in_every_language(message: str, is_ours: bool) -> None:
    remedy = guards.remedy_of(ServerError(sqlstate="42P06", message=message), "platform")
    assert bool(remedy) is is_ours


def test_a_lock_that_is_not_granted_is_explained(people_bench: Bench) -> None:
    people_bench.policy = Policy(protected=False, lock_timeout_ms=100, statement_timeout_ms=0)
    with writer(people_bench):
        error = after_one_statement(people_bench, "ALTER TABLE people ADD COLUMN age int;")
    assert error.remedy == f"{failures.EXPLANATIONS['55P03'].remedy} {GO_ON}"


def test_a_table_of_another_role_is_no_fault_of_the_file() -> None:
    error = failures.failed(STEP, ServerError(sqlstate="42501", message="must be owner of table users"))
    assert "OWNER TO" in error.remedy
    assert "Correct the file" not in error.remedy


ALL = {
    **failures.EXPLANATIONS,
    "not copied": failures.NOT_COPIED,
    "lock released": failures.LOCK_RELEASED,
    "copy": failures.COPY_FROM_CLIENT,
    "transaction control": failures.TRANSACTION_CONTROL,
}


@pytest.mark.parametrize("explanation", ALL.values(), ids=ALL.keys())
def test_no_explanation_is_lost_where_something_is_committed(explanation: Explanation) -> None:
    (statement,) = statements.split("SELECT 1;")
    cause = failures.failed(STEP, ServerError(sqlstate="XX000", message="it broke"), explanation)
    assert cause.remedy == explanation.remedy
    assert cause.state_now == f"Nothing of it remains. {explanation.left}".strip()
    error = failures.partly_applied(STEP, statement, [1, 2, 3], cause)
    assert error.remedy.startswith(explanation.remedy)
    assert error.facts["correction"] == explanation.remedy
    assert error.state_now == f"As it stands, statements 1 to 3 are committed. {explanation.left}".strip()


@pytest.mark.parametrize(("sqlstate", "explanation"), failures.EXPLANATIONS.items())
def test_a_sqlstate_has_its_explanation(sqlstate: str, explanation: Explanation) -> None:
    error = failures.failed(STEP, ServerError(sqlstate=sqlstate, message="refused"))
    assert error.remedy == explanation.remedy


def test_a_cause_without_an_explanation_asks_for_a_correction_only_where_nothing_remains() -> None:
    (statement,) = statements.split("SELECT 1;")
    cause = failures.failed(STEP, ServerError(sqlstate="22012", message="division by zero"))
    assert cause.remedy == "Correct the file, or the data it stumbled over, and apply again."
    assert failures.partly_applied(STEP, statement, [1], cause).remedy.startswith("Continue from statement 1")


# Two facts


def test_the_state_and_the_remedy_are_said_together_where_there_is_one_place_for_both() -> None:
    error = errors.TargetBusy(environment="Staging", holder="run 7")
    assert (error.state_now, error.remedy) == (
        "Nothing was changed.",
        "Wait for that run to end, then start this one again.",
    )
    assert error.next_step == f"{error.state_now} {error.remedy}"


def test_what_is_known_of_one_failure_stands_in_place_of_what_its_class_says() -> None:
    error = errors.RehearsalImpossible(reason="{odd}", state_now="Nothing was run {there}.", remedy="Use {another}.")
    assert (error.state_now, error.remedy) == ("Nothing was run {there}.", "Use {another}.")


@pytest.mark.parametrize("kind", EngineError.__subclasses__(), ids=lambda kind: kind.code)
def test_advice_does_not_say_what_the_database_is(kind: type[EngineError]) -> None:
    assert not kind.advice.startswith("Nothing "), "that is its state"


# The index of a repair


@pytest.mark.parametrize(
    "drop", ["drop  index concurrently people_name_key", "DROP INDEX CONCURRENTLY IF EXISTS public.people_name_key"]
)
def test_a_repair_knows_its_index_however_the_statement_is_written(people_bench: Bench, drop: str) -> None:
    people_bench.write("002_unique.sql", UNIQUE)
    with pytest.raises(PartlyApplied):
        people_bench.apply()
    plan = planner.repair(people_bench.look(), people_bench.read(), MigrationId("002", "unique"))
    people_bench.database.query("DROP INDEX people_name_key")
    people_bench.database.query("CREATE INDEX people_name_key ON people (name)")
    with pytest.raises(errors.PlanBlocked, match="valid, or gone"):
        people_bench.execute(replace(plan, steps=(replace(plan.steps[0], sql=drop),)))


def test_a_failed_rollback_does_not_advise_to_correct_the_file(people_bench: Bench) -> None:
    people_bench.write("002_five.sql", "CREATE TABLE five (id int);")
    people_bench.write("002_rollback.sql", "DROP TABLE five;")
    people_bench.apply()
    people_bench.database.query("DROP TABLE five")
    with pytest.raises(errors.StatementFailed) as caught:
        people_bench.execute(people_bench.plan_rollback("002", "five"), run_id="2")
    assert caught.value.facts["remedy"] == failures.ROLLBACK_FAILED.remedy


@pytest.mark.parametrize("sql", ["CREATE TABLE people (id int);", "ALTER TABLE people ADD COLUMN name text;"])
def test_what_is_there_already_may_have_been_made_by_hand(people_bench: Bench, sql: str) -> None:
    people_bench.write("002_again.sql", sql)
    with pytest.raises(errors.StatementFailed) as caught:
        people_bench.apply()
    assert caught.value.facts["remedy"] == failures.RUN_BY_HAND.remedy


def test_an_extension_that_the_server_does_not_have_is_no_fault_of_the_file(bench: Bench) -> None:
    bench.write("001_extension.sql", "CREATE EXTENSION no_such_thing;")
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    assert "The file is right as it is" in caught.value.remedy
