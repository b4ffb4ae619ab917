"""Files on which a tool and a reader of its folders easily part, by tool, and how the two part where they do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

type Files = Mapping[str, str]


class Parting(Enum):
    """How a tool and Signalbox part over a folder."""

    NOT = auto()  # both make the same of it, or both refuse it
    REFUSED_HERE = auto()  # the tool runs it, perhaps in a way that nobody wants; here it is an error
    WARNED = auto()  # both run it, and a warning says what the tool does otherwise
    RUNS_HERE = auto()  # the tool refuses it or fails, over a form that leaves no doubt of what is meant
    COMMENTS = auto()  # the tool takes comments out of what it sends


BODY = """CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN 'a;b'; -- and; more
END
$$;
"""

JOURNAL = '{"entries": [{"idx": 0, "when": 1, "tag": "0000_a", "breakpoints": true}]}'
PROJECT = "%syntax-version=1.0.0\n%project=shop\n\n"
FORMATTED = "--liquibase formatted sql\n"

QUIRKS: Mapping[str, Mapping[str, Files]] = {
    "dbmate": {
        "no down half": {"1_a.sql": "-- migrate:up\nCREATE TABLE a (id int);\n"},
        "a statement above": {"1_a.sql": "SELECT 1;\n-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\n"},
        "a block comment above": {"1_a.sql": "/* x */\n-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\n"},
        "several pairs": {
            "1_a.sql": "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\nDROP TABLE a;\n"
            "-- migrate:up\nCREATE TABLE b (id int);\n-- migrate:down\nDROP TABLE b;\n"
        },
        "two down halves": {"1_a.sql": "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\n-- migrate:down\n"},
        "down first": {"1_a.sql": "-- migrate:down\nDROP TABLE a;\n-- migrate:up\nCREATE TABLE a (id int);\n"},
        "Windows": {"1_a.sql": "-- migrate:up\r\nCREATE TABLE a (id int);\r\n-- migrate:down\r\nDROP TABLE a;\r\n"},
        "a mark in a string": {
            "1_a.sql": "-- migrate:up\nCREATE TABLE a (t text);\nINSERT INTO a VALUES ('\n-- migrate:down');\n"
            "-- migrate:down\nDROP TABLE a;\n"
        },
        "an indented mark": {
            "1_a.sql": "  -- migrate:up\nCREATE TABLE a (id int);\n  -- migrate:down\nDROP TABLE a;\n"
        },
        "not quite a mark": {
            "1_a.sql": "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:downward\nDROP TABLE a;\n-- migrate:down\n"
        },
        "options": {
            "1_a.sql": "-- migrate:up x:y transaction:false z\nCREATE TABLE a (id int);\n-- migrate:down\n",
            "2_b.sql": "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY a_i ON a (id);\n-- migrate:down\n",
        },
        "an option with a blank": {
            "1_a.sql": "-- migrate:up transaction: false\nCREATE TABLE a (id int);\n-- migrate:down\n",
        },
        "its own transaction": {
            "1_a.sql": "-- migrate:up\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n-- migrate:down\nDROP TABLE a;\n"
        },
        "a byte order mark": {"1_a.sql": "\ufeff-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\n"},
        "names": {
            "1.sql": "-- migrate:up\nCREATE TABLE a (id int);\n-- migrate:down\n",
            "2-b.sql": "-- migrate:up\nCREATE TABLE b (id int);\n-- migrate:down\n",
            "3c.sql": "-- migrate:up\nCREATE TABLE c (id int);\n-- migrate:down\n",
            "README.md": "x",
        },
        "a function": {"1_a.sql": f"-- migrate:up\n{BODY}-- migrate:down\nDROP FUNCTION f();\n"},
    },
    "node-pg-migrate": {
        "down alone": {"1_a.sql": "CREATE TABLE a (id int);\n-- Down Migration\nDROP TABLE a;\n"},
        "down first": {"1_a.sql": "-- Down Migration\nDROP TABLE a;\n-- Up Migration\nCREATE TABLE a (id int);\n"},
        "above both": {
            "1_a.sql": "CREATE TABLE z (id int);\n-- Up Migration\nCREATE TABLE a (id int);\n-- Down Migration\n"
        },
        "hyphens": {
            "1_a.sql": "  ------ - up     migration of a\nCREATE TABLE a (id int);\n--down migration\nDROP TABLE a;\n"
        },
        "a mark in a string": {
            "1_a.sql": "-- Up Migration\nCREATE TABLE a (t text);\nINSERT INTO a VALUES ('\n-- Down Migration');\n"
        },
        "a number of a day": {
            "20230101000000000_a.sql": "CREATE TABLE IF NOT EXISTS a (t text); INSERT INTO a VALUES ('a');\n",
            "1704067200000_b.sql": "CREATE TABLE IF NOT EXISTS a (t text); INSERT INTO a VALUES ('b');\n",
        },
        "numbers": {
            "1_a.sql": "CREATE TABLE a (t text); INSERT INTO a VALUES ('1');\n",
            "2_a.sql": "INSERT INTO a VALUES ('2');\n",
            "10_a.sql": "INSERT INTO a VALUES ('10');\n",
        },
        "the same mark twice": {
            "1_a.sql": "-- Up Migration\nCREATE TABLE a (id int);\n-- Up Migration\nCREATE TABLE b (id int);\n"
            "-- Down Migration\nDROP TABLE a;\n"
        },
        "its own transaction": {"1_a.sql": "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n"},
        "an equal number": {
            "1_b.sql": "CREATE TABLE b (id int);\n",
            "1_a.sql": "CREATE TABLE a (id int);\n",
        },
    },
    "sqlx": {
        "more behind the mark": {
            "1_a.sql": "CREATE TABLE a (id int);\n",
            "2_b.sql": "-- no-transaction, please\nCREATE INDEX CONCURRENTLY a_i ON a (id);\n",
        },
        "no blank": {
            "1_a.sql": "CREATE TABLE a (id int);\n",
            "2_b.sql": "--no-transaction\nCREATE INDEX CONCURRENTLY a_i ON a (id);\n",
        },
        "numbers": {
            "1_a.sql": "CREATE TABLE a (t text); INSERT INTO a VALUES ('1');\n",
            "2_a.sql": "-- no-transaction\nINSERT INTO a VALUES ('2');\n",
            "10_a.sql": "INSERT INTO a VALUES ('10');\n",
        },
        "the same number": {"1_a.sql": "-- no-transaction\nSELECT 1;\n", "01_b.sql": "SELECT 2;\n"},
        "its own transaction": {"1_a.sql": "-- x\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n"},
        "other files": {"1_a.sql": "CREATE TABLE a (id int);\n", "README.md": "x", "notes.sql": "CREATE TABLE n ();\n"},
    },
    "yoyo": {
        "two lines of depends": {
            "1_a.sql": "-- depends:\nCREATE TABLE a (id int);\n",
            "2_b.sql": "-- depends: 1_a\nCREATE TABLE b (id int);\n",
            "3_c.sql": "-- depends: 1_a\n-- depends: 2_b\nCREATE TABLE c (id int);\n",
        },
        "depends on what is not there": {"1_a.sql": "-- depends: 0_z\nCREATE TABLE a (id int);\n"},
        "depends on a later one": {
            "1_a.sql": "-- depends: 2_b\nINSERT INTO b VALUES (1);\n",
            "2_b.sql": "-- depends:\nCREATE TABLE b (id int);\n",
        },
        "numbers": {
            "1_a.sql": "-- depends:\nCREATE TABLE a (t text); INSERT INTO a VALUES ('1');\n",
            "2_a.sql": "-- depends: 1_a\nINSERT INTO a VALUES ('2');\n",
            "10_a.sql": "-- depends: 1_a\nINSERT INTO a VALUES ('10');\n",
        },
        "a hook": {
            "1_a.sql": "-- depends:\nCREATE TABLE a (id int);\n",
            "post-apply.sql": "INSERT INTO a VALUES (1);\n",
        },
        "a directive below": {
            "1_a.sql": "-- depends:\nCREATE TABLE a (id int);\n",
            "2_b.sql": "CREATE TABLE b (id int);\n-- transactional: false\nCREATE INDEX CONCURRENTLY a_i ON a (id);\n",
        },
        "capitals": {
            "1_a.sql": "-- depends:\nCREATE TABLE a (id int);\n",
            "2_b.sql": "--Transactional: FALSE\nCREATE TABLE b (id int);\n",
            "3_c.sql": "--transactional:FALSE\nCREATE INDEX CONCURRENTLY a_i ON a (id);\n",
        },
        "its own transaction": {"1_a.sql": "-- depends:\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n"},
        "a standard body": {
            "1_a.sql": "-- depends:\nCREATE FUNCTION g() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;\n"
        },
        "percent": {"1_a.sql": "-- depends:\nCREATE TABLE a (t text);\nINSERT INTO a VALUES ('100 %s %% %');\n"},
    },
    "supabase": {
        "short numbers": {
            "supabase/migrations/1_a.sql": "create table a (t text);\ninsert into a values ('1');\n",
            "supabase/migrations/2_a.sql": "insert into a values ('2');\n",
            "supabase/migrations/10_a.sql": "insert into a values ('10');\n",
        },
        "concurrently alone": {
            "supabase/migrations/1_a.sql": "create table a (id int);\n",
            "supabase/migrations/2_a.sql": "create index concurrently a_i on a (id);\n",
        },
        "other files": {
            "supabase/migrations/1_a.sql": "create table a (id int);\n",
            "supabase/migrations/notes.sql": "create table n (id int);\n",
            "supabase/migrations/README.md": "x",
            "supabase/seed.sql": "insert into a values (1);\n",
        },
        "dollars": {
            "supabase/migrations/1_a.sql": "create table a (t text);\n"
            "insert into a values (E'\\';'), ($x$;$$;$x$); -- ;"
        },
        "an old first file": {
            "supabase/migrations/20200101000000_init.sql": "create table old (id int);\n",
            "supabase/migrations/20240101000000_a.sql": "create table a (id int);\n",
        },
    },
    "prisma": {
        "short numbers": {
            "migrations/1_a/migration.sql": "CREATE TABLE a (t text); INSERT INTO a VALUES ('1');\n",
            "migrations/2_a/migration.sql": "INSERT INTO a VALUES ('2');\n",
            "migrations/10_a/migration.sql": "INSERT INTO a VALUES ('10');\n",
        },
        "a number twice": {
            "migrations/20240101000000_b/migration.sql": "CREATE TABLE a (t text);\n",
            "migrations/20240102000000_b/migration.sql": "INSERT INTO a SELECT 'b ' || count(*) FROM a;\n",
            "migrations/20240102000000_a/migration.sql": "INSERT INTO a SELECT 'a ' || count(*) FROM a;\n",
            "migrations/20240103000000_a/migration.sql": "INSERT INTO a SELECT 'c ' || count(*) FROM a;\n",
        },
        "a day among times": {
            "migrations/20240101120000_b/migration.sql": "CREATE TABLE a (t text);\n",
            "migrations/20240101_a/migration.sql": "INSERT INTO a SELECT 'a ' || count(*) FROM a;\n",
            "migrations/202401011301_b/migration.sql": "INSERT INTO a SELECT 'b ' || count(*) FROM a;\n",
            "migrations/20240102000000_c/migration.sql": "INSERT INTO a SELECT 'c ' || count(*) FROM a;\n",
        },
        "concurrently alone": {
            "migrations/1_a/migration.sql": "CREATE TABLE a (id int);\n",
            "migrations/2_a/migration.sql": "CREATE INDEX CONCURRENTLY a_i ON a (id);\n",
        },
    },
    "drizzle": {
        "another breakpoint": {
            "migrations/meta/_journal.json": JOURNAL,
            "migrations/0000_a.sql": "CREATE TABLE a (id int)\n-->  statement-breakpoint\nCREATE TABLE b (id int)\n",
        },
        "a breakpoint in a comment": {
            "migrations/meta/_journal.json": JOURNAL,
            "migrations/0000_a.sql": "CREATE TABLE a (); -- x --> statement-breakpoint\nCREATE TABLE b ();\n",
        },
        "breakpoints that are off": {
            "migrations/meta/_journal.json": JOURNAL.replace("true", "false"),
            "migrations/0000_a.sql": "CREATE TABLE a (id int)\n--> statement-breakpoint\nCREATE TABLE b (id int)\n",
        },
    },
    "sqitch": {
        "reworked": {
            "sqitch.plan": PROJECT + "f 2024-01-01T00:00:00Z A <a@b.c>\n"
            "@v1 2024-01-01T00:00:01Z A <a@b.c>\n\nf [f@v1] 2024-01-02T00:00:00Z A <a@b.c>\n",
            "deploy/f@v1.sql": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE TABLE t (i int);\n",
            "deploy/f.sql": "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';\n",
        },
        "requires what is not there": {
            "sqitch.plan": PROJECT + "a [z] 2024-01-01T00:00:00Z A <a@b.c>\n",
            "deploy/a.sql": "CREATE TABLE a (id int);\n",
        },
        "a conflict": {
            "sqitch.plan": PROJECT + "b 2024-01-01T00:00:00Z A <a@b.c>\na [!b] 2024-01-01T00:00:00Z A <a@b.c>\n",
            "deploy/a.sql": "CREATE TABLE a (id int);\n",
            "deploy/b.sql": "CREATE TABLE b (id int);\n",
        },
    },
    "liquibase": {
        "dollars": {
            "changes/1_a.sql": FORMATTED + f"--changeset x:1\n{BODY}--rollback DROP FUNCTION f();\n",
        },
        "blanks, blocks and strings": {
            "changes/1_a.sql": "-- liquibase formatted sql\n\n-- changeset x:1 \nCREATE TABLE a (t text);\n"
            '-- changeset "A B":"2 3" \nINSERT INTO a VALUES (\'2\');\n--rollback DELETE FROM a;\n',
            "changes/2_b.sql": FORMATTED + "--changeset x:1\nCREATE TABLE b (id int);\n"
            "/* liquibase rollback\nDROP TABLE b;\n*/\n",
            "changes/3_c.sql": FORMATTED + "--changeset x:1\n"
            "INSERT INTO a VALUES ('a;b'), ('it''s; -- x'), (E'\\';');\nINSERT INTO a VALUES ('/* ; */');\n",
        },
    },
}

#: What is not here is read in one way by both.
PARTINGS: Mapping[tuple[str, str], Parting] = {
    ("dbmate", "no down half"): Parting.RUNS_HERE,
    ("dbmate", "several pairs"): Parting.WARNED,
    ("dbmate", "an option with a blank"): Parting.REFUSED_HERE,
    ("dbmate", "its own transaction"): Parting.RUNS_HERE,
    ("dbmate", "a byte order mark"): Parting.RUNS_HERE,
    ("node-pg-migrate", "down alone"): Parting.REFUSED_HERE,
    ("node-pg-migrate", "above both"): Parting.REFUSED_HERE,
    ("node-pg-migrate", "a number of a day"): Parting.WARNED,
    ("node-pg-migrate", "the same mark twice"): Parting.REFUSED_HERE,
    ("node-pg-migrate", "an equal number"): Parting.REFUSED_HERE,
    ("sqlx", "no blank"): Parting.RUNS_HERE,
    ("sqlx", "other files"): Parting.REFUSED_HERE,
    ("yoyo", "depends on a later one"): Parting.REFUSED_HERE,
    ("yoyo", "numbers"): Parting.WARNED,
    ("yoyo", "a hook"): Parting.WARNED,
    ("supabase", "short numbers"): Parting.WARNED,
    ("supabase", "other files"): Parting.REFUSED_HERE,
    ("prisma", "short numbers"): Parting.WARNED,
    ("liquibase", "dollars"): Parting.COMMENTS,
}
