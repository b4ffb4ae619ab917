"""Running from this machine: the same history as the worker writes, and nothing where people have to approve."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.cli.exits import Exit
from dashboard.engine.database.tracking import Outcome
from tests.program.conftest import WITHOUT_DJANGO, Place, Said

HISTORY = (
    "SELECT version, success, kind, applied_by, run_id <> '', attempt_id <> '' "
    "FROM platform.schema_migrations ORDER BY version"
)
SLEEPS = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(15)%' AND pid <> pg_backend_pid()"
LOG = "SELECT version, action, outcome, executed_by, message FROM platform.migration_audit_log ORDER BY id"


def table(place: Place, environment: str, name: str) -> bool:
    return place.query(environment, f"SELECT to_regclass('public.{name}') IS NOT NULL") == [(True,)]


def written_by_an_installation(place: Place, *, protects: bool) -> None:
    """As a run of a server would leave it; staging is declared free here."""
    place.query(
        "staging",
        "INSERT INTO platform.migration_audit_log (version, executed_by, installation, protected)"
        f" VALUES ('001', 'alice', '0123456789abcdef', {protects})",
    )


def test_apply_writes_the_history_that_the_worker_writes(place: Place) -> None:
    answer = place("apply", "staging", "--by", "alice", "--json")
    assert (answer.code, answer.err) == (Exit.OK, "")
    assert answer.json["status"] == "succeeded"
    assert [(step["version"], step["status"]) for step in answer.json["steps"]] == [
        ("001", "committed"),
        ("002", "committed"),
    ]
    assert (answer.json["error"], answer.json["stops_before"], answer.json["broke_glass"]) == (None, None, False)
    assert place.query("staging", HISTORY) == [
        ("001", True, "applied", "alice", True, True),
        ("002", True, "applied", "alice", True, True),
    ]
    assert [row[:4] for row in place.query("staging", LOG)] == [
        ("001", "apply", "succeeded", "alice"),
        ("002", "apply", "succeeded", "alice"),
    ]
    assert place("verify", "staging", "--expect").code == Exit.OK


def test_nothing_to_do_is_no_failure(place: Place) -> None:
    assert place("apply", "--env", "staging").code == Exit.OK
    again = place("apply", "staging", "--json")
    assert (again.code, again.json["status"], again.json["steps"]) == (Exit.OK, "nothing_to_do", [])


def test_what_would_be_sent_is_printed_and_not_sent(place: Place) -> None:
    asked = place("apply", "staging", "--dry-run")
    assert asked.code == Exit.OK
    assert "CREATE TABLE orders (id int);" in asked.out
    assert place("apply", "staging", "--dry-run", "--json").json["status"] == "not_sent"
    assert place("apply", "production", "--dry-run").code == Exit.OK
    assert not table(place, "staging", "users")


def test_a_step_that_fails_leaves_nothing_and_those_before_it_stand(place: Place) -> None:
    place.write(_003_broken="CREATE TABLE more (id int); SELECT 1/0;", _003_rollback="DROP TABLE more;")
    answer = place("apply", "staging", "--accept", "--json")
    assert answer.code == Exit.FAILED
    assert [step["status"] for step in answer.json["steps"]] == ["committed", "committed", "undone"]
    assert (answer.json["status"], answer.json["error"]["code"]) == ("failed", "statement_failed")
    assert "division by zero" in answer.err
    assert table(place, "staging", "orders")
    assert not table(place, "staging", "more")


def test_it_stops_before_a_file_that_cannot_run(place: Place) -> None:
    place.write(_003_broken="CREATE TABEL more (id int);")
    answer = place("apply", "staging", "--json")
    assert (answer.code, answer.json["status"]) == (Exit.ATTENTION, "succeeded")
    assert "003" in answer.json["stops_before"]
    assert "003" in answer.err


def test_another_run_under_way_is_waited_for_and_told(place: Place) -> None:
    place.write(_003_slow="SELECT pg_sleep(15);")
    slow = place.started("apply", "staging", "--accept")
    try:
        deadline = time.monotonic() + 30
        while not place.query("staging", SLEEPS):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        second = place("apply", "staging", "--accept")
        assert (second.code, second.out.count("committed")) == (Exit.BUSY, 0)
        slow.send_signal(signal.SIGINT)
        out, err = slow.communicate(timeout=60)
    finally:
        slow.kill()
    assert slow.returncode == 130
    assert "003_slow: undone" in out
    assert "was cancelled by the command line" in err
    assert (place.query("staging", LOG)[-1][2]) == Outcome.CANCELLED


# Rolling back


def test_rollback_takes_back_what_was_applied(place: Place) -> None:
    assert place("apply", "staging").code == Exit.OK
    refused = place("rollback", "staging", "001", "--accept")
    assert (refused.code, table(place, "staging", "users")) == (Exit.FAILED, True)
    assert "002_orders" in refused.err
    answer = place("rollback", "staging", "001", "--including-later", "--accept", "--by", "alice", "--json")
    assert (answer.code, answer.json["status"]) == (Exit.OK, "succeeded")
    assert [step["version"] for step in answer.json["steps"]] == ["002", "001"]
    assert place.query("staging", HISTORY) == []
    assert not table(place, "staging", "users")
    assert place("rollback", "staging", "009", "--accept").code == Exit.USAGE


def test_a_warning_has_to_be_accepted(place: Place) -> None:
    assert place("apply", "staging").code == Exit.OK
    refused = place("rollback", "staging", "002")
    assert (refused.code, refused.out, table(place, "staging", "orders")) == (Exit.FAILED, "", True)
    assert "--accept" in refused.err


# Where people have to approve


def test_a_declared_protection_refuses(place: Place) -> None:
    refused = place("apply", "production", "--confirm", "production")
    assert (refused.code, refused.out) == (Exit.APPROVAL_NEEDED, "")
    assert "--break-glass" in refused.err
    assert not table(place, "production", "users")


def test_a_protection_that_only_the_target_knows_refuses(place: Place) -> None:
    assert place("apply", "staging", "--to", "001").code == Exit.OK
    written_by_an_installation(place, protects=True)
    refused = place("apply", "staging")
    assert refused.code == Exit.APPROVAL_NEEDED
    assert "01234567" in refused.err
    assert not table(place, "staging", "orders")
    assert place("rollback", "staging", "001", "--accept").code == Exit.APPROVAL_NEEDED
    assert place("skip", "staging", "002", "--reason", "no", "--by", "bob").code == Exit.APPROVAL_NEEDED
    broken = place("apply", "staging", "--break-glass", "fire", "--confirm", "staging")
    assert (broken.code, table(place, "staging", "orders")) == (Exit.OK, True)


def test_a_protection_in_another_schema_of_the_database_refuses(place: Place) -> None:
    assert place("apply", "staging", "--to", "001").code == Exit.OK
    written_by_an_installation(place, protects=True)
    refused = place("apply", "staging", SIGNALBOX_TRACKING_SCHEMA="other")
    assert (refused.code, table(place, "staging", "orders")) == (Exit.APPROVAL_NEEDED, False)
    assert "SIGNALBOX_TRACKING_SCHEMA=platform" in refused.err
    assert place.query("staging", "SELECT to_regnamespace('other') IS NULL") == [(True,)]


def test_an_installation_that_asks_for_no_approvals_is_in_nobodys_way(place: Place) -> None:
    assert place("apply", "staging", "--to", "001").code == Exit.OK
    written_by_an_installation(place, protects=True)
    written_by_an_installation(place, protects=False)
    assert place("apply", "staging").code == Exit.OK


@pytest.mark.parametrize("confirm", [[], ["--confirm", "staging"]])
def test_breaking_the_glass_has_to_be_confirmed(place: Place, confirm: list[str]) -> None:
    refused = place("apply", "production", "--break-glass", "fire", *confirm)
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "production" in refused.err
    assert not table(place, "production", "users")


def test_a_policy_that_lets_nobody_break_the_glass_holds_here(place: Place) -> None:
    place.declare("break_glass = true\n", "")
    refused = place("apply", "production", "--break-glass", "fire", "--confirm", "production")
    assert (refused.code, table(place, "production", "users")) == (Exit.APPROVAL_NEEDED, False)
    assert "lets nobody break the glass" in refused.err


def test_a_freeze_holds_here(place: Place) -> None:
    place.declare(
        "[environments.production]",
        'freezes = [{ from = 2020-01-01, until = 2099-12-31, reason = "Audit" }]\n[environments.production]',
    )
    refused = place("apply", "staging", "--json")
    assert (refused.code, table(place, "staging", "users")) == (Exit.BUSY, False)
    assert "Audit" in refused.err
    assert place("skip", "staging", "001", "--reason", "no", "--by", "bob").code == Exit.BUSY
    broken = place("apply", "staging", "--break-glass", "fire", "--confirm", "staging")
    assert (broken.code, table(place, "staging", "users")) == (Exit.OK, True)


def test_the_order_of_environments_holds_here(place: Place) -> None:
    place.declare("protected = true\nbreak_glass = true\n", 'after = "staging"\n')
    refused = place("apply", "production")
    assert (refused.code, table(place, "production", "users")) == (Exit.BUSY, False)
    assert "Staging has not applied the same bytes of 001_users, 002_orders" in refused.err
    assert place("apply", "staging").code == Exit.OK
    assert place("apply", "production").code == Exit.OK


def test_a_history_is_mended_behind_broken_glass_only_where_its_name_is_confirmed(place: Place) -> None:
    skip = ("skip", "production", "001", "--reason", "no", "--by", "bob", "--break-glass", "fire")
    for confirmed in ((), ("--confirm", "staging")):
        assert place(*skip, *confirmed).code == Exit.USAGE
    assert place.query("production", "SELECT to_regclass('platform.schema_migrations') IS NULL") == [(True,)]
    assert place(*skip, "--confirm", "production").code == Exit.OK
    assert place.query("production", "SELECT version FROM platform.schema_migrations") == [("001",)]


def test_a_history_is_mended_only_with_a_reason(place: Place) -> None:
    refused = place("skip", "staging", "001", "--reason", " ", "--by", "bob")
    assert refused.code == Exit.FAILED
    assert "A reason is needed" in refused.err
    assert place.query("staging", "SELECT to_regclass('platform.schema_migrations') IS NULL") == [(True,)]


def test_the_log_keeps_who_broke_the_glass_and_why_before_anything_runs(place: Place) -> None:
    place.write(_002_orders="SELECT 1/0;")
    arguments = ["--break-glass", "the site is down", "--confirm", "production", "--by", "alice", "--accept", "--json"]
    answer = place("apply", "production", *arguments)
    assert (answer.code, answer.json["broke_glass"]) == (Exit.FAILED, True)
    log: list[Any] = place.query("production", LOG)
    assert [(version, outcome) for version, _, outcome, _, _ in log] == [
        ("001", "glass_broken"),
        ("002", "glass_broken"),
        ("001", "succeeded"),
        ("002", "failed"),
    ]
    assert {row[3:] for row in log[:2]} == {("alice", "the site is down")}


def test_rows_that_would_be_lost_have_to_be_said(place: Place) -> None:
    assert place("apply", "staging").code == Exit.OK
    place.query("staging", "INSERT INTO users SELECT generate_series(1, 7)")
    place.write(_003_gone="DROP TABLE users;")
    refused = place("apply", "staging", "--accept")
    assert (refused.code, table(place, "staging", "users")) == (Exit.USAGE, True)
    assert "public.users" in refused.err
    assert "--rows-to-lose '7'" in refused.err
    assert place("apply", "staging", "--accept", "--rows-to-lose", "7").code == Exit.OK


@pytest.mark.parametrize(
    ("arguments", "code", "expected", "steps"),
    [
        (["apply", "production"], Exit.APPROVAL_NEEDED, "not_approved", 3),
        (["apply", "staging", "--confirm", "production"], Exit.USAGE, "not_confirmed", 2),
        (["apply", "staging", "--source", "moon"], Exit.USAGE, "source_missing", 0),
        (["apply", "staging", "--to", "004"], Exit.ATTENTION, "plan_blocked", 0),
        (["rollback", "staging", "009"], Exit.USAGE, "no_such_migration", 0),
        (["rollback", "staging", "001"], Exit.FAILED, "not_acknowledged", 1),
    ],
)
def test_a_refusal_is_told_to_programs_too(
    place: Place, arguments: list[str], code: Exit, expected: str, steps: int
) -> None:
    assert place("apply", "staging", "--to", "001").code == Exit.OK
    place.write(_003_more="CREATE TABLE more (id int);", _004_broken="CREATE TABEL x;")
    refused = place(*arguments, "--json")
    assert (refused.code, refused.json["status"], refused.json["run"]) == (code, "refused", None)
    assert (refused.json["error"]["code"], len(refused.json["steps"])) == (expected, steps)
    assert refused.json["error"]["sentence"][:40] in refused.err
    assert {"environment", "action", "digest", "broke_glass", "stops_before"} < set(refused.json)


# Asked on a terminal


def asked(place: Place, answer: str, meanwhile: Callable[[], None] = lambda: None) -> Said:
    """What becomes of an apply on a terminal whose stderr goes elsewhere, once it has asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_DJANGO, "apply", "staging"],
        cwd=place.path,
        env=place.variables,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        question = b""
        while not question.endswith(b"type staging: "):
            is_readable, _, _ = select.select([ours], [], [], 60)
            assert is_readable, question
            question += os.read(ours, 4096)
        meanwhile()
        os.write(ours, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)
    return Said(code=process.returncode, out=out, err=err)


def test_it_asks_on_the_terminal_also_where_stderr_goes_elsewhere(place: Place) -> None:
    refused = asked(place, "stagin")
    assert (refused.code, table(place, "staging", "users")) == (Exit.USAGE, False)
    assert refused.err == "signalbox: staging was not typed. Nothing was run.\n"
    assert (asked(place, "staging").code, table(place, "staging", "users")) == (Exit.OK, True)


def test_a_protection_that_came_while_it_asked_refuses(place: Place) -> None:
    assert place("apply", "staging", "--to", "001").code == Exit.OK
    refused = asked(place, "staging", lambda: written_by_an_installation(place, protects=True))
    assert (refused.code, table(place, "staging", "orders")) == (Exit.APPROVAL_NEEDED, False)
    assert "01234567" in refused.err


# What a person knows


def test_another_environment_than_that_of_confirm_is_not_mended(place: Place) -> None:
    refused = place("skip", "staging", "001", "--reason", "no", "--by", "alice", "--confirm", "production")
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "--confirm says production, and this is staging. Nothing was written." in refused.err
    assert place.query("staging", "SELECT to_regclass('platform.schema_migrations')") == [(None,)]


def test_a_history_is_mended_by_the_same_verbs(place: Place) -> None:
    shown = place("skip", "staging", "001", "--reason", "made by hand", "--json")
    assert (shown.code, shown.json["run"], len(shown.json["rows"])) == (Exit.OK, None, 1)
    assert place.query("staging", "SELECT to_regclass('platform.schema_migrations')") == [(None,)]
    done = place("skip", "staging", "001", "--reason", "made by hand", "--by", "alice", "--accept", "--json")
    assert (done.code, done.json["run"][:6]) == (Exit.OK, "local-"), done.err
    assert place.query("staging", HISTORY) == [("001", True, "skipped", "alice", True, True)]
    assert place("unskip", "staging", "001", "--reason", "no", "--by", "alice", "--accept").code == Exit.OK
    assert place("mark-applied", "staging", "001", "--reason", "by hand", "--by", "alice", "--accept").code == Exit.OK
    assert place("baseline", "staging", "--to", "002", "--reason", "old", "--by", "alice", "--accept").code == Exit.OK
    assert [row[0:3:2] for row in place.query("staging", HISTORY)] == [("001", "applied"), ("002", "baseline")]


def test_an_edit_of_comments_is_accepted(place: Place) -> None:
    assert place("apply", "staging").code == Exit.OK
    place.write(_001_users="-- people\nCREATE TABLE users (id int);")
    assert place("accept", "staging", "--all", "--by", "alice").code == Exit.OK
    assert place("verify", "staging", "--expect").code == Exit.OK
    place.write(_001_users="CREATE TABLE users (id bigint);")
    assert place("verify", "staging").code == Exit.ATTENTION
    changed = place("accept", "staging", "001", "--changed-sql", "--reason", "by hand", "--by", "alice", "--accept")
    assert changed.code == Exit.OK, changed.err
    assert place("verify", "staging").code == Exit.OK


def test_the_history_of_another_tool_is_imported(place: Place) -> None:
    place.query(
        "staging", "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)"
    )
    place.query("staging", "INSERT INTO schema_migrations VALUES (1, false)")
    nothing = place("import", "production", "--json")
    assert (nothing.code, nothing.json["rows"]) == (Exit.OK, [])
    done = place("import", "staging", "--table", "public.schema_migrations", "--by", "alice", "--accept", "--json")
    assert done.code == Exit.OK, done.err
    assert [row["version"] for row in done.json["rows"]] == ["001"]
    assert place.query("staging", HISTORY)[0][:3] == ("001", True, "baseline")


# Rehearsing


def test_rehearse(place: Place) -> None:
    answer = place("rehearse", "--env", "staging")
    assert answer.code == Exit.OK, answer.err
    assert "2 rehearsed on PostgreSQL" in answer.out
