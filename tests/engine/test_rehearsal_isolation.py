"""A rehearsal runs foreign SQL beside a process that holds keys. Each way in which that has stolen one, tried again.

The process that rehearses is a real one, with a secret in the environment that it was started with. Where the tests run
as root, all of it is done a second time as another user, whose private server runs as that very user.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dashboard.engine import rehearsal
from dashboard.engine.errors import RehearsalNotIsolated
from dashboard.engine.localserver import network
from dashboard.engine.rehearsal import apart
from dashboard.engine.rehearsal.report import Proof, Report, Verdict
from tests.engine.folders import Bench

ROOT = Path(__file__).parents[2]
#: Of this process alone: beside it other tests begin processes of the same user, whose keys are open until they close.
SECRET = f"canary-{secrets.token_hex(8)}"
#: Does not end by itself, in a session of its own, and is known by its argument.
LINGERS = "98765.4321"

REHEARSES = """
import json, os, sys
from pathlib import Path
from dashboard.engine.secrecy import close_process
close_process()
from dashboard.engine import rehearsal
from dashboard.engine.files import verifications
from tests.engine.folders import Bench
from tests.fix_postgres import Database
bench = Bench(folder=Path(sys.argv[1]), database=Database(name="", url=os.environ["DATABASE_URL"]))
report = rehearsal.of_plan(bench.plan(), source=bench.access, verify=verifications.read(bench.read()), keep_going=True)
print(json.dumps(report.to_dict()))
"""
#: What becomes of foreign code that has become the user of the server: a superuser of it runs a program.
BREAKS_OUT = """
import sys
from dashboard.engine.secrecy import close_process
close_process()
import psycopg
from dashboard.engine import localserver
with localserver.running(ephemeral=True) as server, psycopg.connect(server.url(), autocommit=True) as connection:
    connection.execute("COPY (SELECT 1) TO PROGRAM '" + sys.argv[1].replace("'", "''") + "'")
print("{}")
"""

#: With enough rights kept to come as far as the programs, which root's home may hold; none of them opens a process.
AS_ANOTHER = (
    *("setpriv", "--reuid=1", "--regid=1", "--clear-groups", "--bounding-set=-all,+dac_read_search"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
USERS = {"itself": ()} | ({"another": AS_ANOTHER} if os.geteuid() == 0 and shutil.which("setpriv") else {})


@dataclass(frozen=True, kw_only=True)
class Thief:
    """Where stolen secrets would be put, and the user that the rehearsal is done as."""

    loot: Path
    prefix: tuple[str, ...] = field(repr=False)

    @property
    def steals(self) -> str:
        """For a shell: every environment that can be read, and a process that stays. No quotes."""
        return (
            f"id > {self.loot}/ran; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >> {self.loot}/environ 2>/dev/null; "
            f"cat /tmp/signalbox-*/server.json >> {self.loot}/files 2>/dev/null; "
            f"setsid sleep {LINGERS} >/dev/null 2>&1 </dev/null &"
        )

    @property
    def sql(self) -> str:
        """A block that has a program run, told only while it runs, and that hides what becomes of it."""
        return (
            "BEGIN EXECUTE 'CO' || 'PY (SELECT 1) TO PRO' || 'GRAM ' || "
            f"quote_literal({_literal(self.steals)}); EXCEPTION WHEN OTHERS THEN NULL; END"
        )

    def rehearse(self, bench: Bench) -> Report:
        for path in (bench.folder, *bench.folder.iterdir()):
            path.chmod(0o755)
        return Report.from_dict(json.loads(self.run(REHEARSES, str(bench.folder), bench.database.url)))

    def run(self, program: str, argument: str, url: str = "") -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url,
            "SIGNALBOX_SECRET_KEY": SECRET,
        }
        done = subprocess.run(
            [*self.prefix, sys.executable, "-c", program, argument],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=300,
        )
        return done.stdout.splitlines()[-1]

    def ran(self) -> bool:
        return (self.loot / "ran").exists()

    def stolen(self) -> bool:
        return any(SECRET.encode() in path.read_bytes() for path in self.loot.iterdir())


@pytest.fixture(params=USERS)
def thief(request: pytest.FixtureRequest) -> Iterator[Thief]:
    with tempfile.TemporaryDirectory() as loot:
        Path(loot).chmod(0o777)
        yield Thief(loot=Path(loot), prefix=USERS[request.param])
        assert _lingering() == []


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.database.query("CREATE TABLE plans (id int, name text)")
    bench.write("001_plans.sql", "INSERT INTO plans VALUES (1, 'free');")
    return bench


def test_a_a_migration_that_hides_a_program_in_text_runs_none(bench: Bench, thief: Thief) -> None:
    bench.write("002_hides.sql", f"DO $$ {thief.sql} $$;")
    report = thief.rehearse(bench)
    assert [proof.verdict for proof in report.proofs] == [Verdict.PROVEN, Verdict.PROVEN], "it hides what it wants"
    assert not thief.ran()
    assert not thief.stolen()


def test_b_what_a_stranger_planted_in_the_target_runs_without_rights(bench: Bench, thief: Thief) -> None:
    """An honest migration, a table of somebody else's, and a trigger that waits for a superuser."""
    bench.database.query(
        f"CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $f$ {thief.sql.removesuffix('END')} "
        "RETURN NEW; END $f$; CREATE TRIGGER waits BEFORE INSERT ON plans FOR EACH ROW EXECUTE FUNCTION waits()"
    )
    assert thief.rehearse(bench).passed
    assert not thief.ran()
    assert not thief.stolen()


def test_b_default_expressions_and_event_triggers_run_without_rights_too(bench: Bench, thief: Thief) -> None:
    bench.database.query(
        f"CREATE FUNCTION waits() RETURNS int LANGUAGE plpgsql AS $f$ {thief.sql.removesuffix('END')} "
        "RETURN 1; END $f$;"
        f"CREATE FUNCTION fires() RETURNS event_trigger LANGUAGE plpgsql AS $f$ {thief.sql} $f$;"
        "ALTER TABLE plans ADD CHECK (waits() = 1), ALTER name SET DEFAULT waits();"
        "CREATE EVENT TRIGGER fires ON ddl_command_end EXECUTE FUNCTION fires()"
    )
    (proof,) = thief.rehearse(bench).proofs
    assert proof.because == "Test has event triggers (fires), which are off here"
    assert not thief.ran()


def test_c_operators_in_front_of_postgresqls_are_not_asked(bench: Bench, thief: Thief) -> None:
    """The search path of the database is part of the copy, and no query of ours follows it."""
    name = bench.database.name
    body = f"$f$ {thief.sql.removesuffix('END')} RETURN true; END $f$"
    for left, right in (("name", "text"), ("text", "text"), ("name", "name"), ("oid", "oid"), ('"char"', "text")):
        bench.database.query(
            f"CREATE SCHEMA IF NOT EXISTS evil; CREATE FUNCTION evil.same({left}, {right}) RETURNS boolean "
            f"LANGUAGE plpgsql AS {body}; "
            f"CREATE OPERATOR evil.= (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.same)"
        )
    bench.database.query(f"ALTER DATABASE {name} SET search_path = evil, pg_catalog, public")
    assert thief.rehearse(bench).passed
    assert not thief.ran()


def test_d_a_verification_file_is_refused_like_any_other(bench: Bench, thief: Thief) -> None:
    bench.write("verify_001_plans.sql", f"COPY (SELECT 1) TO PROGRAM {_literal(thief.steals)};")
    (proof,) = thief.rehearse(bench).proofs
    assert proof.refused.startswith("verify_001_plans.sql: COPY (SELECT 1) TO PROGRAM")
    assert "reaches outside the database" in proof.refused
    assert not thief.ran()


def test_d_nor_does_one_that_hides_it_run_a_program(bench: Bench, thief: Thief) -> None:
    bench.write("verify_001_plans.sql", f"DO $$ {thief.sql} $$;")
    assert thief.rehearse(bench).passed
    assert not thief.ran()


def test_the_files_of_the_server_are_not_read_and_nobody_becomes_its_superuser(bench: Bench, thief: Thief) -> None:
    superuser = "(SELECT rolname FROM pg_roles WHERE oid = 10)"
    tries = (
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT lo_import('/etc/passwd')",
        "COPY plans FROM '/etc/passwd'",
        "COPY plans TO PROGRAM 'true'",
        f"DO $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION ' || {superuser}; END $$",
        f"DO $$ BEGIN EXECUTE 'SET ROLE ' || {superuser}; END $$",
        f"DO $$ BEGIN EXECUTE 'GRANT ' || {superuser} || ' TO CURRENT_USER'; END $$",
        "GRANT pg_execute_server_program TO CURRENT_USER",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "CREATE ROLE other SUPERUSER",
        "CREATE EXTENSION dblink",
        "CREATE EXTENSION file_fdw",
        "ALTER SYSTEM SET archive_command = 'true'",
        "SET session_preload_libraries = 'auto_explain'",
        "DO $$ BEGIN RESET ROLE; RESET SESSION AUTHORIZATION; COPY plans TO PROGRAM 'true'; END $$",
    )
    blocks = [
        f"DO $b$ BEGIN EXECUTE convert_from(decode('{each.encode().hex()}', 'hex'), 'UTF8'); "
        f"RAISE NOTICE 'done: {number}'; EXCEPTION WHEN OTHERS THEN NULL; END $b$;"
        for number, each in enumerate(tries)
    ]
    bench.write("001_plans.sql", "\n".join(blocks))
    (proof,) = thief.rehearse(bench).proofs
    assert proof.up.ok
    assert proof.up.notices == ()


def test_a_rehearsal_does_not_tell_itself_by_names(bench: Bench, thief: Thief) -> None:
    bench.write(
        "001_plans.sql",
        "DO $$ BEGIN RAISE NOTICE '% % %', current_database(), current_user, "
        "(SELECT string_agg(concat_ws(' ', datname, usename, application_name), ' ') FROM pg_stat_activity) "
        "|| (SELECT string_agg(rolname, ' ') FROM pg_roles) "
        "|| (SELECT string_agg(datname, ' ') FROM pg_database) || current_setting('application_name'); END $$;",
    )
    (proof,) = thief.rehearse(bench).proofs
    (notice,) = proof.up.notices
    assert notice.startswith(f"NOTICE: {bench.database.name} postgres ")
    assert "rehears" not in notice
    assert "sandbox" not in notice
    assert notice.count("signalbox:") > 0, "as a run on the target is called"


#: By which a script could still tell; none of them is called after us.
SEEN_TO_DIFFER = {"port", "max_locks_per_transaction", "temp_file_limit", "createrole_self_grant", "application_name"}


def test_nor_by_settings(bench: Bench) -> None:
    name = bench.database.name
    for setting in (
        "synchronous_commit = local",
        "jit = on",
        "log_statement = ddl",
        "search_path = public, pg_catalog",
    ):
        bench.database.query(f"ALTER DATABASE {name} SET {setting}")
    asked = (
        "(SELECT jsonb_object_agg(name, setting) FROM pg_settings WHERE name NOT LIKE 'lc%' "
        "AND source NOT IN ('default', 'override', 'client', 'session'))"
    )
    bench.write("001_plans.sql", f"DO $$ BEGIN RAISE NOTICE '%', {asked}; END $$;")
    (proof,) = rehearsal.of_plan(bench.plan(), source=bench.access).proofs
    here = json.loads(proof.up.notices[0].removeprefix("NOTICE: "))
    ((there,),) = bench.database.query(f"SELECT {asked}")
    assert {here[each] for each in ("synchronous_commit", "jit", "log_statement")} == {"local", "on", "ddl"}
    differing = {each: setting for each, setting in here.items() if setting and setting != there.get(each)}
    assert differing.keys() <= SEEN_TO_DIFFER, differing
    assert "signalbox" not in json.dumps(here)


def test_the_user_of_the_server_sees_no_key_and_leaves_no_process(thief: Thief) -> None:
    """The second wall: were the first one broken, and a program run, it would find nothing and not stay."""
    thief.run(BREAKS_OUT, thief.steals)
    assert thief.ran()
    assert (thief.loot / "environ").stat().st_size > 0
    assert not thief.stolen()


CALLS_OUT = """
import socket, sys
from dashboard.engine.localserver import network
inside = network.leave()
with socket.socket() as own:
    own.bind(("127.0.0.1", 0))
    own.listen()
    socket.create_connection(own.getsockname()).close()
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5).close()
    print(inside, "reached")
except OSError:
    print(inside, "shut in")
"""


def test_what_has_left_the_network_reaches_its_own_loopback_and_nothing_else(thief: Thief) -> None:
    """Where the platform allows it, and else nothing is lost: the doctor tells."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        told = thief.run(CALLS_OUT, str(outside.getsockname()[1]))
    assert told in {"True shut in", "False reached"}
    assert told == ("True shut in" if network.can_be_left() and not thief.prefix else told)


def test_a_rehearsal_has_left_it(bench: Bench) -> None:
    """Its server listens on a loopback of its own, so a program of ours that asks that port finds nobody."""
    bench.write("001_plans.sql", "DO $$ BEGIN RAISE NOTICE '%', inet_server_port(); END $$;")
    bench.write("002_waits.sql", "SELECT pg_sleep(1);")
    seen = _while_rehearsing(bench, lambda port: socket.create_connection(("127.0.0.1", port), timeout=1).close())
    assert seen == ("refused" if network.can_be_left() else "answered")


def test_where_it_could_not_be_left_after_all_nothing_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was promised, and is not as it was when it was asked."""
    monkeypatch.setattr(apart, "MODULE", "tests.engine.shut_in")
    with pytest.raises(RehearsalNotIsolated, match="nothing is proven, because the process that rehearses could not"):
        rehearsal.of_plan(bench.plan(), source=bench.access, needs_no_network=True)
    assert rehearsal.of_plan(bench.plan(), source=bench.access).passed, "where nobody was promised anything it may"


def _while_rehearsing(bench: Bench, ask: Callable[[int], None]) -> str:
    """Asked from outside once the first migration has told the port of its server, before the second one ends it."""
    answers: list[str] = []

    def listen(proof: Proof) -> None:
        assert proof.up is not None
        port = int(proof.up.notices[0].removeprefix("NOTICE: ").split()[0])
        try:
            ask(port)
        except OSError:
            answers.append("refused")
        else:
            answers.append("answered")
        raise Stop

    with suppress(Stop):
        rehearsal.of_plan(bench.plan(), source=bench.access, listener=listen)
    return answers[0]


class Stop(Exception):
    """Enough was seen."""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lingering() -> list[str]:
    """Once a program has had the time to begin."""
    time.sleep(0.3)
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if LINGERS.encode() in command and b"sleep" in command.split(b"\0")[0]:
            processes.append(path.parent.name)
    return processes
