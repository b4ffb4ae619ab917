"""What would be lost: never less alarming than what is known, and every number in the right form."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.forecast.values import MATVIEW, Fate, Forecast, Loss
from dashboard.engine.plan import Action
from dashboard.presenters import forecasts as presenter
from dashboard.presenters.forecasts import ForecastView, LossView
from tests.presenters import values

APPLY = values.plan()
ROLLBACK = values.plan(values.step(action=Action.ROLLBACK))


def shown(*losses: Loss, plan: Any = ROLLBACK, **changes: Any) -> ForecastView:
    made = presenter.view(values.forecast(*losses, **changes), values.STAGING, plan)
    assert made is not None
    return made


def one(loss: Loss, **known: Any) -> LossView:
    (view,) = shown(loss, **known).losses
    return view


# Whether there is anything to say


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.APPLY, Action.ROLLBACK}))
def test_what_runs_no_migration_has_no_forecast(action: Action):
    plan = values.plan(values.step(action=action))
    assert presenter.view(values.forecast(values.loss()), values.STAGING, plan) is None


def test_an_apply_has_one_as_a_rollback_has():
    assert presenter.view(Forecast(), values.STAGING, APPLY) is not None
    assert presenter.view(Forecast(), values.STAGING, ROLLBACK) is not None


@pytest.mark.parametrize(
    "forecast",
    [
        pytest.param(values.forecast(values.loss()), id="rows"),
        pytest.param(values.forecast(values.loss(rows=0)), id="an empty table"),
        pytest.param(values.forecast(unseen=("A function is called.",)), id="something that cannot be read"),
        pytest.param(values.forecast(unseen=("x",), from_rehearsal=True), id="read by a rehearsal"),
        pytest.param(values.forecast(failure="No answer."), id="nothing counted"),
    ],
)
def test_an_apply_that_may_destroy_something_has_one(forecast: Forecast):
    assert presenter.view(forecast, values.STAGING, APPLY) is not None


# The verdict


VERDICTS = {
    "not counted": (shown(failure="It did not answer."), ("warn", "attention")),
    "not counted, with losses": (shown(values.loss(), failure="It did not answer."), ("warn", "attention")),
    "not all of it read": (shown(unseen=("EXECUTE",)), ("warn", "attention")),
    "nothing goes": (shown(), ("ok", "ok")),
    "nothing goes, as a rehearsal saw": (shown(unseen=("EXECUTE",), from_rehearsal=True), ("warn", "attention")),
    "a table that is empty": (shown(values.loss(rows=0)), ("ok", "ok")),
    "a computed view": (shown(values.loss(kind=MATVIEW)), ("info", "info")),
    "rows": (shown(values.loss(240)), ("danger", "attention")),
    "one row": (shown(values.loss(1)), ("danger", "attention")),
    "an unknown number": (shown(values.loss(None, why_unknown="it is locked")), ("danger", "attention")),
    "rows, and something not read": (shown(values.loss(1), unseen=("EXECUTE",)), ("danger", "attention")),
    "an empty table, and something not read": (shown(values.loss(0), unseen=("EXECUTE",)), ("danger", "attention")),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_verdict(case: str):
    view, expected = VERDICTS[case]
    assert (view.tone, view.icon) == expected
    assert view.headline
    assert view.sentence


def test_only_what_is_known_to_lose_nothing_is_green():
    green = {case for case, (view, _) in VERDICTS.items() if view.tone == "ok"}
    assert green == {"nothing goes", "a table that is empty"}


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        pytest.param([values.loss(1)], "1 row", id="one"),
        pytest.param([values.loss(240)], "240 rows", id="many"),
        pytest.param([values.loss(1_200_000)], "1,200,000 rows", id="more than a thousand"),
        pytest.param([values.loss(2), values.loss(3, table="plans")], "5 rows", id="of two tables"),
        pytest.param(
            [values.loss(2), values.loss(3, table="plans", kind=MATVIEW)], "2 rows", id="not the computed ones"
        ),
    ],
)
def test_the_headline_counts_the_rows(losses: list[Loss], words: str):
    assert values.says(shown(*losses).headline, words)


def test_rows_are_lost_and_rows_that_stay_lose_data():
    assert shown(values.loss(25)).headline == "25 rows would be lost."
    assert shown(values.loss(25, columns=("name",))).headline == "25 rows would lose data."


def test_an_estimate_is_said_to_be_one():
    assert "about" in shown(values.loss(1_000, is_estimate=True)).headline.lower()
    assert "about" not in shown(values.loss(1_000)).headline.lower()


def test_what_is_known_of_an_unknown_number_is_said():
    part = shown(values.loss(7), values.loss(None, table="plans"))
    assert values.says(part.sentence, "7 rows")
    assert not any(c.isdigit() for c in shown(values.loss(None)).sentence)


def test_why_nothing_was_counted_is_said():
    assert "It did not answer." in VERDICTS["not counted"][0].sentence


def test_an_empty_table_names_the_environment_it_is_empty_in():
    assert "Staging" in VERDICTS["a table that is empty"][0].sentence


# One loss


@pytest.mark.parametrize(
    ("loss", "tone"),
    [
        pytest.param(values.loss(240), "danger", id="rows"),
        pytest.param(values.loss(1), "danger", id="one row"),
        pytest.param(values.loss(None), "danger", id="not known"),
        pytest.param(values.loss(0), "muted", id="empty"),
        pytest.param(values.loss(240, kind=MATVIEW), "muted", id="computed"),
        pytest.param(values.loss(None, kind=MATVIEW), "muted", id="computed, not counted"),
    ],
)
def test_a_loss_alarms_unless_it_is_none(loss: Loss, tone: str):
    assert one(loss).tone == tone


@pytest.mark.parametrize(
    ("rows", "estimate", "words"),
    [
        (0, False, "0 rows"),
        (1, False, "1 row"),
        (2, False, "2 rows"),
        (1_234, False, "1,234 rows"),
        (1_234, True, "about 1,234 rows"),
    ],
)
def test_its_rows_are_counted(rows: int, estimate: bool, words: str):
    assert values.says(one(values.loss(rows, is_estimate=estimate)).count, words)


def test_a_number_nobody_knows_is_no_number():
    assert not any(c.isdigit() for c in one(values.loss(None)).count)


@pytest.mark.parametrize(
    ("fate", "columns"),
    [
        pytest.param(Fate.DROPPED, (), id="a table dropped"),
        pytest.param(Fate.DROPPED, ("plan",), id="a column dropped"),
        pytest.param(Fate.EMPTIED, (), id="a table emptied"),
        pytest.param(Fate.REDUCED, (), id="some rows deleted"),
        pytest.param(Fate.OVERWRITTEN, ("plan",), id="a column overwritten"),
        pytest.param(Fate.NARROWED, ("plan",), id="a column narrowed"),
    ],
)
def test_what_becomes_of_it_is_said_of_tables_and_columns(fate: Fate, columns: tuple[str, ...]):
    view = one(values.loss(fate=fate, columns=columns))
    assert view.becomes
    assert (view.what, view.columns) == ("platform.users", columns)


def test_every_fate_has_words_and_no_two_the_same():
    said = [words for pair in presenter.BECOMES.values() for words in pair if words]
    assert set(presenter.BECOMES) == set(Fate)
    assert len(said) == len(set(said))


def test_computed_rows_are_told_from_rows_that_are_gone():
    assert one(values.loss(kind=MATVIEW)).becomes != one(values.loss()).becomes


# What else is known of it


def aside(loss: Loss, **known: Any) -> list[str]:
    return list(one(loss, **known).aside)


def test_an_apply_of_a_table_that_can_be_saved_has_nothing_to_add():
    assert aside(values.loss(), plan=APPLY) == []


def test_why_it_was_not_counted_comes_first():
    remarks = aside(values.loss(None, why_unknown="it is locked", size=5_000_000))
    assert "it is locked" in remarks[0]
    assert len(remarks) == 3


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 row was"), (2, "2 rows were"), (1_500, "1,500 rows were")],
)
def test_a_rollback_says_what_was_written_since(count: int, words: str):
    assert any(values.says(each, words) for each in aside(values.loss(written_since=count)))


def test_nothing_written_since_is_told_from_nobody_knows():
    nothing, unknown = aside(values.loss(written_since=0)), aside(values.loss(written_since=None))
    assert len(nothing) == len(unknown) == 1
    assert nothing != unknown


def test_an_apply_says_nothing_of_what_was_written_since():
    assert aside(values.loss(written_since=7), plan=APPLY) == []


@pytest.mark.parametrize(("size", "worded"), [(0, False), (999_999, False), (1_000_000, True)])
def test_a_size_is_told_where_copying_takes_a_moment(size: int, worded: bool):
    assert bool(aside(values.loss(size=size), plan=APPLY)) is worded


@pytest.mark.parametrize(
    ("loss", "count"),
    [
        pytest.param(values.loss(fate=Fate.REDUCED, why_unsaved="a condition picks them"), 1, id="which rows go"),
        pytest.param(values.loss(copy=None), 1, id="kept elsewhere"),
        pytest.param(values.loss(copy=None, kind=MATVIEW), 0, id="computed"),
        pytest.param(
            values.loss(columns=("plan",), copy=values.copy(columns=("plan",))), 1, id="columns without a key"
        ),
        pytest.param(
            values.loss(columns=("plan",), copy=values.copy(columns=("plan",), key=("id",))), 0, id="columns with a key"
        ),
        pytest.param(values.loss(copy=values.copy()), 0, id="whole rows without a key"),
    ],
)
def test_why_it_cannot_be_saved_first_is_told(loss: Loss, count: int):
    assert len(aside(loss, plan=APPLY)) == count


def test_where_nothing_can_be_saved_a_missing_key_is_no_news():
    loss = values.loss(columns=("plan",), copy=values.copy(columns=("plan",)))
    assert aside(loss, plan=APPLY, cannot_save="The schema is taken.") == []


def test_an_estimate_says_so_beside_its_number():
    assert len(aside(values.loss(is_estimate=True), plan=APPLY)) == 1


# Around the losses


def test_losses_keep_their_order():
    view = shown(values.loss(table="b"), values.loss(table="a"), values.loss(table="c"))
    assert [loss.what for loss in view.losses] == ["platform.b", "platform.a", "platform.c"]


def test_what_could_not_be_read_comes_before_why_nothing_can_be_saved():
    view = shown(values.loss(), unseen=("EXECUTE is called.",), cannot_save="The schema is taken.")
    assert view.unseen == ("EXECUTE is called.", "The schema is taken.")
    assert shown(values.loss()).unseen == ()


def test_what_the_plan_saves_first_is_listed():
    plan = values.plan(values.step(copies=(values.copy("users"), values.copy("plans", columns=("a",)))))
    assert shown(values.loss(), plan=plan).saves == ("platform.users", "platform.plans (a)")


def test_what_it_was_read_from_differs_by_what_is_known():
    text, bases = shown(values.loss()).basis, shown(values.loss(), from_rehearsal=True).basis
    uncounted = shown(values.loss(), failure="No answer.").basis
    assert len({text, bases, uncounted}) == 3
    assert text.startswith(uncounted)


@pytest.mark.parametrize("case", VERDICTS)
def test_every_forecast_is_sound(case: str):
    view, _ = VERDICTS[case]
    values.assert_sound(view)
    assert view.tone in values.TONES
    assert view.icon in values.drawn_icons()
