"""Files as they come from people, editors and enemies: each is refused, with nothing sent, or runs as it is shown."""

from __future__ import annotations

import pytest

from dashboard.engine import errors
from dashboard.engine.migration import MigrationId
from dashboard.engine.run.events import StatementFinished
from tests.engine.folders import Bench
from tests.faults import outside
from tests.fix_faults import Tally

TABLE = b"CREATE TABLE shown (id int);\n"

#: What must not run, and must leave nothing. Where only the server can tell, it is the transaction that saves us.
REFUSED: dict[str, bytes] = {
    "NUL between statements": TABLE + b"\0CREATE TABLE hidden (id int);",
    "NUL in a comment": b"-- \0\n" + TABLE,
    "NUL in a string": b"SELECT 'a\0b';",
    "lone CR ends a comment": b"-- harmless\rCREATE TABLE hidden (id int);\n",
    "lone CR between words": b"CREATE\rTABLE hidden (id int);",
    "vertical tab": b"CREATE TABLE\x0bhidden (id int);",
    "next line": "-- harmless\x85CREATE TABLE hidden (id int);\n".encode(),
    "line separator": "-- SET x\u2028CREATE TABLE hidden (id int);\nSELECT 1;".encode(),
    "paragraph separator": "-- SET x\u2029CREATE TABLE hidden (id int);\nSELECT 1;".encode(),
    "file separator": b"-- a\x1cCREATE TABLE hidden (id int);\nSELECT 1;",
    "bidi override": "-- \u202e;(di tni) neddih ELBAT ETAERC\n".encode() + TABLE,
    "bidi isolate": "SELECT 1; -- \u2066 admin only \u2069\n".encode(),
    "bidi mark in a name": "CREATE TABLE a\u200fb (id int);".encode(),
    "zero width space in a name": "CREATE TABLE users\u200b (id int);".encode(),
    "zero width joiner in a name": "CREATE TABLE us\u200ders (id int);".encode(),
    "soft hyphen in a name": "CREATE TABLE us\u00aders (id int);".encode(),
    "byte order mark in the middle": TABLE + "\ufeffCREATE TABLE hidden (id int);".encode(),
    "escape": b"-- \x1b[2K\n" + TABLE,
    "backspace": b"-- x\x08\x08\x08\n" + TABLE,
    "utf-16 little endian": TABLE.decode().encode("utf-16"),
    "utf-16 big endian": b"\xfe\xff" + TABLE.decode().encode("utf-16-be"),
    "utf-32": TABLE.decode().encode("utf-32"),
    "latin-1": "COMMENT ON SCHEMA public IS 'caf\xe9';".encode("latin-1"),
    "overlong": b"SELECT '\xc0\xbb';",
    "surrogates": b"SELECT '\xed\xa0\x80';",
    "cut in a character": "SELECT 'é".encode()[:-1],
    "include": b"\\i other.sql\n" + TABLE,
    "client copy": b"\\copy shown from 'x'\n",
    "reconnect": b"\\connect other\n" + TABLE,
    "shell": b"\\! rm -rf /\n" + TABLE,
    "restrict": b"\\restrict abc\n" + TABLE,
    "execute what is selected": b"SELECT 'DROP TABLE x' \\gexec\n",
    "psql variable": b"SELECT :'secret';",
    "rows in the file": TABLE + b"COPY shown FROM STDIN;\n1\n2\n\\.\n",
    "rows to nowhere": TABLE + b"COPY shown TO STDOUT;",
    "placeholder": b"GRANT ALL ON SCHEMA public TO ${ROLE};",
    "template": b"CREATE TABLE {{ name }} (id int);",
    "open string": TABLE + b"SELECT 'never closed;\n",
    "open dollar quote": TABLE + b"SELECT $a$ never closed $b$;",
    "open comment": TABLE + b"/* /* */ never closed",
    "open name": TABLE + b'SELECT "never closed;',
    "commit": TABLE + b"COMMIT;\nCREATE TABLE hidden (id int);",
    "end": TABLE + b"END;",
    "commit and chain": b"BEGIN;\n" + TABLE + b"COMMIT AND CHAIN;\nCREATE TABLE hidden (id int);\nCOMMIT;",
    "two transactions": b"BEGIN;\n" + TABLE + b"COMMIT;\nBEGIN;\nCREATE TABLE hidden (id int);\nCOMMIT;",
    "rollback": TABLE + b"ROLLBACK;\nCREATE TABLE hidden (id int);",
    "rollback and chain": b"BEGIN;\n" + TABLE + b"ROLLBACK AND CHAIN;\nCREATE TABLE hidden (id int);\nCOMMIT;",
    "begin alone": b"BEGIN;\n" + TABLE,
    "prepare transaction": TABLE + b"PREPARE TRANSACTION 'x';",
    "set transaction": b"SET TRANSACTION READ ONLY;\n" + TABLE,
    "commit in a block": TABLE + b"DO $$ BEGIN COMMIT; END $$;",
    "commit in a procedure": TABLE + b"CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; CALL p();",
    "commit behind a comment": TABLE + b"/* /* ' */ $$ */ commit -- ' \n;CREATE TABLE hidden (id int);",
    "concurrently among others": TABLE + b"CREATE INDEX CONCURRENTLY i ON shown (id);",
    "vacuum among others": TABLE + b"VACUUM shown;",
    "concurrently in a transaction": b"BEGIN;\nCREATE INDEX CONCURRENTLY i ON pg_class (relname);\nCOMMIT;",
    "a string that ends elsewhere": b"SET standard_conforming_strings = off;\n"
    b"SELECT 'a\\'; CREATE TABLE hidden (id int); --';",
    "an encoding of its own": b"SET client_encoding = 'SJIS';\nSELECT '\xc3\xa9';\nSELECT 1/0;",
    "history written": TABLE + b"DELETE FROM platform.schema_migrations;",
    "locks released, then an error": b"SELECT pg_advisory_unlock_all();\n" + TABLE + b"SELECT 1/0;",
    "discard all": TABLE + b"DISCARD ALL;",
    "forged deadlock": TABLE + b"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$;",
    "a long error": TABLE + b"DO $$ BEGIN RAISE EXCEPTION '%', repeat('A', 20000000); END $$;",
    "too many statements": b"SELECT 1;\n" * 5001,
    "too large": TABLE + b"-- " + b"x" * (2 * 1024 * 1024),
    "brackets ten thousand deep": b"SELECT " + b"(" * 10_000 + b"1" + b")" * 10_000 + b";",
    "unknown directive": b"-- signalbox: transactoin=none\n" + TABLE,
}

#: What looks odd and is right: it runs whole, and as many statements are shown as are sent.
HARMLESS: dict[str, bytes] = {
    "byte order mark": b"\xef\xbb\xbf" + TABLE,
    "windows line ends": TABLE.replace(b"\n", b"\r\n"),
    "a transaction of its own": b"BEGIN;\n" + TABLE + b"COMMIT;\n",
    "percent signs": TABLE + b"SELECT 5 % 3, '100%', '%s' LIKE '2%';",
    "braces": TABLE + b"""SELECT '{"a": 1}'::jsonb, '{1,2}'::int[];""",
    "semicolons everywhere": TABLE + b";;SELECT ';', $$;$$, ';' AS \";\"; /* ; */ -- ;\n;",
    "nested comments": b"/* /* ; */ ' */" + TABLE,
    "atomic body": TABLE + b"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;",
    "rule with two actions": TABLE + b"CREATE RULE r AS ON INSERT TO shown DO ALSO (SELECT 1; SELECT 2);",
    "no-break space in a string": TABLE + "SELECT 'a\u00a0b';".encode(),
    "family emoji in a string": TABLE + "SELECT '\U0001f468\u200d\U0001f469\u200d\U0001f467';".encode(),
    "letters of another script": TABLE + "CREATE TABLE пользователи (id int);".encode(),
    "no last semicolon": TABLE.rstrip(b";\n"),
    "a long line": TABLE + b"SELECT '" + b"x" * 100_000 + b"';",
    "set role and leave it": TABLE + b"SET ROLE pg_monitor;",
    "search path emptied": b"SELECT set_config('search_path', '', false);\nCREATE TABLE public.shown (id int);",
    "savepoints": b"SAVEPOINT a;\nCREATE TABLE hidden (id int);\nROLLBACK TO a;\n" + TABLE,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_leaves_nothing(
    name: str, lasting_bench: Bench, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    target = lasting_bench
    monkeypatch.setattr("dashboard.engine.run.transactional.FIRST_PAUSE", 0.01)
    before = outside.catalog(target.database), outside.history(target.database)
    (target.folder / "002_hostile.sql").write_bytes(REFUSED[name])
    with pytest.raises(errors.EngineError) as caught:
        target.apply(run_id="2")
    tally.part = "hostile files"
    tally.add(refused=1)
    assert (outside.catalog(target.database), outside.history(target.database)) == before
    assert caught.value.next_step, "it says what to do"
    assert len(str(caught.value)) < 10_000


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_file_runs_as_it_is_shown(name: str, bench: Bench, tally: Tally) -> None:
    target = bench
    (target.folder / "001_odd.sql").write_bytes(HARMLESS[name])
    shown = target.read().find(MigrationId("001", "odd"))
    assert shown is not None
    controls = sum(s.control is not None for s in shown.up.statements)
    target.apply()
    tally.part = "hostile files"
    tally.add(harmless=1)
    sent = [event for event in target.events if isinstance(event, StatementFinished)]
    assert len(sent) == len(shown.up.statements) - controls
    assert "public.shown" in target.tables()
    assert "public.hidden" not in target.tables()
