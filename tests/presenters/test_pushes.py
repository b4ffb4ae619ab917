"""Two commits side by side: the words for each change, the alarm where a database has what no file says any more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.migration import MigrationId
from dashboard.presenters import pushes as presenter
from dashboard.presenters.pushes import PushPage
from dashboard.selectors.git import CommitFact
from dashboard.services.pushes import PushChange, PushComparison, PushedMigration, PushOutlook
from tests.presenters import values

OLD, NEW = (
    CommitFact(source="billing", sha=letter * 40, author="Ada", subject="Add", authored_at=datetime.now(UTC), url="")
    for letter in "ab"
)
STUCK = PlanBlocked(version="001", reason="it was edited.", remedy="Restore it.")
NOTHING = NothingToDo(environment="Staging", reason="everything is applied")


def pushed(change: PushChange, *, stands: bool = False) -> PushedMigration:
    before = None if change is PushChange.ADDED else values.migration("001", "users")
    after = None if change is PushChange.REMOVED else values.migration("001", "users")
    where = (values.STAGING,) if stands else ()
    return PushedMigration(
        identity=MigrationId("001", "users"), change=change, before=before, after=after, stands_in=where
    )


def page(*migrations: PushedMigration, outlook: PushOutlook | None = None, in_force: str = NEW.sha) -> PushPage:
    outlooks = (outlook,) if outlook else ()
    comparison = PushComparison(old=OLD, new=NEW, migrations=migrations, errors=(), outlooks=outlooks)
    made = presenter.page(comparison, in_force=in_force)
    values.assert_sound(made)
    return made


@pytest.mark.parametrize("change", PushChange)
def test_each_change_has_its_lamp_and_is_counted(change: PushChange):
    made = page(pushed(change))
    assert made.migrations[0].pill == presenter.CHANGES[change]
    assert made.sentence == f"1 {presenter.COUNTED[change]}."


@pytest.mark.parametrize("change", PushChange)
def test_what_stands_somewhere_and_is_gone_or_another_one_is_an_alarm(change: PushChange):
    alarming = change in (PushChange.SQL, PushChange.REMOVED)
    assert bool(page(pushed(change, stands=True)).migrations[0].alarm) is alarming
    assert page(pushed(change)).migrations[0].alarm == ""


def test_where_the_other_half_of_a_file_stands_no_blank_line_is_shown():
    """Of a half, the rest of its file is blanked."""
    added = PushedMigration(
        identity=MigrationId("001", "users"),
        change=PushChange.ADDED,
        before=None,
        after=values.migration(sql="\n  SELECT 1;\n\nSELECT 2;\n\n\n", down="\n\n\n\nSELECT 3;\n"),
        stands_in=(),
    )
    (shown,) = page(added).migrations
    assert [line.text for line in shown.lines] == ["  SELECT 1;", "", "SELECT 2;"]
    assert [line.text for line in shown.down_lines] == ["SELECT 3;"]


@pytest.mark.parametrize(
    ("plan", "pending", "tone"),
    [
        pytest.param(None, (), "muted", id="never looked at"),
        pytest.param(NOTHING, (), "muted", id="nothing to do"),
        pytest.param(STUCK, ("002",), "warn", id="in the way"),
        pytest.param(values.plan(values.step()), ("001",), "info", id="a plan"),
        pytest.param(values.plan(values.step(), stops_before="002 is broken."), ("001",), "warn", id="it stops"),
    ],
)
def test_the_tone_of_an_environment(plan: object, pending: tuple[str, ...], tone: str):
    outlook = PushOutlook(environment=values.STAGING, plan=plan, becomes_pending=pending)  # type: ignore[arg-type]
    assert page(outlook=outlook).outlooks[0].tone == tone


def test_what_to_do_about_an_error_is_said_once():
    error = values.problem(advice="Mend it.")
    outlook = PushOutlook(
        environment=values.STAGING, plan=values.plan(stops_before="002: broken. Mend it. Not reached: 3.")
    )
    comparison = PushComparison(old=OLD, new=NEW, migrations=(), errors=(error,), outlooks=(outlook,))
    (shown,) = presenter.page(comparison, in_force=NEW.sha).outlooks
    assert shown.sentence.endswith("002: broken. Not reached: 3.")


def test_a_plan_is_linked_while_the_new_commit_is_in_force():
    outlook = PushOutlook(environment=values.STAGING, plan=values.plan(values.step()))
    assert values.page_of(page(outlook=outlook).outlooks[0].plan_url) == ("apply", {"slug": "staging"})
    assert page(outlook=outlook, in_force=OLD.sha).outlooks[0].plan_url == ""


def test_the_way_back_swaps_the_two():
    assert values.page_of(page().reverse_url) == (
        "source-compare",
        {"source": "billing", "old": NEW.sha, "new": OLD.sha},
    )
