"""Rows that a migration or a rollback destroys: saved in its own transaction, and brought back later."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dashboard.engine import errors, planner
from dashboard.engine.database import connection, saved
from dashboard.engine.database.saved import Copied, Save
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.forecast import counting, reading
from dashboard.engine.forecast.values import Forecast
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Copy, Plan, Step
from dashboard.engine.run.events import RowsCopied
from dashboard.engine.run.executor import Approval
from dashboard.engine.schema import snapshot
from tests.engine.folders import Bench

PLAN_UP = "ALTER TABLE users ADD COLUMN plan text NOT NULL DEFAULT 'free', ADD COLUMN note text;"
PLAN_DOWN = "ALTER TABLE users DROP COLUMN plan, DROP COLUMN note;"
PLANS = Copy(schema="public", table="users", columns=("plan", "note"), key=("id",))


@pytest.fixture
def users_bench(bench: Bench) -> Bench:
    """001 makes users; 002 adds two columns, and three people have something there."""
    bench.write("001_users.sql", "CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);")
    bench.write("001_rollback.sql", "DROP TABLE users;")
    bench.write("002_plan.sql", PLAN_UP)
    bench.write("002_rollback.sql", PLAN_DOWN)
    bench.apply()
    bench.database.query(
        "INSERT INTO users (name, plan, note) VALUES ('ada', 'pro', 'early'), "
        "('bob', 'free', NULL), ('cyd', 'team', 'x')"
    )
    return bench


def rollback_saving(bench: Bench, *copies: Copy, version: str = "002", name: str = "plan") -> Plan:
    return bench.plan_rollback(version, name).saving({(version, name): copies})


def copied(bench: Bench) -> tuple[Copied, ...]:
    return next(event.copied for event in bench.events if isinstance(event, RowsCopied))


def saves(bench: Bench) -> tuple[Save, ...]:
    with connection.reading(bench.address) as opened:
        return saved.read(opened)


def bring_back(bench: Bench, *, run_id: str = "3") -> Copied:
    """The newest copy."""
    newest = saves(bench)[0]
    plan = planner.bring_back(bench.look(), newest.identity, copies=[newest.copy])
    bench.execute(plan, run_id=run_id)
    return copied(bench)[0]


def test_columns_are_saved_with_their_key_before_the_rollback_drops_them(users_bench: Bench) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    (save,) = saves(users_bench)
    assert users_bench.database.query(f"SELECT * FROM signalbox_saved.{save.copy.saved} ORDER BY id") == [
        (1, "pro", "early"),
        (2, "free", None),
        (3, "team", "x"),
    ]
    assert (save.rows, save.label, save.run_id, save.by, save.action) == (3, "002_plan", "2", "alice", "rollback")
    assert copied(users_bench) == (
        Copied(
            what="public.users (plan, note)",
            saved=f"signalbox_saved.{save.copy.saved}",
            rows=3,
            columns=("plan", "note"),
        ),
    )


def test_the_copy_is_in_the_transaction_of_the_step(users_bench: Bench) -> None:
    users_bench.database.query("CREATE VIEW looks_at_it AS SELECT plan FROM users")
    with pytest.raises(errors.StatementFailed):
        users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    assert saves(users_bench) == ()
    assert users_bench.database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'signalbox_saved'") == [(0,)]


def test_whole_tables_come_back_and_their_sequence_counts_on(users_bench: Bench) -> None:
    copy = Copy(schema="public", table="users", key=("id",))
    users_bench.database.query("DELETE FROM users WHERE id = 2")
    users_bench.execute(rollback_saving(users_bench, copy, version="001", name="users"), run_id="2")
    users_bench.apply()
    users_bench.database.query("INSERT INTO users (name) VALUES ('new')")
    back = bring_back(users_bench)
    assert (back.rows, back.kept) == (1, 1)
    assert users_bench.database.query("SELECT id, name FROM users ORDER BY id") == [(1, "new"), (3, "cyd")]
    assert users_bench.database.query("INSERT INTO users (name) VALUES ('next') RETURNING id") == [(4,)]


def test_columns_come_back_where_nobody_has_written_since(users_bench: Bench) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    users_bench.apply()
    users_bench.database.query("DELETE FROM users WHERE id = 1")
    users_bench.database.query("UPDATE users SET plan = 'newer' WHERE id = 2")
    users_bench.database.query("UPDATE users SET note = 'newer' WHERE id = 3")
    back = bring_back(users_bench)
    assert users_bench.database.query("SELECT id, plan, note FROM users ORDER BY id") == [
        (2, "newer", None),
        (3, "team", "newer"),
    ]
    assert (back.rows, back.gone, back.kept) == (1, 1, 2)
    assert saves(users_bench)[0].brought_back_by == "alice"


def test_bringing_back_twice_changes_nothing_the_second_time(users_bench: Bench) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    users_bench.apply()
    assert bring_back(users_bench).rows == 4
    again = bring_back(users_bench, run_id="4")
    assert (again.rows, again.kept) == (0, 0)


def test_a_type_of_the_project_can_be_dropped_with_its_table(bench: Bench) -> None:
    bench.write(
        "001_moods.sql",
        "CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE DOMAIN short AS varchar(9);"
        'CREATE COLLATION "Odd" FROM "C";'
        'CREATE TABLE moods (id int PRIMARY KEY, mood mood[], said short, odd text COLLATE "Odd");',
    )
    bench.write("001_rollback.sql", 'DROP TABLE moods; DROP COLLATION "Odd"; DROP DOMAIN short; DROP TYPE mood;')
    bench.apply()
    bench.database.query("INSERT INTO moods VALUES (1, '{ok,bad}', 'hm', 'x')")
    bench.execute(
        rollback_saving(bench, Copy(schema="public", table="moods", key=("id",)), version="001", name="moods")
    )
    bench.apply()
    assert bring_back(bench).rows == 1
    assert bench.database.query("SELECT id, mood::text, said, odd FROM moods") == [(1, "{ok,bad}", "hm", "x")]


def test_nobody_else_may_read_a_copy_whatever_default_privileges_say(users_bench: Bench) -> None:
    users_bench.database.query("DROP ROLE IF EXISTS anon_of_test")
    users_bench.database.query("CREATE ROLE anon_of_test")
    for kind in ("SCHEMAS", "TABLES"):
        users_bench.database.query(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO anon_of_test, PUBLIC")
    try:
        users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
        (save,) = saves(users_bench)
        with users_bench.database.connect() as someone:
            someone.execute("SET ROLE anon_of_test")
            for table in ("saves", save.copy.saved):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    someone.execute(f"SELECT * FROM signalbox_saved.{table}")
        granted = (
            "SELECT count(*) FROM pg_class c, aclexplode(relacl) a WHERE relnamespace = 'signalbox_saved'::regnamespace"
        )
        assert users_bench.database.query(f"{granted} AND a.grantee <> c.relowner") == [(0,)]
    finally:
        users_bench.database.query("DROP OWNED BY anon_of_test")
        users_bench.database.query("DROP ROLE anon_of_test")


def test_a_role_that_sees_only_some_rows_saves_none(users_bench: Bench) -> None:
    step = rollback_saving(users_bench, PLANS).steps[0]
    users_bench.database.query("DROP ROLE IF EXISTS sees_some")
    users_bench.database.query("CREATE ROLE sees_some")
    users_bench.database.query(f"GRANT CREATE ON DATABASE {users_bench.database.name} TO sees_some")
    users_bench.database.query("GRANT ALL ON users TO sees_some")
    users_bench.database.query("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    try:
        with (
            users_bench.database.connect() as someone,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level"),
        ):
            save_as(someone, "sees_some", step)
    finally:
        users_bench.database.query("DROP OWNED BY sees_some")
        users_bench.database.query("DROP ROLE sees_some")


def save_as(connection: psycopg.Connection, role: str, step: Step) -> None:
    with connection.transaction():
        connection.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
        saved.work(connection, step, Attempt(run_id="2", by="alice"))


def test_parents_come_back_before_what_refers_to_them(bench: Bench) -> None:
    bench.write(
        "001_orders.sql",
        "CREATE TABLE users (id int PRIMARY KEY, boss int REFERENCES users);"
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users);",
    )
    bench.write("001_rollback.sql", "DROP TABLE orders; DROP TABLE users;")
    bench.apply()
    bench.database.query("INSERT INTO users VALUES (1, 2), (2, NULL)")
    bench.database.query("INSERT INTO orders VALUES (7, 1)")
    copies = [Copy(schema="public", table=name, key=("id",)) for name in ("orders", "users")]
    bench.execute(rollback_saving(bench, *copies, version="001", name="orders"))
    bench.apply()
    saved_copies = [replace(save.copy) for save in saves(bench)]
    bench.execute(planner.bring_back(bench.look(), MigrationId("001", "orders"), copies=saved_copies[::-1]), run_id="3")
    assert [(c.what, c.rows) for c in copied(bench)] == [("public.users", 2), ("public.orders", 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DROP TABLE users", "there is no table public.users now"),
        ("ALTER TABLE users DROP COLUMN note", "has no column note now"),
        ("DROP TABLE {copy}", "the copy is not there any more"),
    ],
)
def test_what_does_not_fit_any_more_is_refused_and_the_copy_named(users_bench: Bench, change: str, reason: str) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    users_bench.apply()
    copy = f"signalbox_saved.{saves(users_bench)[0].copy.saved}"
    users_bench.database.query(change.format(copy=copy))
    with pytest.raises(errors.PlanBlocked, match=reason) as caught:
        bring_back(users_bench)
    assert copy in caught.value.next_step
    assert saves(users_bench)[0].brought_back_at is None


def test_a_table_with_a_new_column_that_needs_a_value_is_refused(users_bench: Bench) -> None:
    copy = Copy(schema="public", table="users", key=("id",))
    users_bench.execute(rollback_saving(users_bench, copy, version="001", name="users"), run_id="2")
    users_bench.apply()
    users_bench.database.query("ALTER TABLE users ADD COLUMN born date NOT NULL")
    with pytest.raises(errors.PlanBlocked, match="a new column born that needs a value"):
        bring_back(users_bench)


def test_rows_without_a_key_come_back_only_into_an_empty_table(bench: Bench) -> None:
    bench.write("001_notes.sql", "CREATE TABLE notes (said text);")
    bench.write("001_rollback.sql", "DROP TABLE notes;")
    bench.apply()
    bench.database.query("INSERT INTO notes VALUES ('a'), ('a')")
    bench.execute(rollback_saving(bench, Copy(schema="public", table="notes"), version="001", name="notes"))
    bench.apply()
    assert bring_back(bench).rows == 2
    with pytest.raises(errors.PlanBlocked, match="not empty"):
        bring_back(bench, run_id="4")


def test_columns_of_a_table_without_a_key_are_kept_as_whole_rows(bench: Bench) -> None:
    bench.write("001_notes.sql", "CREATE TABLE notes (said text);")
    bench.write("002_tone.sql", "ALTER TABLE notes ADD COLUMN tone text;")
    bench.write("002_rollback.sql", "ALTER TABLE notes DROP COLUMN tone;")
    bench.apply()
    bench.database.query("INSERT INTO notes VALUES ('a', 'dry'), ('b', NULL)")
    copy = Copy(schema="public", table="notes", columns=("tone",))
    bench.execute(rollback_saving(bench, copy, version="002", name="tone"))
    kept = saves(bench)[0].copy.saved
    assert bench.database.query(f'SELECT * FROM signalbox_saved."{kept}"') == [("a", "dry")]
    bench.apply()
    with pytest.raises(errors.PlanBlocked, match="no primary key"):
        bring_back(bench)


def test_outside_a_transaction_the_copy_is_made_before_the_first_statement(users_bench: Bench) -> None:
    users_bench.write("003_index.sql", "CREATE INDEX users_name ON users (name);")
    users_bench.write(
        "003_rollback.sql", f"-- signalbox: transaction=none\nDROP INDEX CONCURRENTLY users_name; {PLAN_DOWN}"
    )
    users_bench.apply()
    users_bench.execute(rollback_saving(users_bench, PLANS, version="003", name="index"), run_id="2")
    assert saves(users_bench)[0].rows == 3


def test_a_copy_that_cannot_be_made_leaves_everything_as_it_was(users_bench: Bench) -> None:
    gone = replace(PLANS, table="no_such_table")
    with pytest.raises(errors.StatementFailed, match="failed while rows were copied") as caught:
        users_bench.execute(rollback_saving(users_bench, gone), run_id="2")
    assert "no copy either" in caught.value.next_step
    assert users_bench.database.query("SELECT count(plan) FROM users") == [(3,)]


def test_what_is_saved_is_part_of_the_digest_and_survives_being_kept(users_bench: Bench) -> None:
    bare = users_bench.plan_rollback("002", "plan")
    saving = rollback_saving(users_bench, PLANS)
    assert saving.digest != bare.digest
    assert rollback_saving(users_bench, replace(PLANS, columns=("plan",))).digest != saving.digest
    assert Plan.from_dict(saving.to_dict()) == saving
    assert saving.without_saving().digest == bare.digest


def test_a_long_table_name_still_gives_each_copy_a_name_of_its_own(bench: Bench) -> None:
    table = "ü" * 31
    bench.write("001_long.sql", f'CREATE TABLE "{table}" (id int PRIMARY KEY, a int, b int);')
    bench.write("001_rollback.sql", f'DROP TABLE "{table}";')
    bench.apply()
    copies = [Copy(schema="public", table=table, columns=(name,), key=("id",)) for name in "ab"]
    bench.execute(rollback_saving(bench, *copies, version="001", name="long"))
    assert len({save.copy.saved for save in saves(bench)}) == 2


def test_a_snapshot_of_the_schema_has_no_copies_in_it(users_bench: Bench) -> None:
    users_bench.execute(users_bench.plan_rollback("002", "plan"), run_id="2")
    with users_bench.database.connect() as opened:
        before = snapshot.take(opened)
        users_bench.apply()
        users_bench.execute(rollback_saving(users_bench, PLANS), run_id="3")
        assert snapshot.take(opened).fingerprint == before.fingerprint


def test_what_is_written_until_the_last_moment_is_in_the_copy(users_bench: Bench) -> None:
    with users_bench.database.connect(autocommit=False) as writer:
        writer.execute("INSERT INTO users (name, plan) VALUES ('late', 'pro')")
        run = threading.Thread(
            target=users_bench.execute, args=(rollback_saving(users_bench, PLANS),), kwargs={"run_id": "2"}
        )
        run.start()
        time.sleep(0.5)
        writer.commit()
    run.join(30)
    assert saves(users_bench)[0].rows == 4


def test_the_migration_finds_its_session_as_without_a_copy(bench: Bench) -> None:
    bench.write("001_notes.sql", "CREATE TABLE notes (id int PRIMARY KEY);")
    looks = "SELECT current_setting('row_security') || current_setting('search_path') AS seen"
    bench.write("001_rollback.sql", f"CREATE TABLE how AS {looks}; DROP TABLE notes;")
    bench.apply()
    bench.execute(
        rollback_saving(bench, Copy(schema="public", table="notes", key=("id",)), version="001", name="notes")
    )
    assert bench.database.query("SELECT seen FROM how") == [('on"$user", public',)]


def test_an_approval_covers_the_plan_with_copies_and_never_the_other_way_round(users_bench: Bench) -> None:
    users_bench.policy = replace(users_bench.policy, protected=True)
    bare = users_bench.plan_rollback("002", "plan")
    saving = rollback_saving(users_bench, PLANS)
    approved = Approval(
        digest=saving.digest,
        requested_by="alice",
        approved_by=("bob",),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    with pytest.raises(errors.NotApproved, match="another digest"):
        users_bench.execute(bare, approval=approved, run_id="2")
    with pytest.raises(errors.NotApproved, match="another digest"):
        users_bench.execute(
            rollback_saving(users_bench, replace(PLANS, columns=("plan",))), approval=approved, run_id="2"
        )
    users_bench.execute(saving, approval=replace(approved, digest=bare.digest), run_id="2")
    assert saves(users_bench)[0].rows == 3


# What stands there by then, who is told, and in which order


def saved_by(bench: Bench, script: str, *copies: Copy, name: str = "work") -> None:
    bench.write(f"005_{name}.sql", script)
    bench.write("005_rollback.sql", "SELECT 1;")
    plan = planner.apply(bench.look(), bench.read())
    bench.execute(plan.saving({("005", name): copies}), run_id="2")


def bring_all_back(bench: Bench, *, overwrite: bool = False) -> tuple[Copied, ...]:
    copies = [replace(save.copy, overwrite=overwrite) for save in saves(bench)]
    first = saves(bench)[0]
    bench.execute(planner.bring_back(bench.look(), first.identity, copies=copies), run_id="3")
    return copied(bench)


def test_values_that_a_migration_overwrote_come_back_where_that_is_asked_for(users_bench: Bench) -> None:
    names = Copy(schema="public", table="users", columns=("name",), key=("id",))
    saved_by(users_bench, "UPDATE users SET name = 'gone';", names)
    with pytest.raises(errors.PlanBlocked, match="nothing of it came back"):
        bring_all_back(users_bench)
    assert saves(users_bench)[0].brought_back_at is None
    with connection.reading(users_bench.address) as opened:
        assert saved.outlook(opened, saves(users_bench)[0].copy) == saved.Outlook(fills=0, differs=3)
    assert [(c.rows, c.kept) for c in bring_all_back(users_bench, overwrite=True)] == [(3, 0)]
    assert users_bench.database.query("SELECT name FROM users ORDER BY id") == [("ada",), ("bob",), ("cyd",)]


def test_what_did_not_come_back_is_in_the_register(users_bench: Bench) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    users_bench.apply()
    users_bench.database.query("UPDATE users SET note = 'newer' WHERE id = 3")
    bring_back(users_bench)
    assert (saves(users_bench)[0].brought_back_by, saves(users_bench)[0].left) == ("alice", 1)


def test_rows_that_refer_to_each_other_in_a_circle_come_back(bench: Bench) -> None:
    bench.database.query(
        "CREATE TABLE a (id int PRIMARY KEY, b_id int); CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a);"
        "INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (1, 1); UPDATE a SET b_id = 1;"
        "ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b_id) REFERENCES b"
    )
    copies = [Copy(schema="public", table=name, key=("id",)) for name in "ab"]
    saved_by(bench, "TRUNCATE a, b;", *copies)
    assert [c.rows for c in bring_all_back(bench)] == [1, 1]
    assert bench.database.query("SELECT a.b_id, b.a_id FROM a, b") == [(1, 1)]
    assert bench.database.query("SELECT bool_or(condeferrable) FROM pg_constraint WHERE contype = 'f'") == [(False,)]


def test_triggers_are_silent_on_the_way_back_and_as_they_were_after_it(users_bench: Bench) -> None:
    users_bench.database.query(
        "CREATE TABLE log (x int); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO log VALUES (1); NEW.name = ''changed''; RETURN NEW; END';"
        "CREATE TRIGGER one BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();"
        "CREATE TRIGGER two BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();"
        "ALTER TABLE users ENABLE ALWAYS TRIGGER two"
    )
    saved_by(users_bench, "DELETE FROM users;", Copy(schema="public", table="users", key=("id",)))
    assert bring_all_back(users_bench)[0].rows == 3
    assert users_bench.database.query("SELECT name FROM users ORDER BY id") == [("ada",), ("bob",), ("cyd",)]
    assert users_bench.database.query("SELECT count(*) FROM log") == [(0,)]
    states = "SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = 'users'::regclass ORDER BY tgname"
    assert users_bench.database.query(states) == [("O",), ("A",)]


def test_children_by_inheritance_come_back_into_their_own_table(bench: Bench) -> None:
    bench.database.query(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (extra text, PRIMARY KEY (id)) INHERITS (parent);"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'more')"
    )
    copies = [Copy(schema="public", table=name, key=("id",)) for name in ("parent", "child")]
    saved_by(bench, "TRUNCATE parent;", *copies)
    assert sorted((c.what, c.rows) for c in bring_all_back(bench)) == [("public.child", 1), ("public.parent", 1)]
    assert bench.database.query("SELECT id, extra FROM child") == [(2, "more")]
    assert bench.database.query("SELECT id FROM ONLY parent") == [(1,)]


# What was counted is what is saved, whatever it is called by then


def counted(bench: Bench, plan: Plan) -> Forecast:
    return counting.take(bench.address, reading.read(plan, {}), then={})


def apply_saving(bench: Bench, *scripts: str) -> Forecast:
    """Apply them from 010 on, with all saved first that the forecast offers to save."""
    for number, script in enumerate(scripts, 10):
        bench.write(f"{number:03}_work.sql", script)
    plan = bench.plan()
    forecast = counted(bench, plan)
    bench.execute(plan.saving(forecast.copies), run_id="2")
    return forecast


def rows_saved(bench: Bench) -> list[tuple[str, int]]:
    return sorted((save.copy.label, save.rows) for save in saves(bench))


def obstacles(bench: Bench) -> list[str]:
    with connection.reading(bench.address) as opened:
        return [saved.obstacle(opened, s.copy) or saved.misfit(opened, s.copy) for s in saved.read(opened)]


@pytest.mark.parametrize(
    ("scripts", "rows"),
    [
        pytest.param(
            ("ALTER TABLE users RENAME TO old; CREATE TABLE users (id int PRIMARY KEY);", "DROP TABLE old;"),
            ("public.old", 3),
            id="renamed and made anew",
        ),
        pytest.param(("ALTER TABLE users RENAME TO old;", "DROP TABLE old;"), ("public.old", 3), id="renamed"),
        pytest.param(
            ("CREATE SCHEMA attic; ALTER TABLE users SET SCHEMA attic;", "DROP TABLE attic.users;"),
            ("attic.users", 3),
            id="moved",
        ),
        pytest.param(
            (
                "ALTER TABLE users RENAME TO x; ALTER TABLE others RENAME TO users; ALTER TABLE x RENAME TO others;",
                "DELETE FROM others;",
            ),
            ("public.others", 3),
            id="swapped",
        ),
        pytest.param(
            (
                "ALTER TABLE users RENAME name TO old; ALTER TABLE users ADD COLUMN name text;",
                "ALTER TABLE users DROP COLUMN old;",
            ),
            ("public.users (old)", 3),
            id="a column",
        ),
    ],
)
def test_what_an_earlier_step_renamed_is_saved_and_comes_back_only_by_hand(
    users_bench: Bench, scripts: tuple[str, ...], rows: tuple[str, int]
) -> None:
    users_bench.database.query(
        "CREATE TABLE others (id int PRIMARY KEY, name text); INSERT INTO others VALUES (1, 'other')"
    )
    apply_saving(users_bench, *scripts)
    assert rows_saved(users_bench) == [rows]
    kept = saves(users_bench)[0].copy.saved
    names = [name for (name,) in users_bench.database.query(f"SELECT {names_in(rows[0])} FROM signalbox_saved.{kept}")]
    assert sorted(names) == ["ada", "bob", "cyd"]
    assert ["until its run renamed it" in reason for reason in obstacles(users_bench)] == [True]
    with pytest.raises(errors.PlanBlocked, match="until its run renamed it"):
        bring_back(users_bench)


def names_in(label: str) -> str:
    return "old" if "(old)" in label else "name"


@pytest.mark.parametrize("change", ["DROP TABLE users", "ALTER TABLE users DROP COLUMN note"])
def test_what_is_not_there_any_more_once_it_is_to_be_saved_stops_the_step(users_bench: Bench, change: str) -> None:
    users_bench.write("010_note.sql", "UPDATE users SET note = 'x';")
    plan = users_bench.plan()
    plan = plan.saving(counted(users_bench, plan).copies)
    users_bench.database.query(change)
    users_bench.database.query("CREATE TABLE IF NOT EXISTS users (id int PRIMARY KEY)")
    users_bench.database.query("ALTER TABLE users ADD COLUMN note text")
    users_bench.database.query("INSERT INTO users (id, note) OVERRIDING SYSTEM VALUE VALUES (9, 'another')")
    with pytest.raises(errors.PlanBlocked, match="not there any more as it was"):
        users_bench.execute(plan, run_id="2")
    assert users_bench.database.query("SELECT note FROM users WHERE id = 9") == [("another",)]
    assert [row.version for row in users_bench.history.rows if row.success] == ["001", "002"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ALTER TABLE users RENAME TO old; CREATE TABLE users (LIKE old INCLUDING ALL)", "is called public.old now"),
        ("ALTER TABLE users RENAME name TO old; ALTER TABLE users ADD name text", "column name that it was saved from"),
        ("ALTER TABLE users DROP COLUMN id; ALTER TABLE users ADD id serial PRIMARY KEY", "was made anew"),
    ],
)
def test_a_name_that_stands_for_something_else_by_now_takes_nothing_back(
    users_bench: Bench, change: str, reason: str
) -> None:
    apply_saving(users_bench, "UPDATE users SET name = upper(name);")
    users_bench.database.query(change)
    with pytest.raises(errors.PlanBlocked, match=reason):
        bring_all_back(users_bench, overwrite=True)
    assert saves(users_bench)[0].brought_back_at is None


# What comes back is what was saved


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ALTER TABLE users ALTER name TYPE varchar(3)", r"users\.name is character varying\(3\) now, and was text"),
        ("ALTER TABLE users DROP COLUMN name, ADD name text GENERATED ALWAYS AS ('x') STORED", "is computed now"),
        ("ALTER TABLE users ALTER name SET NOT NULL", "users.name does not take 1 of the saved values"),
        ("ALTER TABLE users DROP CONSTRAINT users_pkey", r"primary key of public\.users is not \(id\) now"),
    ],
)
def test_what_would_not_be_the_same_again_is_refused(users_bench: Bench, change: str, reason: str) -> None:
    users_bench.database.query("INSERT INTO users (name) VALUES (NULL)")
    apply_saving(users_bench, "DELETE FROM users;")
    users_bench.database.query(change)
    with pytest.raises(errors.PlanBlocked, match=reason):
        bring_back(users_bench)
    assert (users_bench.database.query("SELECT count(*) FROM users"), saves(users_bench)[0].brought_back_at) == (
        [(0,)],
        None,
    )


def test_values_that_a_narrower_type_cut_do_not_count_as_brought_back(bench: Bench) -> None:
    bench.database.query("CREATE TABLE t (id int PRIMARY KEY, n numeric(10,4)); INSERT INTO t VALUES (1, 1.2345)")
    apply_saving(bench, "ALTER TABLE t ALTER n TYPE numeric(10,2);")
    assert obstacles(bench) == ["public.t.n is numeric(10,2) now, and was numeric(10,4)"]
    bench.database.query("ALTER TABLE t ALTER n TYPE numeric(12,4)")
    assert bring_all_back(bench, overwrite=True)[0].rows == 1
    assert bench.database.query("SELECT n::text FROM t") == [("1.2345",)]


@pytest.mark.parametrize(
    ("made", "anew"),
    [
        ("CREATE TYPE own AS ENUM ('alpha')", "CREATE TYPE own AS ENUM ('beta')"),
        ("CREATE DOMAIN own AS varchar(9)", "CREATE DOMAIN own AS varchar(3)"),
    ],
)
def test_values_of_a_type_of_the_project_are_each_compared(bench: Bench, made: str, anew: str) -> None:
    bench.database.query(f"{made}; CREATE TABLE t (id int PRIMARY KEY, a own); INSERT INTO t VALUES (1, 'alpha')")
    apply_saving(bench, "DROP TABLE t; DROP TYPE own;" if "ENUM" in made else "DROP TABLE t; DROP DOMAIN own;")
    bench.database.query(f"{anew}; CREATE TABLE t (id int PRIMARY KEY, a own)")
    with pytest.raises(errors.PlanBlocked, match=r"public\.t\.a does not take"):
        bring_back(bench)
    assert bench.database.query("SELECT count(*) FROM t") == [(0,)]


def test_a_reference_to_an_object_leads_to_the_one_of_that_name(bench: Bench) -> None:
    bench.write("001_t.sql", "CREATE TABLE t (id int PRIMARY KEY, of regclass);")
    bench.write("001_rollback.sql", "DROP TABLE t;")
    bench.apply()
    bench.database.query("INSERT INTO t VALUES (1, 't')")
    plan = bench.plan_rollback("001", "t")
    bench.execute(plan.saving(counted(bench, plan).copies), run_id="2")
    bench.apply()
    assert bring_back(bench).rows == 1
    assert bench.database.query("SELECT of = 't'::regclass FROM t") == [(True,)]


def test_null_that_was_overwritten_comes_back_where_that_is_asked_for(users_bench: Bench) -> None:
    apply_saving(users_bench, "UPDATE users SET note = 'all';")
    assert rows_saved(users_bench) == [("public.users (note)", 3)]
    assert [(c.rows, c.kept) for c in bring_all_back(users_bench, overwrite=True)] == [(3, 0)]
    assert users_bench.database.query("SELECT note FROM users ORDER BY id") == [("early",), (None,), ("x",)]


def test_null_comes_back_into_a_dropped_column_that_has_a_default(bench: Bench) -> None:
    bench.write("001_t.sql", "CREATE TABLE t (id int PRIMARY KEY);")
    bench.write("002_more.sql", "ALTER TABLE t ADD a text DEFAULT 'new', ADD b int DEFAULT 7, ADD c text;")
    bench.write("002_rollback.sql", "ALTER TABLE t DROP a, DROP b, DROP c;")
    bench.apply()
    rows = [(1, None, None, None), (2, "x", None, None), (3, "new", 7, "c"), (4, None, 8, None)]
    bench.database.query(
        "INSERT INTO t VALUES (1, NULL, NULL, NULL), (2, 'x', NULL, NULL), (3, 'new', 7, 'c'), (4, NULL, 8, NULL)"
    )
    plan = bench.plan_rollback("002", "more")
    bench.execute(plan.saving(counted(bench, plan).copies), run_id="2")
    bench.apply()
    bench.database.query("INSERT INTO t (id) VALUES (5)")
    (back,) = bring_all_back(bench)
    assert (back.kept, back.gone) == (0, 0)
    assert bench.database.query("SELECT * FROM t ORDER BY id") == [*rows, (5, "new", 7, None)]


def test_null_that_a_default_took_the_place_of_is_kept_until_overwriting_is_asked_for(bench: Bench) -> None:
    bench.database.query(
        "CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT 'new'); INSERT INTO t VALUES (1, NULL), (2, 'x')"
    )
    apply_saving(bench, "UPDATE t SET a = DEFAULT;")
    assert [(c.rows, c.kept) for c in bring_all_back(bench)] == [(1, 1)], "somebody may have written the default"
    assert [(c.rows, c.kept) for c in bring_all_back(bench, overwrite=True)] == [(1, 0)]
    assert bench.database.query("SELECT a FROM t ORDER BY id") == [(None,), ("x",)]


def test_null_in_a_narrowed_column_is_still_there(bench: Bench) -> None:
    bench.database.query("CREATE TABLE t (id int PRIMARY KEY, n numeric(9,4) DEFAULT 1)")
    bench.database.query("INSERT INTO t VALUES (1, NULL), (2, 1.2345), (3, 2)")
    apply_saving(bench, "ALTER TABLE t ALTER n TYPE numeric(9,1);")
    bench.database.query("ALTER TABLE t ALTER n TYPE numeric(9,4)")
    assert [(c.rows, c.kept) for c in bring_all_back(bench, overwrite=True)] == [(1, 0)]
    assert bench.database.query("SELECT n::text FROM t ORDER BY id") == [(None,), ("1.2345",), ("2.0000",)]


@pytest.mark.parametrize("how", ["ALWAYS", "BY DEFAULT"])
def test_numbers_of_a_dropped_identity_come_back_where_that_is_asked_for(bench: Bench, how: str) -> None:
    bench.write("001_t.sql", "CREATE TABLE t (id int PRIMARY KEY);")
    bench.write("002_no.sql", f"ALTER TABLE t ADD no int GENERATED {how} AS IDENTITY;")
    bench.write("002_rollback.sql", "ALTER TABLE t DROP no;")
    bench.apply()
    bench.database.query("INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1, 70), (2, 50)")
    plan = bench.plan_rollback("002", "no")
    bench.execute(plan.saving(counted(bench, plan).copies), run_id="2")
    bench.apply()
    assert [(c.rows, c.kept) for c in bring_all_back(bench, overwrite=True)] == [(2, 0)]
    assert bench.database.query("SELECT no FROM t ORDER BY id") == [(70,), (50,)]
    kind = "SELECT attidentity::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'no'"
    assert bench.database.query(kind) == [("a" if how == "ALWAYS" else "d",)]
    assert bench.database.query("INSERT INTO t (id) VALUES (3) RETURNING no") == [(71,)]


def test_a_generated_column_that_is_dropped_is_computed_again_and_not_saved(bench: Bench) -> None:
    bench.database.query(
        "CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, v text DEFAULT 'new');"
        "INSERT INTO t (id, v) VALUES (1, NULL), (2, 'x')"
    )
    apply_saving(bench, "ALTER TABLE t DROP g, DROP v;")
    assert rows_saved(bench) == [("public.t (v)", 2)]
    bench.database.query("ALTER TABLE t ADD g int GENERATED ALWAYS AS (id * 2) STORED, ADD v text DEFAULT 'new'")
    assert [(c.rows, c.kept) for c in bring_all_back(bench)] == [(2, 0)]
    assert bench.database.query("SELECT g, v FROM t ORDER BY id") == [(2, None), (4, "x")]


@pytest.mark.parametrize(
    "scripts",
    [
        ("UPDATE users SET id = -id - 1, name = upper(name); UPDATE users SET id = -id;",),
        ("UPDATE users SET name = upper(name);", "UPDATE users SET id = -id - 1; UPDATE users SET id = -id;"),
    ],
    ids=["at once", "in a later step"],
)
def test_values_whose_keys_the_plan_changes_come_back_only_by_hand(
    users_bench: Bench, scripts: tuple[str, ...]
) -> None:
    users_bench.database.query("ALTER TABLE users ALTER id DROP IDENTITY")
    forecast = apply_saving(users_bench, *scripts)
    assert {loss.copy.key for loss in forecast.losses if loss.copy} == {()}
    assert all("no primary key of public.users stayed" in reason for reason in obstacles(users_bench))
    with pytest.raises(errors.PlanBlocked, match="no primary key"):
        bring_all_back(users_bench, overwrite=True)
    kept = next(save.copy.saved for save in saves(users_bench) if "name" in save.copy.columns)
    assert users_bench.database.query(f"SELECT id, name FROM signalbox_saved.{kept} ORDER BY id") == [
        (1, "ada"),
        (2, "bob"),
        (3, "cyd"),
    ]


def test_what_identifies_a_copy_is_part_of_the_plan_and_of_its_digest(users_bench: Bench) -> None:
    plan = users_bench.plan_rollback("002", "plan")
    copies = counted(users_bench, plan).copies
    saving = plan.saving(copies)
    (copy,) = saving.steps[0].copies
    assert users_bench.database.query("SELECT 'users'::regclass::oid::bigint") == [(copy.oid,)]
    assert Plan.from_dict(json.loads(json.dumps(saving.to_dict()))) == saving
    for other in (replace(copy, oid=copy.oid + 1), replace(copy, numbers=copy.numbers[::-1])):
        assert plan.saving({("002", "plan"): [other]}).digest != saving.digest


def test_a_register_that_came_out_of_a_dump_trusts_no_number(users_bench: Bench) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    assert saves(users_bench)[0].copy.oid
    kept = saves(users_bench)[0].copy.saved
    users_bench.database.query(f"CREATE TABLE signalbox_saved.other AS TABLE signalbox_saved.{kept}")
    users_bench.database.query(f"DROP TABLE signalbox_saved.{kept}")
    users_bench.database.query(f"ALTER TABLE signalbox_saved.other RENAME TO {kept}")
    assert saves(users_bench)[0].copy.oid == 0
    users_bench.apply()
    assert bring_back(users_bench).rows == 4


def test_a_register_of_an_earlier_version_is_read_and_extended(users_bench: Bench) -> None:
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="2")
    for column in ("saved_oid", "from_oid", "from_numbers", "with_nulls", "planned_as"):
        users_bench.database.query(f"ALTER TABLE signalbox_saved.saves DROP COLUMN {column}")
    copy = saves(users_bench)[0].copy
    assert (copy.oid, copy.numbers, copy.with_nulls, copy.planned_as) == (0, (), False, "")
    users_bench.apply()
    assert bring_back(users_bench).rows == 4
    users_bench.execute(rollback_saving(users_bench, PLANS), run_id="4")
    assert saves(users_bench)[0].copy.oid
