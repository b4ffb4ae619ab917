"""Histories that something else made, in every shape that was seen: continued, or refused with what to alter."""

from __future__ import annotations

import re

import pytest

from dashboard.engine import errors
from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor
from dashboard.engine.database.doctor import Check, CheckLevel
from tests.engine.folders import Bench

COLUMNS = {
    "version": "text PRIMARY KEY",
    "name": "text",
    "applied_at": "timestamptz",
    "execution_time_ms": "integer",
    "checksum": "text",
    "success": "boolean",
    "error_message": "text",
    "rollback_script": "text",
}
ROW = {
    "version": "'001'",
    "name": "'a'",
    "applied_at": "'2024-05-01 12:00:00'",
    "checksum": "'manual'",
    "success": "true",
}


def adopt(bench: Bench, *, without: str = "", row: dict[str, str] | None = None, **changed: str) -> None:
    columns = {name: kind for name, kind in (COLUMNS | changed).items() if name != without}
    written = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    values = ROW | (row or {})
    bench.database.query("CREATE SCHEMA platform")
    bench.database.query(f"CREATE TABLE platform.schema_migrations ({written})")
    bench.database.query(
        f"INSERT INTO platform.schema_migrations ({', '.join(values)}) VALUES ({', '.join(values.values())})"
    )


def tables_check(bench: Bench) -> Check:
    with connections.working(bench.access, name="doctor") as opened:
        return next(check for check in doctor.checkup(opened, bench.access) if check.code == "tables")


@pytest.fixture
def bench_of_two(bench: Bench) -> Bench:
    bench.write("001_a.sql", "SELECT 1;")
    bench.write("002_b.sql", "CREATE TABLE b (id int);")
    return bench


CONTINUED = [
    pytest.param({}, id="the same shape"),
    pytest.param({"applied_at": "timestamp"}, id="times without their zone"),
    pytest.param({"applied_at": "date"}, id="dates"),
    pytest.param({"without": "execution_time_ms"}, id="no milliseconds"),
    pytest.param({"without": "error_message"}, id="no message"),
    pytest.param({"without": "rollback_script"}, id="no rollback"),
    pytest.param({"version": "varchar(255) UNIQUE"}, id="unique and no primary key"),
    pytest.param({"execution_time_ms": "bigint"}, id="long milliseconds"),
    pytest.param({"row": {"applied_at": "'infinity'"}}, id="for ever"),
]


@pytest.mark.parametrize("shape", CONTINUED)
def test_a_history_of_another_make_is_read_and_continued(bench_of_two: Bench, shape: dict[str, object]) -> None:
    adopt(bench_of_two, **shape)  # type: ignore[arg-type]
    assert tables_check(bench_of_two).level is CheckLevel.NOTE
    bench_of_two.apply()
    rows = {row.version: row for row in bench_of_two.history.rows}
    assert set(rows) == {"001", "002"}
    assert all(row.applied_at is None or row.applied_at.tzinfo for row in rows.values())


#: A shape, and what the advice has to hold; whether it can be read meanwhile.
REFUSED = [
    pytest.param({"version": "integer PRIMARY KEY"}, "ALTER COLUMN version TYPE text", False, id="numbers"),
    pytest.param({"version": "text"}, "ADD PRIMARY KEY (version)", True, id="no key"),
    pytest.param({"checksum": "char(32)"}, "TYPE text USING rtrim(checksum)", True, id="filled up with blanks"),
    pytest.param({"checksum": "varchar(32)"}, "ALTER COLUMN checksum TYPE text", True, id="too short"),
    pytest.param({"success": "integer", "row": {"success": "1"}}, "TYPE boolean USING success <> 0", False, id="flags"),
    pytest.param(
        {"applied_at": "bigint", "row": {"applied_at": "1700000000"}}, "to_timestamp(CASE", False, id="seconds"
    ),
    pytest.param({"row": {"name": "NULL"}}, "WHERE name IS NULL", False, id="no name"),
    pytest.param({"row": {"success": "NULL"}}, "WHERE success IS NULL", False, id="nobody knows"),
    pytest.param(
        {"installed_by": "text NOT NULL", "row": {"installed_by": "'x'"}},
        "ALTER COLUMN installed_by DROP NOT NULL",
        True,
        id="a column of their own",
    ),
    pytest.param({"kind": "text", "row": {"kind": "'V'"}}, "RENAME COLUMN kind", False, id="other kinds"),
]


@pytest.mark.parametrize(("shape", "advice", "is_read"), REFUSED)
def test_a_table_that_cannot_be_continued_is_refused_with_what_to_alter(
    bench_of_two: Bench, shape: dict[str, object], advice: str, *, is_read: bool
) -> None:
    adopt(bench_of_two, **shape)  # type: ignore[arg-type]
    check = tables_check(bench_of_two)
    assert check.level is CheckLevel.REFUSED
    assert advice in check.remedy
    if is_read:
        assert [row.label for row in bench_of_two.history.rows] == ["001_a"]
        assert [row.checksum for row in bench_of_two.history.rows] == ["manual"]
        with pytest.raises(errors.TrackingTableUnusable) as caught:
            bench_of_two.apply()
        assert advice in caught.value.remedy
    else:
        with pytest.raises(errors.TrackingTableUnusable) as caught:
            assert bench_of_two.history
        assert advice in caught.value.remedy


def carry_out(bench: Bench, remedy: str) -> None:
    """The statements that a remedy advises."""
    for statement in re.findall(r"ALTER TABLE [^;]+", remedy):
        bench.database.query(statement)


@pytest.mark.parametrize(
    ("shape", "advice", "is_read"), [each for each in REFUSED if "WHERE" not in str(each.values[1])]
)
def test_what_to_alter_makes_it_the_history_that_goes_on(
    bench_of_two: Bench, shape: dict[str, object], advice: str, *, is_read: bool
) -> None:
    adopt(bench_of_two, **shape)  # type: ignore[arg-type]
    carry_out(bench_of_two, tables_check(bench_of_two).remedy)
    assert tables_check(bench_of_two).level is CheckLevel.NOTE
    bench_of_two.apply()
    assert [row.label for row in bench_of_two.history.rows] == ["001_a", "002_b"]


@pytest.mark.parametrize(("version", "kept"), [("7", "007"), ("1234", "1234"), ("20240501120000", "20240501120000")])
def test_no_number_is_cut_or_changed_by_what_to_alter(bench_of_two: Bench, version: str, kept: str) -> None:
    adopt(bench_of_two, version="bigint PRIMARY KEY", row={"version": version})
    carry_out(bench_of_two, tables_check(bench_of_two).remedy)
    assert [row.version for row in bench_of_two.history.rows] == [kept]


@pytest.mark.parametrize("moment", ["1714564800", "1714564800000"], ids=["seconds", "milliseconds"])
def test_a_moment_in_numbers_stays_that_moment(bench_of_two: Bench, moment: str) -> None:
    adopt(bench_of_two, applied_at="bigint", row={"applied_at": moment})
    carry_out(bench_of_two, tables_check(bench_of_two).remedy)
    (row,) = bench_of_two.history.rows
    assert row.applied_at is not None
    assert row.applied_at.date().isoformat() == "2024-05-01"


@pytest.mark.parametrize(
    ("columns", "tool"),
    [
        ("version bigint PRIMARY KEY, dirty boolean NOT NULL", "golang-migrate"),
        ("version varchar PRIMARY KEY", "Rails or dbmate"),
        ("version bigint PRIMARY KEY, inserted_at timestamp(0)", "Ecto"),
    ],
)
def test_the_table_of_another_tool_is_named_and_left_to_it(bench_of_two: Bench, columns: str, tool: str) -> None:
    bench_of_two.database.query(f"CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations ({columns})")
    with pytest.raises(errors.TrackingTableUnusable, match=f"{tool} keeps such a table") as caught:
        assert bench_of_two.history
    assert "another schema" in caught.value.remedy
    assert "Rename" not in caught.value.remedy


def test_no_advice_about_a_row_loses_it(bench_of_two: Bench) -> None:
    adopt(bench_of_two, row={"success": "NULL"})
    assert "set success to true or false. Delete none of them" in tables_check(bench_of_two).remedy


def test_a_view_is_read_and_not_continued(bench_of_two: Bench) -> None:
    adopt(bench_of_two)
    bench_of_two.database.query("ALTER TABLE platform.schema_migrations RENAME TO real")
    bench_of_two.database.query("CREATE VIEW platform.schema_migrations AS SELECT * FROM platform.real")
    assert "it is a view" in tables_check(bench_of_two).finding
    assert [row.label for row in bench_of_two.history.rows] == ["001_a"]
    with pytest.raises(errors.TrackingTableUnusable):
        bench_of_two.apply()


@pytest.mark.parametrize(
    ("body", "finding"),
    [("RAISE EXCEPTION 'no writes'", "no writes"), ("RETURN NULL", "a row that is written does not stay")],
)
def test_a_trigger_that_takes_no_rows_is_found_before_a_run_is(bench_of_two: Bench, body: str, finding: str) -> None:
    adopt(bench_of_two)
    bench_of_two.database.query(
        f"CREATE FUNCTION platform.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$; "
        "CREATE TRIGGER no BEFORE INSERT ON platform.schema_migrations FOR EACH ROW EXECUTE FUNCTION platform.no()"
    )
    with connections.working(bench_of_two.access, name="doctor") as opened:
        check = next(check for check in doctor.checkup(opened, bench_of_two.access) if check.code == "record")
    assert check.level is CheckLevel.REFUSED
    assert finding in check.finding
    assert len(bench_of_two.history.rows) == 1


def test_the_advice_is_what_helps(bench_of_two: Bench) -> None:
    adopt(bench_of_two, version="integer", checksum="char(32)", success="integer", row={"success": "1"})
    carry_out(bench_of_two, tables_check(bench_of_two).remedy)
    bench_of_two.apply()
    assert {row.version for row in bench_of_two.history.rows} == {"001", "002"}
