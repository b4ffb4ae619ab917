"""What a rehearsal tells of a migration that leaves everything as it was, and of what it cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.engine import rehearsal
from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.rehearsal import effects
from dashboard.engine.rehearsal.report import Proof, RehearsedEffect, Report

BEFORE = """
CREATE TABLE people (id int PRIMARY KEY, name text, note text);
CREATE VIEW names AS SELECT name FROM people;
CREATE SEQUENCE numbers;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE POLICY own ON people USING (true);
COMMENT ON TABLE people IS 'who';
GRANT SELECT ON people TO PUBLIC;
"""

#: What each of these does to a database with that in it.
EFFECTS: dict[str, tuple[RehearsedEffect | None, str]] = {
    "CREATE OR REPLACE VIEW names AS SELECT name FROM people;": (RehearsedEffect.NOTHING, ""),
    # both halves, one after the other
    "CREATE TABLE a (id serial, at timestamptz DEFAULT now());\nDROP TABLE a;": (RehearsedEffect.NOTHING, ""),
    "ALTER TABLE people ADD phone text;\nALTER TABLE people DROP phone;": (RehearsedEffect.NOTHING, ""),
    "CREATE INDEX i ON people (name);\nDROP INDEX i;": (RehearsedEffect.NOTHING, ""),
    # it is there already
    "CREATE TABLE IF NOT EXISTS people (id int);": (RehearsedEffect.NOTHING, ""),
    "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';": (RehearsedEffect.NOTHING, ""),
    "COMMENT ON TABLE people IS 'who'; GRANT SELECT ON people TO PUBLIC;": (RehearsedEffect.NOTHING, ""),
    "DROP TABLE IF EXISTS nobody;": (RehearsedEffect.NOTHING, ""),
    "SELECT 1;": (RehearsedEffect.NOTHING, ""),
    "SET lock_timeout = '1s'; SELECT 'done' AS text;": (RehearsedEffect.NOTHING, ""),
    # small things count
    "COMMENT ON TABLE people IS 'all';": (RehearsedEffect.CHANGES, ""),
    "GRANT INSERT ON people TO PUBLIC;": (RehearsedEffect.CHANGES, ""),
    "ALTER SEQUENCE numbers INCREMENT 2;": (RehearsedEffect.CHANGES, ""),
    "ALTER TABLE people ENABLE ROW LEVEL SECURITY;": (RehearsedEffect.CHANGES, ""),
    "CREATE TABLE a (id int);": (RehearsedEffect.CHANGES, ""),
    "INSERT INTO people VALUES (1, 'Ada');": (RehearsedEffect.CHANGES, ""),
    # no comparison of schemas shows it
    "ALTER TABLE people DROP note;\nALTER TABLE people ADD note text;": (RehearsedEffect.UNKNOWN, "made anew"),
    "DROP VIEW names;\nCREATE VIEW names AS SELECT name FROM people;": (RehearsedEffect.UNKNOWN, "made anew"),
    "DROP SEQUENCE numbers;\nCREATE SEQUENCE numbers;": (RehearsedEffect.UNKNOWN, "made anew"),
    "ALTER SEQUENCE numbers RESTART 7;": (RehearsedEffect.UNKNOWN, "made anew"),
    "ALTER TABLE people ALTER id TYPE int USING id + 1;": (RehearsedEffect.UNKNOWN, "made anew"),
    "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC;": (RehearsedEffect.UNKNOWN, "made anew"),
    # rows, of which there are none here
    "UPDATE people SET name = 'Ada';": (RehearsedEffect.UNKNOWN, "line 1 updates rows"),
    "SELECT 1;\nDELETE FROM people;": (RehearsedEffect.UNKNOWN, "line 2 deletes rows"),
    "INSERT INTO people SELECT 1 WHERE false;": (RehearsedEffect.UNKNOWN, "inserts rows"),
    "TRUNCATE people;": (RehearsedEffect.UNKNOWN, "empties a table"),
    "WITH gone AS (DELETE FROM people RETURNING id) SELECT 1;": (RehearsedEffect.UNKNOWN, "runs code"),
    # code
    "SELECT setval('numbers', 7);": (RehearsedEffect.UNKNOWN, "runs code"),
    "DO $$ BEGIN PERFORM 1; END $$;": (RehearsedEffect.UNKNOWN, "runs code"),
    "SELECT name FROM people;": (RehearsedEffect.UNKNOWN, "runs code"),
    "NOTIFY people;": (RehearsedEffect.UNKNOWN, "does what no look at the schema shows"),
    "ANALYZE people;": (RehearsedEffect.UNKNOWN, "does what no look at the schema shows"),
    "REFRESH MATERIALIZED VIEW counts;": (None, ""),
    "-- nothing\n": (None, ""),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, postgres_server: LocalServer) -> Report:
    """Of all of them, one after the other; what fails or changes something stands at the end."""
    folder: Path = tmp_path_factory.mktemp("migrations")
    (folder / "000_before.sql").write_text(BEFORE, encoding="utf-8")
    for number, text in enumerate(
        sorted(EFFECTS, key=lambda text: EFFECTS[text][0] is RehearsedEffect.CHANGES), start=1
    ):
        (folder / f"{number:03}_x.sql").write_text(text, encoding="utf-8")
    return rehearsal.of_folder(discovery.read(folder), server_url=postgres_server.url(), keep_going=True)


@pytest.mark.parametrize("text", EFFECTS)
def test_what_it_does_is_told_where_it_can_be(text: str, report: Report) -> None:
    number = sorted(EFFECTS, key=lambda each: EFFECTS[each][0] is RehearsedEffect.CHANGES).index(text) + 1
    proof = next(proof for proof in report.proofs if proof.version == f"{number:03}")
    effect, because = EFFECTS[text]
    assert (proof.effect, proof.up.ok or proof.effect is None) == (effect, True)
    assert because in proof.effect_because
    assert bool(proof.effect_because) is (effect is RehearsedEffect.UNKNOWN)
    assert proof.changes_nothing is (effect is RehearsedEffect.NOTHING)


def test_what_only_makes_is_not_looked_at_twice() -> None:
    assert effects.read("CREATE TABLE a (id int); COMMENT ON TABLE a IS 'x';").surely_changes
    for lenient in ("CREATE TABLE IF NOT EXISTS a ();", "CREATE TEMP TABLE a ();", "CREATE TABLE a (); DROP TABLE a;"):
        assert effects.read(lenient).may_be_told


@pytest.mark.parametrize(
    ("tag", "count"), [("INSERT 0 3", 3), ("UPDATE 2", 2), ("DELETE 0", 0), ("CREATE TABLE", 0), ("SELECT 5", 0)]
)
def test_rows_are_counted_by_the_answer(tag: str, count: int) -> None:
    assert effects.written(tag) == count


def test_a_report_of_an_older_release_says_nothing_of_it(report: Report) -> None:
    data = report.to_dict()
    for proof in data["proofs"]:
        del proof["effect"], proof["effect_because"], proof["up"]["wrote"]
    assert {proof.effect for proof in Report.from_dict(data).proofs} == {None}
    assert Report.from_dict(report.to_dict()) == report


def test_nothing_is_asked_of_what_is_in_doubt_or_runs_again(report: Report) -> None:
    idle = next(proof for proof in report.proofs if proof.changes_nothing)
    facts = {name: getattr(idle, name) for name in ("name", "up", "effect")}
    assert Proof(version="1", **facts).changes_nothing
    assert not Proof(version="1", doubt="it differs", **facts).changes_nothing
    assert not Proof(version="R__1", **facts).changes_nothing
