"""The histories of other tools: their tables are found, their rows understood, what they applied is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboard.engine import planner, status
from dashboard.engine.database import connection as connections
from dashboard.engine.database import tool_tables
from dashboard.engine.database.connection import Address
from dashboard.engine.database.tool_tables import ToolHistory, ToolTable
from dashboard.engine.errors import NothingToDo, PlanBlocked, PlanChanged, ToolTableUnreadable
from dashboard.engine.files import discovery, known_files
from dashboard.engine.files.formats import flyway
from dashboard.engine.files.listing import list_folder
from dashboard.engine.imports import catalogue
from dashboard.engine.imports.matching import Reconciliation, reconcile
from dashboard.engine.imports.values import Importer, Stand
from dashboard.engine.migration import Folder, Kind, MigrationId
from dashboard.engine.plan import NOT_IMPORTED, Action, Plan
from dashboard.engine.status import State
from tests.engine.folders import Bench
from tests.engine.tool_histories import CASES, RECOGNISED, Case
from tests.fix_postgres import Database, EmptyDatabases


@pytest.fixture(scope="module")
def tool_database(empty_databases: EmptyDatabases) -> Iterator[Database]:
    """Every tool has migrated this one, each in a schema of its own."""
    database = empty_databases.take()
    with database.connect() as opened:
        for place, ddl in [
            *((case.place, case.ddl) for case in CASES),
            *((f"only_{n}", d) for n, d in RECOGNISED.items()),
        ]:
            opened.execute(f"CREATE SCHEMA {place}")
            opened.execute(f"SET search_path = {place}")
            opened.execute(ddl)
    yield database
    empty_databases.give_back(database)


def find(database: Database, url: str = "") -> dict[str, ToolTable]:
    address = Address(environment="test", name="Test", variable="TEST_URL", url=url or database.url)
    with connections.reading(address) as opened:
        return {tool.label: tool for tool in tool_tables.find(opened)}


def named(database: Database, label: str, tools: frozenset[str]) -> ToolTable | None:
    """What the table of this name is, where a person says that it is the history of one of these tools."""
    address = Address(environment="test", name="Test", variable="TEST_URL", url=database.url)
    with connections.reading(address) as opened:
        tables = tool_tables.find(opened, {label: tools})
    return next((tool for tool in tables if tool.label == label), None)


def read(database: Database, tool: ToolTable) -> ToolHistory:
    address = Address(environment="test", name="Test", variable="TEST_URL", url=database.url)
    with connections.reading(address) as opened:
        return tool_tables.read(opened, tool)


def written(folder: Path, files: dict[str, str], folder_format: str = "") -> Folder:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return discovery.read(folder, folder_format=folder_format)


def held_against(history: ToolHistory, folder: Folder) -> Reconciliation:
    importer = history.tool.importer
    return reconcile(
        importer, history.rows, known_files.known_to(importer.name, folder, list_folder(Path(folder.source)))
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.place)
def test_what_a_tool_has_applied_is_known_of_each_file(case: Case, tool_database: Database, tmp_path: Path) -> None:
    tools = [tool for label, tool in find(tool_database).items() if label.startswith(f"{case.place}.")]
    assert [tool.importer.name for tool in tools] == [case.tool]
    history = read(tool_database, tools[0])
    folder = written(tmp_path, case.files, case.folder_format)
    assert folder.format in tools[0].importer.formats
    outcome = held_against(history, folder)
    applied = {m.file.label: (m.entry.certainty.value, m.text.value) for m in outcome.applied}
    assert applied == case.expected
    assert tuple(file.label for file in outcome.waiting) == case.waiting
    assert (outcome.broken, outcome.unclear, outcome.without_file) == ((), (), ())
    exact = [m for m in outcome.applied if m.entry.certainty.value == "exact"]
    assert all(bool(m.entry.applied_at) is case.has_times for m in exact)


#: Of each tool whose table may have any name, the name that it gives the table itself.
_OWN_NAMES = {
    "dbmate": "schema_migrations",
    "drizzle": "__drizzle_migrations",
    "flyway": "flyway_schema_history",
    "golang-migrate": "schema_migrations",
    "goose": "goose_db_version",
    "node-pg-migrate": "pgmigrations",
    "tern": "schema_version",
}


@pytest.mark.parametrize("tool", sorted(_OWN_NAMES))
def test_a_table_under_a_name_of_the_team_is_taken_for_what_is_said(tool: str, bench: Bench) -> None:
    case = next(case for case in CASES if case.tool == tool)
    with bench.database.connect() as opened:
        opened.execute(case.ddl.replace(_OWN_NAMES[tool], "deployed_here"))
    label = "public.deployed_here"
    taken = named(bench.database, label, frozenset({tool}))
    assert taken is not None
    assert taken.importer.name == tool
    history = read(bench.database, taken)
    folder = written(bench.folder, case.files, case.folder_format)
    applied = {m.file.label: (m.entry.certainty, m.text) for m in held_against(history, folder).applied}
    assert applied == case.expected
    with bench.database.connect() as opened:
        assert tool_tables.change_since(opened, history.origin) == ""
        opened.execute(f"DELETE FROM {label}")
        assert "since it was read" in tool_tables.change_since(opened, history.origin)


@pytest.mark.parametrize(
    ("tool", "columns"),
    [
        ("dbmate", "version varchar"),
        ("dbmate", "version text"),
        ("tern", "version int"),
        ("drizzle", "id int, hash text, created_at bigint"),
    ],
)
def test_a_table_of_few_columns_is_no_history_unless_it_is_named(tool: str, columns: str, bench: Bench) -> None:
    """It may be about anything: a catalogue of versions, a list of downloads."""
    bench.database.query(f"CREATE TABLE app_releases ({columns})")
    bench.database.query(f"CREATE TABLE other_releases ({columns})")
    label, tools = "public.app_releases", frozenset({tool})
    assert find(bench.database) == {}
    assert named(bench.database, label, frozenset()) is None
    taken = named(bench.database, label, tools)
    assert taken is not None
    assert taken.importer.name == tool
    address = Address(environment="test", name="Test", variable="TEST_URL", url=bench.database.url)
    with connections.reading(address) as opened:
        assert [t.label for t in tool_tables.find(opened, {label: tools})] == [label]


@pytest.mark.parametrize(
    ("tool", "columns"),
    [
        ("dbmate", "version int"),
        ("dbmate", "version varchar, released_at date"),
        ("tern", "version text"),
        ("tern", "version int, price int"),
        ("drizzle", "id int, hash text, created_at bigint, owner text"),
        ("goose", "version varchar"),
        ("golang-migrate", "version varchar"),
        ("node-pg-migrate", "id int, name text"),
        ("flyway", "version varchar, success boolean"),
    ],
)
def test_a_table_that_does_not_fit_is_no_history_though_it_is_named(tool: str, columns: str, bench: Bench) -> None:
    bench.database.query(f"CREATE TABLE app_releases ({columns})")
    assert named(bench.database, "public.app_releases", frozenset({tool})) is None


def test_what_is_no_sql_is_recognised_and_explained(tool_database: Database) -> None:
    tools = find(tool_database)
    only = {tool.table.schema: tool for tool in tools.values() if tool.table.schema.startswith("only_")}
    assert {schema: tool.importer.name for schema, tool in only.items()} == {
        f"only_{n}": n.replace("_", "-") for n in RECOGNISED
    }
    for tool in only.values():
        with pytest.raises(ToolTableUnreadable) as caught:
            read(tool_database, tool)
        assert caught.value.remedy


# A run that records it

DBMATE = (
    "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1'), ('2')"
)


@pytest.fixture
def migrated_bench(bench: Bench) -> Bench:
    """dbmate has applied 1 and 2 of three files."""
    for n in "123":
        bench.write(f"{n}_t{n}.sql", f"-- migrate:up\nCREATE TABLE t{n} (id int);\n-- migrate:down\nDROP TABLE t{n};\n")
    bench.database.query("CREATE TABLE t1 (id int); CREATE TABLE t2 (id int)")
    bench.database.query(DBMATE)
    return bench


def importing(bench: Bench, label: str = "public.schema_migrations") -> Plan:
    folder = bench.read()
    history = read(bench.database, find(bench.database)[label])
    reconciliation = held_against(history, folder)
    return planner.import_history(bench.look(), folder, history.tool.importer, history.origin, reconciliation)


def states(bench: Bench) -> dict[str, State]:
    return {item.label: item.state for item in status.compute(bench.read(), bench.history)}


def test_what_stays_pending_is_named_up_to_ten(migrated_bench: Bench) -> None:
    assert [w.sentence for w in importing(migrated_bench).warnings] == ["Stay pending: 3_t3."]
    for n in range(4, 15):
        migrated_bench.write(f"{n}_t.sql", f"-- migrate:up\nCREATE TABLE t{n} (id int);\n")
    (warning,) = importing(migrated_bench).warnings
    assert warning.sentence.endswith("4_t, 5_t, 6_t, 7_t, 8_t, 9_t, 10_t, 11_t, 12_t and 2 more.")


def test_all_of_it_is_recorded_and_no_migration_runs(migrated_bench: Bench) -> None:
    plan = importing(migrated_bench)
    assert [(s.action, s.label, s.sql, s.text) for s in plan.steps] == [
        (Action.IMPORT, "1_t1", "", ""),
        (Action.IMPORT, "2_t2", "", ""),
    ]
    migrated_bench.execute(plan)
    assert states(migrated_bench) == {"1_t1": State.BASELINED, "2_t2": State.BASELINED, "3_t3": State.PENDING}
    rows = {row.label: row for row in migrated_bench.history.rows}
    assert rows["1_t1"].applied_by == "alice"
    assert "Imported from dbmate" in str(rows["1_t1"].error_message)
    migrated_bench.write("1_t1.sql", "-- migrate:up\nCREATE TABLE other (id int);\n")
    edited = status.compute(migrated_bench.read(), migrated_bench.history)[0]
    assert edited.sentence.startswith("1_t1 was edited after it was taken over from dbmate on ")
    assert "applied here" not in edited.sentence
    assert migrated_bench.log() == [("import", "succeeded"), ("import", "succeeded")]
    assert migrated_bench.history.contradicted == ()
    assert migrated_bench.tables() == {"public.t1", "public.t2", "public.schema_migrations"}


def test_then_only_the_rest_is_applied(migrated_bench: Bench) -> None:
    migrated_bench.execute(importing(migrated_bench))
    plan = migrated_bench.plan()
    assert [step.label for step in plan.steps] == ["3_t3"]
    assert not any(warning.needs_acceptance for warning in plan.warnings)
    migrated_bench.execute(plan, run_id="2")
    assert "public.t3" in migrated_bench.tables()
    with pytest.raises(NothingToDo):
        importing(migrated_bench)


def test_what_was_imported_has_no_rollback(migrated_bench: Bench) -> None:
    """None was captured: nobody knows what ran."""
    migrated_bench.execute(importing(migrated_bench))
    with pytest.raises(PlanBlocked, match="none was captured"):
        migrated_bench.plan_rollback("2", "t2")


def test_an_edit_after_the_import_shows(migrated_bench: Bench) -> None:
    migrated_bench.execute(importing(migrated_bench))
    migrated_bench.write("2_t2.sql", "-- migrate:up\nCREATE TABLE t2 (id bigint);\n-- migrate:down\nDROP TABLE t2;\n")
    assert states(migrated_bench)["2_t2"] is State.MODIFIED


def test_until_then_an_apply_has_to_be_accepted(migrated_bench: Bench) -> None:
    """It would run again what has run."""
    warning = next(w for w in migrated_bench.plan().warnings if w.code == NOT_IMPORTED)
    assert warning.needs_acceptance
    assert "dbmate (public.schema_migrations)" in warning.sentence
    migrated_bench.database.query("UPDATE schema_migrations SET version = '9' || version")
    assert not any(w.code == NOT_IMPORTED for w in migrated_bench.plan().warnings)


def test_a_tool_that_goes_on_after_the_import_is_heard(migrated_bench: Bench) -> None:
    migrated_bench.execute(importing(migrated_bench))
    assert not any(w.code == NOT_IMPORTED for w in migrated_bench.plan().warnings)
    migrated_bench.database.query("CREATE TABLE t3 (id int); INSERT INTO schema_migrations VALUES ('3')")
    assert next(w for w in migrated_bench.plan().warnings if w.code == NOT_IMPORTED).needs_acceptance
    migrated_bench.execute(importing(migrated_bench), run_id="2")
    assert states(migrated_bench)["3_t3"] is State.BASELINED


def test_a_table_that_was_written_to_since_ends_the_run(migrated_bench: Bench) -> None:
    plan = importing(migrated_bench)
    migrated_bench.database.query("INSERT INTO schema_migrations VALUES ('3')")
    with pytest.raises(PlanChanged) as caught:
        migrated_bench.execute(plan)
    assert "public.schema_migrations" in str(caught.value)
    assert not migrated_bench.history.exists


def test_either_all_rows_stand_or_none(migrated_bench: Bench) -> None:
    plan = importing(migrated_bench)
    migrated_bench.database.query(
        "CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text,"
        " applied_at timestamptz, checksum text, success boolean, CHECK (version <> '2'))"
    )
    with pytest.raises(Exception, match="2_t2"):
        migrated_bench.execute(plan)
    assert migrated_bench.database.query("SELECT * FROM platform.schema_migrations") == []
    assert migrated_bench.log() == [("import", "failed")]


def test_the_time_that_the_tool_knows_is_kept(bench: Bench) -> None:
    bench.write("1_a.sql", "-- +goose Up\nCREATE TABLE a (id int);\n-- +goose Down\nDROP TABLE a;\n")
    bench.database.query(
        "CREATE TABLE goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp);"
        "INSERT INTO goose_db_version VALUES (1, 1, true, '2020-02-03 04:05')"
    )
    bench.execute(importing(bench, "public.goose_db_version"))
    (applied,) = bench.history.rows
    assert applied.applied_at is not None
    assert applied.applied_at.year == 2020
    assert "2020-02-03" in str(applied.error_message)


def test_a_dirty_row_is_to_be_settled_first(bench: Bench) -> None:
    bench.write("1_a.up.sql", "CREATE TABLE a (id int);")
    bench.database.query(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);"
        "INSERT INTO schema_migrations VALUES (1, true)"
    )
    with pytest.raises(PlanBlocked) as caught:
        importing(bench)
    assert "migrate force" in caught.value.remedy


def test_rows_without_a_file_gaps_and_edits_are_told(bench: Bench) -> None:
    for n in "123":
        bench.write(f"V{n}__t.sql", f"CREATE TABLE t{n} (id int);")
    bench.database.query(CASES[0].ddl)
    bench.database.query("DELETE FROM flyway_schema_history WHERE installed_rank IN (2, 4, 5, 6)")
    bench.database.query(
        "INSERT INTO flyway_schema_history VALUES (9, '7', 'gone', 'SQL', 'x', 1, 'b', now(), 1, true)"
    )
    bench.database.query("UPDATE flyway_schema_history SET version = '3' WHERE version = '2'")
    plan = importing(bench, "public.flyway_schema_history")
    codes = {(w.code, w.version, w.needs_acceptance) for w in plan.warnings}
    assert codes == {
        ("import_differs", "1", True),
        ("import_differs", "3", True),
        ("import_without_file", "", True),
        ("import_gap", "", False),
        ("import_pending", "", False),
    }
    assert [step.checksum for step in plan.steps] == ["manual", "manual"]


def test_what_is_repeatable_runs_again_where_it_was_edited(bench: Bench) -> None:
    bench.write("R__same.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS a;")
    bench.write("R__edited.sql", "CREATE OR REPLACE VIEW w AS SELECT 1 AS a;")
    crc = flyway.native_checksum(b"CREATE OR REPLACE VIEW v AS SELECT 1 AS a;")
    bench.database.query(CASES[0].ddl)
    bench.database.query(
        "TRUNCATE flyway_schema_history; INSERT INTO flyway_schema_history VALUES"
        f" (1, NULL, 'same', 'SQL', 'R__same.sql', {crc}, 'bob', now(), 3, true),"
        f" (2, NULL, 'edited', 'SQL', 'R__edited.sql', {crc}, 'bob', now(), 3, true)"
    )
    bench.execute(importing(bench, "public.flyway_schema_history"))
    assert [(row.name, row.kind) for row in bench.history.rows] == [("same", Kind.REPEATABLE)]
    assert [step.name for step in bench.plan().steps] == ["edited"]


def test_what_flyway_filled_in_is_compared_with_what_was_filled_in_here(tmp_path: Path) -> None:
    """The checksum of a repeatable migration is that of the text with the values in it, as Flyway keeps it."""
    text = "CREATE OR REPLACE VIEW v AS\r\n SELECT ${number} AS a;\r\n"
    (tmp_path / "R__v.sql").write_bytes(text.encode())
    (tmp_path / "V1__a.sql").write_bytes(text.encode())
    folder = discovery.read(tmp_path, placeholders={"number": "7"})
    once, again = known_files.known_to("flyway", folder, list_folder(tmp_path))
    assert again.native == flyway.native_checksum(text.replace("${number}", "7").encode())
    assert once.native == flyway.native_checksum(text.encode())
    without = discovery.read(tmp_path)
    assert known_files.known_to("flyway", without, list_folder(tmp_path))[1].native == once.native


# Tables as they should not be


def test_rows_that_say_nothing_are_told_and_not_taken(migrated_bench: Bench) -> None:
    migrated_bench.database.query(
        "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_pkey, ALTER version DROP NOT NULL;"
        "INSERT INTO schema_migrations VALUES (NULL), (''), (repeat('x', 100000))"
    )
    history = read(migrated_bench.database, find(migrated_bench.database)["public.schema_migrations"])
    outcome = held_against(history, migrated_bench.read())
    assert [entry.stand for entry in outcome.unclear] == [Stand.UNCLEAR, Stand.UNCLEAR]
    assert [len(entry.label) < 5000 for entry in outcome.without_file] == [True]
    assert len(outcome.applied) == 2


@pytest.mark.parametrize("importer", [i for i in catalogue.IMPORTERS if not i.explained], ids=lambda i: i.name)
def test_a_row_of_nulls_or_of_nonsense_is_no_failure(importer: Importer) -> None:
    nulls = dict.fromkeys(importer.columns)
    nonsense = dict.fromkeys(importer.columns, "\N{SNOWMAN}-infinity")
    for rows in ([nulls], [nonsense], [nulls, nonsense, nulls]):
        outcome = reconcile(importer, rows, ())
        assert outcome.applied == ()


def test_a_view_is_not_read(migrated_bench: Bench) -> None:
    """Its query would run with the rights of whoever reads it."""
    migrated_bench.database.query(
        "ALTER TABLE schema_migrations RENAME TO hidden_rows;"
        "CREATE VIEW schema_migrations AS SELECT version FROM hidden_rows WHERE 1 / 0 = 1"
    )
    tool = find(migrated_bench.database)["public.schema_migrations"]
    with pytest.raises(ToolTableUnreadable):
        read(migrated_bench.database, tool)


def test_a_role_without_the_right_is_told_what_it_lacks(migrated_bench: Bench) -> None:
    migrated_bench.database.query("DROP ROLE IF EXISTS no_reader; CREATE ROLE no_reader LOGIN PASSWORD 'x'")
    try:
        url = make_conninfo(migrated_bench.database.url, user="no_reader", password="x")
        tool = find(migrated_bench.database, url)["public.schema_migrations"]
        assert "GRANT SELECT ON" in tool.remedy
        migrated_bench.database.query("GRANT SELECT ON schema_migrations TO no_reader")
        assert not find(migrated_bench.database, url)["public.schema_migrations"].obstacle
        migrated_bench.database.query("ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY")
        assert "Row-level security" in find(migrated_bench.database, url)["public.schema_migrations"].obstacle
    finally:
        migrated_bench.database.query("DROP OWNED BY no_reader; DROP ROLE no_reader")


def test_a_role_that_may_only_read_the_table_imports_it(migrated_bench: Bench) -> None:
    """The importer sends nothing but SELECT there; the history of Signalbox goes into a schema of its own."""
    owner = migrated_bench.database
    owner.query("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'x'")
    try:
        owner.query(f"GRANT CREATE ON DATABASE {owner.name} TO reader; GRANT SELECT ON schema_migrations TO reader")
        as_reader = replace(owner, url=make_conninfo(owner.url, user="reader", password="x"))
        bench = replace(migrated_bench, database=as_reader)
        bench.execute(importing(bench))
        assert states(bench) == {"1_t1": State.BASELINED, "2_t2": State.BASELINED, "3_t3": State.PENDING}
        assert owner.query("SELECT version FROM schema_migrations ORDER BY 1") == [("1",), ("2",)]
    finally:
        owner.query("DROP OWNED BY reader CASCADE; DROP ROLE reader")


def test_what_is_only_inferred_is_named_and_has_to_be_accepted(bench: Bench) -> None:
    for n in "123":
        bench.write(f"00{n}_t.sql", f"CREATE TABLE t{n} (id int);\n---- create above / drop below ----\n")
    bench.database.query("CREATE TABLE schema_version (version int4 NOT NULL); INSERT INTO schema_version VALUES (3)")
    plan = importing(bench, "public.schema_version")
    (warning,) = [warning for warning in plan.warnings if warning.code == "import_inferred"]
    assert warning.needs_acceptance
    assert "no row for 001_t, 002_t: " in warning.sentence
    assert ["Inferred" in step.reason for step in plan.steps] == [True, True, False]
    bench.database.query("UPDATE schema_version SET version = 1")
    assert "import_inferred" not in {w.code for w in importing(bench, "public.schema_version").warnings}


def test_a_lock_on_it_keeps_no_look_from_its_end(migrated_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.LOOKING, "lock_timeout", "50ms")
    with psycopg.connect(migrated_bench.database.url) as other:
        other.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        (elsewhere,) = migrated_bench.history.elsewhere
    assert elsewhere.keys is None
    assert migrated_bench.history.elsewhere[0].keys == ("1", "2")


def test_our_own_history_is_no_other_tools(migrated_bench: Bench) -> None:
    migrated_bench.execute(importing(migrated_bench))
    assert "platform.schema_migrations" not in find(migrated_bench.database)
    assert MigrationId("1", "t1") in {row.identity for row in migrated_bench.history.rows}
