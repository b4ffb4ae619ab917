"""The log of a run as text: whole, in order, with the failure last."""

from __future__ import annotations

import pytest

from dashboard.models import Run, RunStatement, RunStep
from dashboard.presenters import run_log
from tests.presenters import values

Status, Step, Statement = Run.Status, RunStep.Status, RunStatement.Status


def log(run: Run, *steps: RunStep) -> list[str]:
    return "".join(run_log.log_text(run, steps)).splitlines()


def test_the_log_begins_with_the_run_and_who_started_it():
    lines = log(values.run(pk=9, title="Apply 001", started_at=values.MOMENT), values.run_step())
    assert "9" in lines[0]
    assert "Apply 001" in lines[0]
    heading = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:8])}
    assert heading["Started by"] == "alice"
    assert heading["Started"] == "2026-03-05 14:30:15 UTC"
    assert heading["Finished"] == "-"


@pytest.mark.parametrize(("request_id", "logged"), [(None, False), (3, True)], ids=["none", "one"])
def test_the_request_stands_in_the_log_where_there_is_one(request_id: int | None, logged: bool):
    assert any(line.startswith("Request:") for line in log(values.run(request_id=request_id))) is logged


def test_the_log_holds_each_step_in_order_with_its_statements():
    first = values.run_step(
        duration_ms=12,
        latest=[values.run_statement(tag="INSERT 0 3", duration_ms=4, notices=["careful"])],
        copied=[{"what": "platform.users", "saved": "u", "rows": 1}],
    )
    second = values.run_step(Step.FAILED, position=1, version="002", latest=[values.run_statement(Statement.FAILED)])
    text = "\n".join(log(values.run(), first, second))
    order = [
        "[1/2] apply 001_users: committed (12 ms)",
        "1 row",
        "INSERT 0 3, 4 ms",
        "careful",
        "[2/2] apply 002_users: failed",
    ]
    positions = [text.index(each) for each in order]
    assert positions == sorted(positions)
    assert "failed, failed" in text


def test_the_log_ends_with_the_failure_and_the_place_in_the_text():
    server = {
        "sqlstate": "22012",
        "message": "division by zero",
        "hint": None,
        "excerpt": "  1 | SELECT 1/0\n        ^",
    }
    failure = {"sentence": "It failed.", "next_step": "Mend it.", "server": server}
    lines = log(values.run(Status.FAILED, failure=failure), values.run_step(Step.FAILED))
    assert lines[-1] == "Mend it."
    assert "  sqlstate: 22012" in lines
    assert "  1 | SELECT 1/0" in lines
    assert not any("hint" in line for line in lines)
    assert not any("excerpt:" in line for line in lines)


def test_the_log_of_a_good_run_names_no_failure():
    assert log(values.run(), values.run_step())[-1].startswith("[1/1]")
