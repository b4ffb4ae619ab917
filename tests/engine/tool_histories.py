"""A folder of each tool and the table that the tool makes for it, with the tool's own DDL. Two of three migrations are
applied, unless it says otherwise."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass

from dashboard.engine.files.formats import flyway, graphile_migrate
from tests.engine.folders import summed

A, B, C = "CREATE TABLE a (id int);\n", "CREATE TABLE b (id int);\n", "CREATE TABLE c (id int);\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`expected`: certainty and text of each applied file, by its label."""

    tool: str
    files: dict[str, str]
    ddl: str
    expected: dict[str, tuple[str, str]]
    schema: str = ""
    waiting: tuple[str, ...] = ()
    has_times: bool = True
    folder_format: str = ""

    @property
    def place(self) -> str:
        return self.schema or f"of_{self.tool.replace('-', '_')}"


def sha(name: str, text: str) -> str:
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()


def _marked(up: str) -> str:
    return f"-- migrate:up\n{up}\n-- migrate:down\nDROP TABLE x;\n"


def _graphile(previous: str, body: str) -> tuple[str, str]:
    draft = f"--! Previous: {previous}\n--! Hash: x\n\n{body}"
    hashed = graphile_migrate.native_checksum(draft.encode())
    return draft.replace("Hash: x", f"Hash: {hashed}"), hashed


G1, H1 = _graphile("-", A)
G2, H2 = _graphile(H1, B)
G3, _ = _graphile(H2, C)


def _atlas(*files: tuple[str, str]) -> str:
    return b64encode(hashlib.sha256("".join(n + t for n, t in files).encode()).digest()).decode()


CASES = [
    Case(
        tool="flyway",
        files={"V1__a.sql": A, "V1.1__b.sql": B, "V2__c.sql": C, "R__v.sql": A},
        ddl=f"""
        CREATE TABLE flyway_schema_history (
            installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL,
            type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INTEGER,
            installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT now(),
            execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL);
        ALTER TABLE flyway_schema_history ADD CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank);
        INSERT INTO flyway_schema_history VALUES
            (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', 'x', NULL, 'bob', now(), 0, true),
            (1, '1', 'a', 'SQL', 'V1__a.sql', {flyway.native_checksum(A.encode())}, 'bob', now(), 3, true),
            (2, '1.1', 'b', 'SQL', 'V1.1__b.sql', 7, 'bob', now(), 3, true),
            (3, '2', 'c', 'SQL', 'V2__c.sql', 9, 'bob', now(), 3, true),
            (4, '2', 'c', 'UNDO_SQL', 'U2__c.sql', 9, 'bob', now(), 3, true),
            (5, NULL, 'v', 'SQL', 'R__v.sql', 5, 'bob', now(), 3, true),
            (6, NULL, 'v', 'SQL', 'sql/R__v.sql', {flyway.native_checksum(A.encode())}, 'bob', now(), 3, true);
        """,
        expected={"1_a": ("exact", "same"), "1.1_b": ("exact", "differs"), "R__v": ("exact", "same")},
        waiting=("2_c",),
    ),
    Case(
        tool="dbmate",
        files={f"2024010100000{n}_{n}.sql": _marked(A) for n in "123"},
        ddl="""
        CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
        INSERT INTO schema_migrations VALUES ('20240101000001'), ('20240101000002');
        """,
        expected={"20240101000001_1": ("exact", "unknown"), "20240101000002_2": ("exact", "unknown")},
        waiting=("20240101000003_3",),
        has_times=False,
    ),
    Case(
        tool="golang-migrate",
        files={f"00000{n}_t.{way}.sql": A for n in "123" for way in ("up", "down")},
        ddl="""
        CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
        INSERT INTO schema_migrations VALUES (2, false);
        """,
        expected={"000001_t": ("inferred", "unknown"), "000002_t": ("exact", "unknown")},
        waiting=("000003_t",),
        has_times=False,
    ),
    Case(
        tool="supabase",
        schema="supabase_migrations",
        folder_format="supabase",
        files={f"2024010100000{n}_t.sql": A for n in "123"},
        ddl="""
        CREATE TABLE schema_migrations (version text NOT NULL PRIMARY KEY);
        ALTER TABLE schema_migrations ADD COLUMN statements text[];
        ALTER TABLE schema_migrations ADD COLUMN name text;
        INSERT INTO schema_migrations VALUES ('20240101000001', '{SELECT 1}', 't'), ('20240101000002', NULL, NULL);
        """,
        expected={"20240101000001_t": ("exact", "unknown"), "20240101000002_t": ("exact", "unknown")},
        waiting=("20240101000003_t",),
        has_times=False,
    ),
    Case(
        tool="sqitch",
        files={
            "sqitch.plan": "%syntax-version=1.0.0\n%project=shop\n\n"
            "users 2024-01-01T00:00:00Z A <a@b> # x\n@v1 2024-01-02T00:00:00Z A <a@b> # tag\n"
            "orders [users] 2024-01-03T00:00:00Z A <a@b> # y\n"
            "users [users@v1] 2024-01-04T00:00:00Z A <a@b> # again\n",
            "deploy/users@v1.sql": A,
            "deploy/orders.sql": B,
            "deploy/users.sql": C,
        },
        ddl=f"""
        CREATE TABLE projects (project TEXT PRIMARY KEY, uri TEXT NULL UNIQUE, created_at TIMESTAMPTZ NOT NULL,
            creator_name TEXT NOT NULL, creator_email TEXT NOT NULL);
        CREATE TABLE changes (change_id TEXT PRIMARY KEY, script_hash TEXT NULL, change TEXT NOT NULL,
            project TEXT NOT NULL REFERENCES projects(project), note TEXT NOT NULL DEFAULT '',
            committed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(), committer_name TEXT NOT NULL,
            committer_email TEXT NOT NULL, planned_at TIMESTAMPTZ NOT NULL, planner_name TEXT NOT NULL,
            planner_email TEXT NOT NULL, UNIQUE (project, script_hash));
        INSERT INTO projects VALUES ('shop', NULL, now(), 'a', 'b'), ('other', NULL, now(), 'a', 'b');
        INSERT INTO changes VALUES
            ('1', '{sha("sha1", A)}', 'users', 'shop', '', '2024-02-01Z', 'Ann', 'x', now(), 'y', 'z'),
            ('2', '{sha("sha1", "old")}', 'orders', 'shop', '', '2024-02-02Z', 'Ann', 'x', now(), 'y', 'z'),
            ('3', '{sha("sha1", "theirs")}', 'users', 'other', '', '2024-02-03Z', 'Ann', 'x', now(), 'y', 'z');
        """,
        expected={"0001_users": ("exact", "same"), "0002_orders": ("exact", "differs")},
        waiting=("0003_users",),
    ),
    Case(
        tool="liquibase",
        files={
            "001_first.sql": "--liquibase formatted sql\n--changeset ann:1\n" + A + "--changeset ann:two\n" + B,
            "002_second.sql": "--liquibase formatted sql\n--changeset bob:1\n" + C,
        },
        ddl="""
        CREATE TABLE databasechangelog (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL,
            FILENAME VARCHAR(255) NOT NULL, DATEEXECUTED TIMESTAMP WITHOUT TIME ZONE NOT NULL,
            ORDEREXECUTED INTEGER NOT NULL, EXECTYPE VARCHAR(10) NOT NULL, MD5SUM VARCHAR(35),
            DESCRIPTION VARCHAR(255), COMMENTS VARCHAR(255), TAG VARCHAR(255), LIQUIBASE VARCHAR(20),
            CONTEXTS VARCHAR(255), LABELS VARCHAR(255), DEPLOYMENT_ID VARCHAR(10));
        INSERT INTO databasechangelog VALUES
            ('1', 'ann', 'db/001_first.sql', now(), 1, 'EXECUTED', '9:aa', '', '', NULL, '4', NULL, NULL, '1'),
            ('two', 'ann', 'db/001_first.sql', now(), 2, 'MARK_RAN', '9:bb', '', '', NULL, '4', NULL, NULL, '1');
        """,
        expected={"001.1_ann-1": ("exact", "unknown"), "001.2_ann-two": ("exact", "unknown")},
        waiting=("002.1_bob-1",),
    ),
    Case(
        tool="diesel",
        files={f"2024-01-0{n}-000000_t/{way}.sql": A for n in "123" for way in ("up", "down")},
        ddl="""
        CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,
            run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO __diesel_schema_migrations (version) VALUES ('20240101000000'), ('20240102000000');
        """,
        expected={"20240101000000_t": ("exact", "unknown"), "20240102000000_t": ("exact", "unknown")},
        waiting=("20240103000000_t",),
    ),
    Case(
        tool="prisma",
        files={
            "migration_lock.toml": 'provider = "postgresql"\n',
            "20240101000000_a/migration.sql": A,
            "20240102000000_b/migration.sql": B,
            "20240103000000_c/migration.sql": C,
        },
        ddl=f"""
        CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL,
            finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
            started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0);
        INSERT INTO _prisma_migrations VALUES
            ('1', '{sha("sha256", A)}', now(), '20240101000000_a', NULL, NULL, '2024-01-01Z', 1),
            ('2', 'zz', NULL, '20240102000000_b', 'oh', now(), '2024-01-02Z', 0),
            ('3', 'edited', now(), '20240102000000_b', NULL, NULL, '2024-01-03Z', 1),
            ('4', 'zz', NULL, '20240103000000_c', 'oh', now(), '2024-01-04Z', 0);
        """,
        expected={"20240101000000_a": ("exact", "same"), "20240102000000_b": ("exact", "differs")},
        waiting=("20240103000000_c",),
    ),
    Case(
        tool="drizzle",
        files={
            "meta/_journal.json": '{"entries": [{"idx": 0, "when": 1700000000000, "tag": "0000_a"},'
            ' {"idx": 1, "when": 1700000000001, "tag": "0001_b"}, {"idx": 2, "when": 1700000000002, "tag": "0002_c"}]}',
            "0000_a.sql": A,
            "0001_b.sql": B,
            "0002_c.sql": C,
        },
        ddl=f"""
        CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint);
        INSERT INTO __drizzle_migrations (hash, created_at) VALUES
            ('{sha("sha256", A)}', 1), ('edited', 1700000000001);
        """,
        expected={"0000_a": ("exact", "same"), "0001_b": ("exact", "differs")},
        waiting=("0002_c",),
        has_times=False,
    ),
    Case(
        tool="drizzle",
        schema="drizzle",
        files={
            "20240101000000_a/migration.sql": A,
            "20240101000000_a/snapshot.json": "{}",
            "20240102000000_b/migration.sql": B,
            "20240102000000_b/snapshot.json": "{}",
        },
        ddl=f"""
        CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint,
            name text, applied_at timestamptz DEFAULT now());
        INSERT INTO __drizzle_migrations (hash, created_at, name) VALUES
            ('{sha("sha256", A)}', 1704067200000, '20240101000000_a');
        """,
        expected={"20240101000000_a": ("exact", "same")},
        waiting=("20240102000000_b",),
    ),
    Case(
        tool="goose",
        files={f"0000{n}_t.sql": f"-- +goose Up\n{A}-- +goose Down\nDROP TABLE a;\n" for n in "1234"},
        ddl="""
        CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
            version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now());
        INSERT INTO goose_db_version (version_id, is_applied) VALUES
            (0, true), (1, true), (2, true), (3, true), (3, false), (2, false), (2, true);
        """,
        expected={"00001_t": ("exact", "unknown"), "00002_t": ("exact", "unknown")},
        waiting=("00003_t", "00004_t"),
    ),
    Case(
        tool="tern",
        files={f"00{n}_t.sql": f"{A}---- create above / drop below ----\nDROP TABLE a;\n" for n in "123"},
        ddl="CREATE TABLE schema_version (version int4 NOT NULL); INSERT INTO schema_version VALUES (2);",
        expected={"001_t": ("inferred", "unknown"), "002_t": ("exact", "unknown")},
        waiting=("003_t",),
        has_times=False,
    ),
    Case(
        tool="node-pg-migrate",
        files={f"170000000000{n}_t.sql": f"-- Up Migration\n{A}-- Down Migration\nDROP TABLE a;\n" for n in "123"},
        ddl="""
        CREATE TABLE pgmigrations (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
        INSERT INTO pgmigrations (name, run_on) VALUES ('1700000000001_t', now()), ('1700000000002_t', now());
        """,
        expected={"1700000000001_t": ("exact", "unknown"), "1700000000002_t": ("exact", "unknown")},
        waiting=("1700000000003_t",),
    ),
    Case(
        tool="sqlx",
        folder_format="sqlx",
        files={"1_a.sql": A, "2_b.sql": B, "3_c.sql": C},
        ddl=f"""
        CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
            installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum BYTEA NOT NULL,
            execution_time BIGINT NOT NULL);
        INSERT INTO _sqlx_migrations VALUES
            (1, 'a', now(), true, '\\x{sha("sha384", A)}', 9), (2, 'b', now(), true, '\\x00', 9);
        """,
        expected={"1_a": ("exact", "same"), "2_b": ("exact", "differs")},
        waiting=("3_c",),
    ),
    Case(
        tool="graphile-migrate",
        files={"000001-a.sql": G1, "000002.sql": G2, "000003-c.sql": G3},
        ddl=f"""
        CREATE TABLE migrations (hash text PRIMARY KEY, previous_hash text REFERENCES migrations,
            filename text NOT NULL, date timestamptz NOT NULL DEFAULT now());
        CREATE TABLE current (filename text PRIMARY KEY, content text NOT NULL, date timestamptz);
        INSERT INTO migrations VALUES ('{H1}', NULL, '000001.sql'), ('sha1:other', '{H1}', '000002.sql');
        """,
        expected={"000001_a": ("exact", "same"), "000002_unnamed": ("exact", "differs")},
        waiting=("000003_c",),
    ),
    Case(
        tool="yoyo",
        folder_format="yoyo",
        files={f"20240101_0{n}_abc-t.sql": A for n in "123"},
        ddl=f"""
        CREATE TABLE _yoyo_migration (migration_hash VARCHAR(64), migration_id VARCHAR(255), applied_at_utc TIMESTAMP,
            PRIMARY KEY (migration_hash));
        INSERT INTO _yoyo_migration VALUES
            ('{sha("sha256", "20240101_01_abc-t")}', '20240101_01_abc-t', now()),
            ('{sha("sha256", "20240101_02_abc-t")}', '20240101_02_abc-t', now());
        """,
        expected={"20240101_01_abc-t": ("exact", "unknown"), "20240101_02_abc-t": ("exact", "unknown")},
        waiting=("20240101_03_abc-t",),
    ),
    Case(
        tool="atlas",
        files=summed({"1_a.sql": A, "2_b.sql": B, "3_c.sql": C, "4_d.sql": C}),
        ddl=f"""
        CREATE TABLE atlas_schema_revisions (version varchar NOT NULL PRIMARY KEY, description varchar NOT NULL,
            type bigint NOT NULL DEFAULT 2, applied bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0,
            executed_at timestamptz NOT NULL, execution_time bigint NOT NULL, error text, error_stmt text,
            hash varchar NOT NULL, partial_hashes jsonb, operator_version varchar NOT NULL);
        INSERT INTO atlas_schema_revisions VALUES
            ('.atlas_cloud_identifier', 'id', 4, 0, 0, now(), 0, NULL, NULL, '', NULL, 'v1'),
            ('2', 'b', 1, 0, 0, now(), 0, NULL, NULL, '', NULL, 'v1'),
            ('3', 'c', 2, 1, 1, now(), 0, NULL, NULL,
             '{_atlas(("1_a.sql", A), ("2_b.sql", B), ("3_c.sql", C))}', NULL, 'v1');
        """,
        expected={"1_a": ("inferred", "unknown"), "2_b": ("exact", "unknown"), "3_c": ("exact", "same")},
        waiting=("4_d",),
    ),
]

#: Tables of tools that are only recognised, each with its schema.
RECOGNISED = {
    "rails": 'CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY);'
    'CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY, "value" character varying,'
    ' "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL);'
    "INSERT INTO schema_migrations (version) VALUES ('20240101000000')",
    "alembic": "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "django": "CREATE TABLE django_migrations (id bigint PRIMARY KEY, app varchar(255), name varchar(255),"
    " applied timestamptz)",
    "ecto": "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp)",
    "db_migrate": "CREATE TABLE migrations (id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp);"
    "INSERT INTO migrations (name, run_on) VALUES ('/20240101000000-users', now()), ('/20240102000000-orders', now())",
    "knex": "CREATE TABLE knex_migrations (id int, name varchar(255), batch int, migration_time timestamptz)",
}
