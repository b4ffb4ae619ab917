"""Hostile SQL of every kind that could be thought of, rehearsed on each kind of server, and planted in a target: none
of it reads a file, reaches a listener, or is there after the end."""

from __future__ import annotations

import secrets
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg import conninfo

from dashboard.engine import localserver, rehearsal
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.files import discovery, verifications
from dashboard.engine.localserver import LocalServer
from dashboard.engine.rehearsal import apart
from dashboard.engine.rehearsal.report import Proof, Report, Verdict
from tests.engine.folders import Bench
from tests.fix_postgres import Database as OwnDatabase

#: Of the server: whoever is it may do anything.
BOOTSTRAP = "(SELECT rolname FROM pg_roles WHERE oid = 10)"
#: Each has to be refused. {secret} is a file that everyone may read, {loot} a folder that everyone may write to, {port}
#: one on which somebody listens.
REFUSED = (
    # Programs and files
    "COPY (SELECT 1) TO PROGRAM 'touch {loot}/ran'",
    "CREATE TEMP TABLE a (b text); COPY a FROM PROGRAM 'cat {secret}; (setsid sleep 98765 &)'",
    "CREATE TEMP TABLE a (b text); COPY a FROM '{secret}'",
    "COPY (SELECT 'x') TO '{loot}/written'",
    "SELECT pg_read_file('{secret}')",
    "SELECT pg_read_binary_file('{secret}')",
    "SELECT pg_stat_file('{secret}')",
    "SELECT pg_ls_dir('{loot}')",
    "SELECT * FROM pg_ls_logdir()",
    "SELECT * FROM pg_ls_waldir()",
    "SELECT * FROM pg_ls_tmpdir()",
    "SELECT pg_read_file('/proc/self/environ')",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT * FROM pg_file_settings",
    "SELECT * FROM pg_config",
    "SELECT lo_import('{secret}')",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '{loot}/exported')",
    "CREATE TABLESPACE stolen LOCATION '{loot}'",
    "LOAD '{loot}/evil'",
    "LOAD 'auto_explain'",
    "CREATE FUNCTION system(cstring) RETURNS int AS '/lib/x86_64-linux-gnu/libc.so.6', 'system' LANGUAGE c",
    "CREATE FUNCTION inner_(text) RETURNS text AS 'pg_read_file_all' LANGUAGE internal",
    "SET dynamic_library_path = '{loot}'",
    "SET session_preload_libraries = '{loot}/evil'",
    "ALTER ROLE CURRENT_USER SET session_preload_libraries = '{loot}/evil'",
    "SELECT current_setting('data_directory')",
    "SELECT current_setting('hba_file')",
    # Other servers
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE EXTENSION file_fdw",
    "CREATE EXTENSION adminpack",
    "CREATE EXTENSION pageinspect",
    "CREATE EXTENSION plpython3u",
    "CREATE EXTENSION plperlu",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'return 1'",
    "CREATE FOREIGN DATA WRAPPER mine",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port={port} password=x' PUBLICATION p WITH (connect = true)",
    "SELECT pg_create_physical_replication_slot('s')",
    "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
    "SELECT pg_replication_origin_create('o')",
    # The server's own superuser
    "EXECUTE 'SET ROLE ' || quote_ident(" + BOOTSTRAP + ")",
    "EXECUTE 'SET SESSION AUTHORIZATION ' || quote_ident(" + BOOTSTRAP + ")",
    "EXECUTE 'GRANT ' || quote_ident(" + BOOTSTRAP + ") || ' TO CURRENT_USER'",
    "CREATE FUNCTION as_owner() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT pg_read_file(''{secret}'')'; "
    "EXECUTE 'ALTER FUNCTION as_owner() OWNER TO ' || quote_ident(" + BOOTSTRAP + ")",
    "GRANT pg_execute_server_program TO CURRENT_USER",
    "GRANT pg_read_server_files TO CURRENT_USER",
    "GRANT pg_monitor TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER REPLICATION",
    "CREATE ROLE another SUPERUSER",
    "CREATE ROLE another REPLICATION",
    "CREATE ROLE another IN ROLE pg_write_server_files",
    "SELECT rolpassword FROM pg_authid",
    "UPDATE pg_proc SET proowner = 10",
    "UPDATE pg_authid SET rolsuper = true",
    "CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
    "ALTER SYSTEM SET archive_command = 'touch {loot}/ran'",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_promote()",
    "SELECT pg_switch_wal()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = 10 AND pid <> pg_backend_pid()",
    "SET log_min_messages = 'debug5'",
    "SET event_triggers = off",
    "CREATE ACCESS METHOD mine TYPE INDEX HANDLER bthandler",
    "CREATE CAST (text AS int) WITHOUT FUNCTION",
    "CREATE OPERATOR CLASS mine FOR TYPE int USING btree AS OPERATOR 1 <",
    "ALTER DATABASE template1 SET search_path = evil",
    "ALTER DATABASE template1 RENAME TO mine",
    "COMMENT ON DATABASE template1 IS 'mine'",
    "SECURITY LABEL ON ROLE CURRENT_USER IS 'mine'",
)
#: These it may do, and nothing comes of it: no secret in what is said, nothing outside, and nothing afterwards.
OF_NO_USE = (
    "PERFORM xmlparse(document '<!DOCTYPE a [<!ENTITY b SYSTEM \"file://{secret}\">]><a>&b;</a>')",
    "RAISE NOTICE '%', xmlparse(document '<!DOCTYPE a [<!ENTITY b SYSTEM \"file://{secret}\">]><a>&b;</a>')",
    "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = thesaurus, DictFile = '../../../../..{secret}', Dictionary = simple)",
    "ALTER ROLE CURRENT_USER SET search_path = evil, pg_catalog",
    "ALTER ROLE CURRENT_USER PASSWORD 'mine now'",
    "ALTER ROLE CURRENT_USER VALID UNTIL '2001-01-01'",
    "ALTER ROLE CURRENT_USER CONNECTION LIMIT 0",
    "EXECUTE format('ALTER DATABASE %I SET search_path = evil, pg_catalog', current_database())",
    "EXECUTE format('ALTER DATABASE %I SET local_preload_libraries = evil', current_database())",
    "EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 0', current_database())",
    "CREATE FUNCTION pg_temp.version() RETURNS text LANGUAGE sql AS 'SELECT ''mine'''; SET search_path = pg_temp",
    "CREATE SCHEMA evil; CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT ''off'''; "
    "SET search_path = evil, pg_catalog",
    "SET work_mem = '64GB'; SET temp_buffers = '1GB'; SET statement_timeout = 0",
    "CREATE ROLE left_behind LOGIN PASSWORD 'x'",
    "NOTIFY mine, 'x'",
    "PERFORM pg_advisory_lock(1)",
    "RAISE NOTICE '%', repeat('x', 10000000)",
    "PERFORM lo_from_bytea(0, 'x')",
    "RAISE NOTICE '%', (SELECT string_agg(query, ' ') FROM pg_stat_activity)",
    "RAISE NOTICE '%', (SELECT string_agg(name || setting, ' ') FROM pg_settings)",
    "RAISE NOTICE '%', (SELECT string_agg(u::text, ' ') FROM pg_shdescription u)",
    "RAISE NOTICE '%', (SELECT string_agg(u::text, ' ') FROM pg_db_role_setting u)",
    "CREATE EXTENSION IF NOT EXISTS plpgsql",
)


@dataclass(frozen=True, kw_only=True)
class Prize:
    """What is there to be taken, and who notices."""

    loot: Path
    secret: str = field(default_factory=lambda: f"canary{secrets.token_hex(8)}", repr=False)
    listener: socket.socket

    @property
    def file(self) -> Path:
        return self.loot / "secret"

    def armed(self, statement: str) -> str:
        port = self.listener.getsockname()[1]
        return (
            statement.replace("{secret}", str(self.file)).replace("{loot}", str(self.loot)).replace("{port}", str(port))
        )

    def blocks(self, statements: Sequence[str]) -> str:
        """Each put together while it runs, so that no rule sees it, and undone by itself where it is refused."""
        return "\n".join(_block(number, self.armed(each)) for number, each in enumerate(statements))

    def is_untouched(self) -> bool:
        try:
            self.listener.accept()
        except BlockingIOError:
            return sorted(path.name for path in self.loot.iterdir()) == ["secret"]
        return False


def _block(number: int, statement: str) -> str:
    """Told while it runs: the body as hexadecimal digits, run as a block of its own."""
    body = f"BEGIN {_executed(statement)} END".encode().hex()
    return (
        f"DO $b$ BEGIN EXECUTE 'DO ' || quote_literal(convert_from(decode('{body}', 'hex'), 'UTF8')); "
        f"RAISE NOTICE 'done: {number}'; EXCEPTION WHEN OTHERS THEN NULL; END $b$;"
    )


def _executed(statement: str) -> str:
    """A SELECT is run for nothing; whatever else is SQL is in place."""
    return (
        "; ".join(
            f"PERFORM * FROM ({part.strip()}) AS q" if part.strip().startswith("SELECT") else part.strip()
            for part in statement.split("; ")
        )
        + ";"
    )


@pytest.fixture
def prize(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prize]:
    loot = tmp_path_factory.mktemp("loot")
    for folder in (loot, *loot.parents):
        if folder.owner() == loot.owner() and str(folder) != "/":
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    loot.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        prize = Prize(loot=loot, listener=listener)
        prize.file.write_text(prize.secret)
        prize.file.chmod(0o644)
        yield prize


@pytest.fixture(params=["private 17", "private 15", "shared, as a role with CREATEDB", "shared, as a superuser"])
def server_url(
    request: pytest.FixtureRequest, postgres_server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str | None]:
    """Where it is rehearsed; None is a private one."""
    match request.param:
        case "private 17":
            yield None
        case "private 15":
            if (installation := localserver.system_installation()) is None:
                pytest.skip("no PostgreSQL of the operating system is installed (apt-get install postgresql)")
            monkeypatch.setenv(localserver.BIN_DIR_VARIABLE, str(installation.bin_dir))
            yield None
        case "shared, as a superuser":
            yield postgres_server.url()
        case _:
            database = OwnDatabase(name="postgres", url=postgres_server.url())
            database.query("CREATE ROLE attacked LOGIN CREATEDB PASSWORD 'x'; ALTER ROLE attacked SET work_mem = '8MB'")
            yield conninfo.make_conninfo(postgres_server.url(), user="attacked", password="x")
            database.query("DROP ROLE attacked")


def _rehearsed(folder: Path, server_url: str | None) -> list[Proof]:
    proofs: list[Proof] = []
    read = discovery.read(folder)
    report = rehearsal.of_folder(read, server_url=server_url, keep_going=True, listener=proofs.append)
    assert Report.from_dict(report.to_dict()) == report
    return proofs


def test_what_leads_out_is_refused_wherever_it_is_rehearsed(
    prize: Prize, server_url: str | None, tmp_path: Path
) -> None:
    (tmp_path / "001_hostile.sql").write_text(prize.blocks(REFUSED))
    (tmp_path / "001_rollback.sql").write_text(prize.blocks(REFUSED))
    (tmp_path / "verify_001_hostile.sql").write_text(prize.blocks(REFUSED))
    (proof,) = _rehearsed(tmp_path, server_url)
    assert proof.ran
    done = [REFUSED[int(notice.rpartition(" ")[2])] for notice in proof.up.notices if "done" in notice]
    assert done == []
    assert prize.is_untouched()
    assert _left_of_programs() == []


def test_what_it_may_do_gives_it_nothing(
    prize: Prize, server_url: str | None, tmp_path: Path, postgres_server: LocalServer
) -> None:
    before = _shared(postgres_server)
    (tmp_path / "001_hostile.sql").write_text(prize.blocks(OF_NO_USE))
    (tmp_path / "002_after.sql").write_text("CREATE TABLE after_it (id int);")
    proofs = _rehearsed(tmp_path, server_url)
    assert prize.secret not in repr(proofs)
    assert prize.is_untouched()
    assert _shared(postgres_server) == before, "roles, their settings and databases of a server that others use"
    (tmp_path / "001_hostile.sql").write_text("CREATE TABLE plain (id int);")
    assert all(proof.ran for proof in _rehearsed(tmp_path, server_url)), "the next one is not touched by it"


def _shared(server: LocalServer) -> list[tuple[object, ...]]:
    """What a rehearsal could leave on it."""
    database = OwnDatabase(name="postgres", url=server.url())
    return [
        *database.query(
            "SELECT rolname, rolsuper, rolcanlogin, rolconnlimit, rolvaliduntil, rolconfig FROM pg_roles ORDER BY 1"
        ),
        *database.query("SELECT datname FROM pg_database WHERE datname LIKE 'signalbox%'"),
        *database.query("SELECT usename FROM pg_stat_activity WHERE usename = 'attacked'"),
        *database.query("SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2"),
    ]


def _left_of_programs() -> list[str]:
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes())
        except OSError:
            continue
    return [command.decode() for command in commands if command.startswith(b"sleep\0" + b"98765\0")]


def test_planted_in_the_target_it_gets_no_further(bench: Bench, prize: Prize) -> None:
    """By somebody who owns a table, a function and the database there, in all places that an honest migration runs."""
    hostile = "\n".join(_block(number, prize.armed(each)) for number, each in enumerate(REFUSED))
    armed = (
        "CREATE OR REPLACE FUNCTION hostile() RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN {} RETURN true; END $f$;"
    )
    bench.database.query(
        armed.format("") + "CREATE TABLE plans (id int, name text);"
        "CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM public.hostile(); RETURN NEW; END';"
        "CREATE FUNCTION constant() RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT public.hostile()';"
        "CREATE FUNCTION definer() RETURNS boolean SECURITY DEFINER LANGUAGE sql AS 'SELECT public.hostile()';"
        "CREATE TRIGGER fires BEFORE INSERT ON plans FOR EACH ROW EXECUTE FUNCTION fires();"
        "ALTER TABLE plans ADD CHECK (definer()), ALTER name SET DEFAULT hostile()::text;"
        "CREATE INDEX folded ON plans (id) WHERE constant();"
        "CREATE DOMAIN checked AS int CHECK (hostile());"
        "CREATE POLICY policed ON plans USING (hostile()); ALTER TABLE plans ENABLE ROW LEVEL SECURITY;"
        "CREATE VIEW viewed AS SELECT hostile() AS a; CREATE RULE ruled AS ON UPDATE TO plans DO ALSO SELECT hostile();"
        "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS a WHERE hostile();"
        "CREATE SCHEMA evil; CREATE FUNCTION evil.count(anyelement) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';"
        f"ALTER DATABASE {bench.database.name} SET search_path = evil, pg_catalog, public;"
        # Not before there is nothing more to make: here it would be a superuser who runs it.
         + armed.format(f"EXECUTE $h$ {hostile} $h$; RAISE NOTICE 'hostile';")
    )
    bench.write(
        "001_honest.sql",
        "INSERT INTO public.plans VALUES (1, 'free'); UPDATE public.plans SET id = 2; SELECT * FROM public.viewed; "
        "ALTER TABLE public.plans ADD extra public.checked DEFAULT 1; REFRESH MATERIALIZED VIEW public.kept;",
    )
    report = rehearsal.of_plan(bench.plan(), source=bench.access, verify=verifications.read(bench.read()))
    (proof,) = report.proofs
    assert proof.up.ok, proof.up.error
    assert "NOTICE: hostile" in proof.up.notices, "it was run"
    assert [notice for notice in proof.up.notices if "done" in notice] == []
    assert prize.is_untouched()
    assert _left_of_programs() == []


# What a role of a server that others use could do to itself


def test_it_gives_itself_another_password_and_the_next_rehearsal_gets_in(
    postgres_server: LocalServer, tmp_path: Path
) -> None:
    database = OwnDatabase(name="postgres", url=postgres_server.url())
    database.query(
        "CREATE ROLE attacked LOGIN CREATEDB PASSWORD 'x'; ALTER ROLE attacked SET search_path = public, \"B c\""
    )
    database.query("ALTER ROLE attacked IN DATABASE postgres SET work_mem = '8MB'")
    url = conninfo.make_conninfo(postgres_server.url(), user="attacked", password="x")
    before = _shared(postgres_server)
    steals = (
        "ALTER ROLE CURRENT_USER PASSWORD 'mine now'",
        "ALTER ROLE CURRENT_USER RESET ALL",
        "ALTER ROLE CURRENT_USER IN DATABASE postgres SET search_path = evil",
        "ALTER ROLE CURRENT_USER IN DATABASE postgres SET work_mem = '1MB'",
    )
    (tmp_path / "001_takes.sql").write_text("\n".join(_block(n, each) for n, each in enumerate(steals)))
    (proof,) = _rehearsed(tmp_path, url)
    assert len(proof.up.notices) == len(steals), "all of it is done, and undone at the end"
    assert _shared(postgres_server) == before
    (tmp_path / "001_takes.sql").write_text("CREATE TABLE plain (id int);")
    assert _rehearsed(tmp_path, url)[0].ran
    database.query("DROP ROLE attacked")


@pytest.fixture
def attacked(postgres_server: LocalServer) -> Iterator[str]:
    database = OwnDatabase(name="postgres", url=postgres_server.url())
    database.query("CREATE ROLE attacked LOGIN CREATEDB PASSWORD 'x'")
    yield conninfo.make_conninfo(postgres_server.url(), user="attacked", password="x")
    for (name,) in database.query("SELECT datname FROM pg_database WHERE datname LIKE 'signalbox_rehearsal%'"):
        database.query(f'DROP DATABASE "{name}" WITH (FORCE)')
    database.query("DROP ROLE attacked")


def test_a_setting_that_only_a_superuser_gives_keeps_nothing_from_being_put_back(
    postgres_server: LocalServer, attacked: str, tmp_path: Path
) -> None:
    database = OwnDatabase(name="postgres", url=postgres_server.url())
    database.query(
        "ALTER ROLE attacked SET log_min_duration_statement = '5s'; ALTER ROLE attacked SET work_mem = '8MB'"
    )
    before = _shared(postgres_server)
    steals = ("RESET ALL", "SET search_path = evil", "PASSWORD 'mine now'")
    blocks = [_block(number, f"ALTER ROLE CURRENT_USER {each}") for number, each in enumerate(steals)]
    (tmp_path / "001_takes.sql").write_text("\n".join(blocks))
    assert len(_rehearsed(tmp_path, attacked)[0].up.notices) == len(steals)
    assert _shared(postgres_server) == before
    (tmp_path / "001_takes.sql").write_text("CREATE TABLE plain (id int);")
    assert _rehearsed(tmp_path, attacked)[0].ran, "its password is the one that it had"


#: Its sessions beside the one that asks.
OTHERS = "usename = CURRENT_USER AND pid <> pg_backend_pid()"


def test_it_is_put_back_by_another_session_where_the_first_was_ended(
    postgres_server: LocalServer, attacked: str, tmp_path: Path
) -> None:
    before = _shared(postgres_server)
    takes = _block(0, "ALTER ROLE CURRENT_USER SET search_path = evil")
    ends = _block(1, f"PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS}")
    (tmp_path / "001_takes.sql").write_text(f"-- signalbox: transaction=none\n{takes}\n{ends}")
    with suppress(RehearsalImpossible):  # as the server happens to end them
        _rehearsed(tmp_path, attacked)
    assert _shared(postgres_server) == before


def test_what_cannot_be_put_back_is_said(attacked: str, tmp_path: Path) -> None:
    """The session that would do it is ended, and no other gets in with the password that is known."""
    takes = _block(0, "ALTER ROLE CURRENT_USER PASSWORD 'mine now'")
    ends = _block(1, f"PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS}")
    (tmp_path / "001_takes.sql").write_text(f"-- signalbox: transaction=none\n{takes}\n{ends}")
    with pytest.raises(RehearsalImpossible) as refused:
        _rehearsed(tmp_path, attacked)
    assert "the role attacked" in str(refused.value)
    assert "its password could not be put back" in str(refused.value)
    assert "the next rehearsal would run with that" in refused.value.state_now


# What asks for its name


@pytest.mark.parametrize("server_url", ["private 17", "shared, as a superuser"], indirect=True)
def test_what_asks_for_its_name_is_proven_only_where_it_cannot_tell(server_url: str | None, tmp_path: Path) -> None:
    asks = "DO $$ BEGIN IF current_database() NOT LIKE 'signalbox%' THEN CREATE TABLE t (); END IF; END $$;"
    (tmp_path / "001_asks.sql").write_text(asks)
    (tmp_path / "002_plain.sql").write_text("CREATE TABLE plain (id int);")
    asking, plain = _rehearsed(tmp_path, server_url)
    assert plain.verdict is Verdict.PROVEN
    assert (asking.verdict, asking.because) == (
        (Verdict.PROVEN, "")
        if server_url is None
        else (
            Verdict.NOT_PROVEN,
            "it asks for current_database(), by which it can tell a rehearsal on a server that others use",
        )
    )


# More than it is given


def test_what_takes_too_much_memory_is_not_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with its process, and not with the one that asked, nor with the server's others."""
    monkeypatch.setattr(apart, "MODULE", "tests.engine.little_memory")
    (tmp_path / "001_large.sql").write_text(
        "DO $$ DECLARE a text[] := '{}'; BEGIN FOR n IN 1..64 LOOP a := a || repeat('x', 10000000); END LOOP; END $$;"
    )
    (tmp_path / "002_after.sql").write_text("CREATE TABLE after_it (id int);")
    large, after = _rehearsed(tmp_path, None)
    assert large.verdict is Verdict.NOT_PROVEN
    assert large.because.startswith("it took more memory, disk or room than a rehearsal is given here")
    assert after.verdict is Verdict.PROVEN


# Without the right to make roles


@pytest.mark.parametrize("server_url", ["private 15"], indirect=True)
@pytest.mark.parametrize("hidden", [False, True], ids=["plain", "in text"])
def test_on_a_server_of_15_a_migration_that_makes_a_role_is_not_proven(
    server_url: None, tmp_path: Path, hidden: bool
) -> None:
    script = "CREATE ROLE reporting NOLOGIN;"
    (tmp_path / "001_role.sql").write_text(f"DO $$ BEGIN EXECUTE '{script}'; END $$;" if hidden else script)
    (proof,) = _rehearsed(tmp_path, server_url)
    assert proof.verdict is Verdict.NOT_PROVEN
    assert proof.because.startswith(
        "nothing makes a role in a rehearsal on PostgreSQL 15, where the right to make roles"
    )
    assert "make the role on the target beforehand" in proof.because
    assert "superuser" not in proof.because


@pytest.mark.parametrize("server_url", ["private 15", "private 17"], indirect=True)
def test_no_role_of_a_rehearsal_can_give_itself_the_right_to_run_programs(server_url: None, tmp_path: Path) -> None:
    (tmp_path / "001_who.sql").write_text(
        "DO $$ BEGIN RAISE NOTICE '% %', current_setting('server_version_num')::int / 10000, "
        "(SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user); END $$;"
    )
    (proof,) = _rehearsed(tmp_path, server_url)
    assert proof.up.notices in [("NOTICE: 15 f",), ("NOTICE: 17 t",)]
