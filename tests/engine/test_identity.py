"""Which database this is: told by the server, compared before anything else is believed."""

from __future__ import annotations

import pytest

from dashboard.engine.database import history
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import OtherDatabase
from dashboard.engine.plan import TargetIdentity
from dashboard.engine.run import recovery
from dashboard.engine.run.recovery import StepVerdict
from tests.engine.folders import Bench
from tests.fix_postgres import MakeDatabase

HERE = TargetIdentity(system_identifier="7", database="app", database_oid=16384)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (("7", "copy", 16400), "led to app and now leads to copy, on the same server"),
        (("7", "app", 16400), "led to app and now leads to another database called app, on the same server"),
        (("7", "renamed", 16384), "led to app and now leads to renamed, which is the same one renamed"),
        (("8", "app", 16384), "led to app and now leads to another database called app, on another server"),
        (("8", "staging", 16384), "led to app and now leads to staging, on another server"),
    ],
)
def test_a_difference_in_words(now: tuple[str, str, int], words: str) -> None:
    system_identifier, database, oid = now
    other = TargetIdentity(system_identifier=system_identifier, database=database, database_oid=oid)
    assert HERE.change_to(other) == words


def test_another_database_is_told_before_its_history_is_read(bench: Bench) -> None:
    bench.database.query("CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (nonsense int)")
    with pytest.raises(OtherDatabase, match="Test is not the database it was: TEST_URL led to app and now leads to"):
        history.read(bench.access, expected=HERE)


def test_a_copy_is_another_database_though_its_history_is_the_same(bench: Bench, make_database: MakeDatabase) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    before = bench.look()
    bench.database = make_database(template=bench.database.name)
    assert bench.look().history == before.history
    with pytest.raises(OtherDatabase):
        history.read(bench.access, expected=before.identity)


@pytest.mark.parametrize("kind", ["copy", "empty"])
def test_recovery_believes_only_the_database_the_run_worked_on(
    bench: Bench, make_database: MakeDatabase, kind: str
) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    plan, attempt = bench.plan(), Attempt(run_id="1", by="alice")
    bench.execute(plan)
    worked_on = bench.database
    bench.database = make_database(template=worked_on.name) if kind == "copy" else make_database()
    with pytest.raises(OtherDatabase):
        recovery.resolve(plan, access=bench.access, attempt=attempt)
    bench.database = worked_on
    assert recovery.resolve(plan, access=bench.access, attempt=attempt).steps == (StepVerdict.COMMITTED,)
