"""A migration that floods its client with rows, notices, error text or statements hurts neither worker nor page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dashboard.models import Run, RunStatement
from tests.faults.conftest import MakeTrial
from tests.faults.trial import Mode, Trial, end
from tests.fix_faults import Size, Tally, size, sized
from tests.fix_people import ClientOf

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

MANY = sized(small=100_000, ci=1_000_000, full=3_000_000)
#: Some 90 MB before the first message, and what libpq keeps of one of 20 MB: about four copies of it.
MEMORY_KB = 205_000
PAGE_BYTES = 1_000_000
CAP = 2 * 1024 * 1024

LOUD = "DO $$ BEGIN FOR i IN 1..300 LOOP RAISE NOTICE '%', repeat('x', 20000); END LOOP; END $$;\n"

FLOODS: dict[str, str] = {
    "rows": f"SELECT g, repeat('x', 100) FROM generate_series(1, {MANY}) g;",
    "wide rows": "SELECT repeat('x', 10000000) FROM generate_series(1, 20);",
    "notices": f"DO $$ BEGIN FOR i IN 1..{MANY} LOOP RAISE NOTICE 'row %', i; END LOOP; END $$;",
    "long notices": "DO $$ BEGIN FOR i IN 1..50 LOOP RAISE NOTICE '%', repeat('x', 1000000); END LOOP; END $$;",
    "long notices of many statements": LOUD * 40,
    "error text": "DO $$ BEGIN RAISE EXCEPTION '%', repeat('A', 20000000); END $$;",
    "error detail": "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = repeat('B', 20000000); END $$;",
    "as many statements as are let in": "SELECT 1;\n" * 4999 + "SELECT 1/0;",
    "one statement as large as is let in": f"SELECT length('{'x' * (CAP - 100)}');",
    "a file as large as is let in": ("-- " + "x" * 1000 + "\nSELECT 1;\n") * 2000,
    "a long line with an error": "SELECT '" + "x" * (CAP - 100) + "', 1/0;",
}


#: With every `make test` only these.
QUICK = {"rows", "notices", "long notices of many statements", "error text"}


@pytest.mark.parametrize("name", [name for name in FLOODS if name in QUICK or size() is not Size.SMALL])
def test_a_flood_stays_within_bounds(
    name: str, make_trial: MakeTrial, requester: User, client_of: ClientOf, tally: Tally
) -> None:
    trial = make_trial(Mode(name=name, up=FLOODS[name].replace("{", "{{").replace("}", "}}"), marks=(), points=()))
    run = trial.next()
    assert end(trial.work(run), seconds=240) == 0
    run.refresh_from_db()
    assert run.status in {Run.Status.SUCCEEDED, Run.Status.FAILED}, run.failure
    tally.part = "bounded harm"
    tally.add(floods=1)
    peak_kb = _peak_kb(trial)
    tally.peaks_mb.append(peak_kb // 1000)
    assert peak_kb < MEMORY_KB
    for page in (f"/runs/{run.pk}/", "/runs/", "/migrations/001/crash/", "/environments/staging/", "/audit/"):
        answer = client_of(requester).get(page)
        assert answer.status_code == 200
        assert len(answer.content) < PAGE_BYTES + _of_the_script(page, run), f"{page}: {len(answer.content)} bytes"
    kept = sum(len(text) for notices in RunStatement.objects.values_list("notices", flat=True) for text in notices)
    assert kept < PAGE_BYTES, "what is kept of the notices of one run"


def _of_the_script(page: str, run: Run) -> int:
    """A page that shows a script shows all of it, once: whoever approves must see what runs."""
    sql = run.plan.steps[0].sql
    return len(sql) + 120 * sql.count("\n") if "/runs/" in page or "/migrations/" in page else 0


def _peak_kb(trial: Trial) -> int:
    """The most memory the worker process ever had, as the kernel tells it."""
    match = re.search(r"peak memory (\d+) kB", trial.site.log.read_text())
    assert match, trial.site.log.read_text()[-2000:]
    return int(match[1])


@pytest.mark.parametrize(
    ("text", "problem"),
    [("SELECT 1;\n" * 5001, "5000 are accepted"), ("-- " + "x" * CAP + "\nSELECT 1;", "larger than 2048 KiB")],
)
def test_what_is_larger_than_the_cap_is_refused_with_the_number(text: str, problem: str, make_trial: MakeTrial) -> None:
    from dashboard.engine.errors import PlanBlocked

    trial = make_trial(Mode(name="large", up=text, marks=(), points=()))
    with pytest.raises(PlanBlocked, match=problem):
        trial.next()
