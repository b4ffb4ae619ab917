"""What an approver sends: the digest they saw, the name of what is protected, and a reason where they say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from config.calendars import Calendar
from dashboard.engine.forecast.values import UNKNOWN, Forecast
from dashboard.forms import decisions
from dashboard.selectors.requests import Tab
from dashboard.services.forecasts import NO_WORD
from tests.presenters import values

PLAN = values.plan(where=values.PRODUCTION)
LOSES = values.forecast(values.loss(240))


def sent(**data: str) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update(data)
    return query


def form_of(kind: Any, where: Any = values.PRODUCTION, *, forecast: Forecast | None = LOSES, **data: str) -> Any:
    return kind(sent(**data), plan=PLAN, environment=where, forecast=forecast)


# Which tab


@pytest.mark.parametrize("tab", Tab)
def test_a_tab_is_chosen_by_its_name(tab: Tab):
    assert decisions.QueueQuery({"tab": tab.value}).chosen() is tab


@pytest.mark.parametrize("data", [{}, {"tab": ""}, {"tab": "moon"}], ids=["none", "empty", "unknown"])
def test_any_other_is_what_waits_for_the_reader(data: dict[str, str]):
    assert decisions.QueueQuery(data).chosen() is Tab.NEEDS_ME


@pytest.mark.parametrize("page", ["0", "-1", "x"])
def test_a_page_that_cannot_be_does_not_change_the_tab(page: str):
    assert decisions.QueueQuery({"tab": "done", "page": page}).chosen() is Tab.DONE


# Running what was approved


def run_form(where: Any = values.PRODUCTION, **known: Any) -> decisions.RunForm:
    form: decisions.RunForm = form_of(decisions.RunForm, where, **known)
    return form


FULL = {"typed_name": "production", "typed_rows": "240", "shown_rows": "240"}


def test_a_protected_environment_wants_its_name_and_the_rows_in_this_order():
    assert list(run_form().fields) == ["typed_rows", "shown_rows", "typed_name"]


def test_a_free_one_wants_nothing():
    form = run_form(values.STAGING, forecast=values.forecast())
    assert list(form.fields) == []
    assert form.is_valid()
    assert form.typed == ""


def test_with_both_it_runs():
    form = run_form(**FULL)
    assert form.is_valid()
    assert form.typed == "production"


@pytest.mark.parametrize("typed", ["", "Production", "prod", "staging", "production!"])
def test_another_name_is_refused_beside_its_field(typed: str):
    form = run_form(**{**FULL, "typed_name": typed})
    assert not form.is_valid()
    assert set(form.errors) == {"typed_name"}


def test_blanks_around_the_name_do_not_matter():
    assert run_form(**{**FULL, "typed_name": " production "}).is_valid()


def test_the_label_names_what_to_type():
    label = str(run_form().fields["typed_name"].label)
    assert "production" in label
    assert "Production" in label


# How many rows


@pytest.mark.parametrize("typed", ["240", " 240 ", "2,4,0", "240."])
def test_the_number_may_be_typed_as_it_is_written(typed: str):
    assert run_form(**{**FULL, "typed_rows": typed}).is_valid()


@pytest.mark.parametrize("typed", ["", "0", "24", "2400", "many", "unknown"])
def test_another_number_is_refused_beside_its_field(typed: str):
    form = run_form(**{**FULL, "typed_rows": typed})
    assert not form.is_valid()
    assert set(form.errors) == {"typed_rows"}


@pytest.mark.parametrize("now", [200, 300], ids=["fewer by now", "more by now"])
def test_the_number_on_the_page_is_enough_however_many_there_are_by_now(now: int):
    shown = {**FULL, "typed_rows": "240", "shown_rows": "240"}
    assert run_form(forecast=values.forecast(values.loss(now)), **shown).is_valid()


def test_after_a_refusal_the_page_shows_what_is_counted_now():
    form = run_form(forecast=values.forecast(values.loss(300)), **{**FULL, "typed_rows": "5"})
    assert not form.is_valid()
    assert form["shown_rows"].value() == "300"


def test_where_nobody_knows_the_number_the_word_for_that_is_typed():
    unknown = values.forecast(values.loss(None))
    assert not run_form(forecast=unknown, **{**FULL, "typed_rows": "5"}).is_valid()
    assert run_form(forecast=unknown, **{**FULL, "typed_rows": UNKNOWN}).is_valid()
    assert UNKNOWN in str(run_form(forecast=unknown).fields["typed_rows"].label)


@pytest.mark.parametrize(
    "forecast",
    [Forecast(), values.forecast(values.loss(0))],
    ids=["nothing goes", "an empty table goes"],
)
def test_where_no_row_would_be_lost_none_has_to_be_typed(forecast: Forecast):
    assert list(run_form(forecast=forecast).fields) == ["typed_name"]


def test_what_was_typed_goes_with_what_was_counted():
    confirmation = run_form(**FULL).confirmation
    assert confirmation is not None
    assert (confirmation.forecast, confirmation.typed, confirmation.shown) == (LOSES, "240", "240")


def test_where_nobody_counted_the_service_counts_for_itself():
    assert run_form(forecast=None, **FULL).confirmation == NO_WORD


# Approving


def approve_form(**known: Any) -> decisions.ApproveForm:
    form: decisions.ApproveForm = form_of(decisions.ApproveForm, **{"digest": PLAN.digest, **known})
    return form


def test_approving_alone_wants_no_name_and_no_number():
    form = approve_form(comment="Fine.")
    assert form.is_valid()
    assert not form.runs
    assert form.decision == {"digest": PLAN.digest, "reason": "Fine.", "accepts_no_change": False}


def test_approving_and_running_wants_both():
    form = approve_form(then="run")
    assert form.runs
    assert not form.is_valid()
    assert set(form.errors) == {"typed_rows", "typed_name"}
    assert approve_form(then="run", **FULL).is_valid()


def test_a_comment_may_be_left_out_and_must_not_be_a_book():
    assert approve_form().is_valid()
    assert not approve_form(comment="x" * 2001).is_valid()


def test_without_the_digest_nothing_is_approved():
    form = form_of(decisions.ApproveForm)
    assert not form.is_valid()
    assert "digest" in form.errors


def test_the_fields_stand_in_the_order_in_which_they_are_read():
    visible = [field.name for field in approve_form().visible_fields()]
    assert visible == ["comment", "typed_rows", "typed_name", "then"]


# Rejecting


@pytest.mark.parametrize("reason", ["", "   "], ids=["nothing", "blanks"])
def test_a_rejection_wants_a_reason(reason: str):
    form = decisions.RejectForm({"digest": "d", "reason": reason})
    assert not form.is_valid()
    assert set(form.errors) == {"reason"}


def test_with_a_reason_it_is_sent():
    form = decisions.RejectForm({"digest": "d", "reason": "Too late."})
    assert form.is_valid()
    assert form.cleaned_data == {"digest": "d", "reason": "Too late."}


# Starting at a time

BERLIN = replace(values.PRODUCTION, calendar=Calendar(zone="Europe/Berlin"))


def schedule_form(start: str, where: Any = BERLIN) -> decisions.ScheduleForm:
    form: decisions.ScheduleForm = form_of(decisions.ScheduleForm, where, start=start, **FULL)
    return form


def test_a_start_is_read_by_the_clock_of_the_environment():
    form = schedule_form("2026-12-24T22:00")
    assert "Europe/Berlin" in str(form.fields["start"].label)
    assert form.is_valid()
    assert form.cleaned_data["start"] == datetime(2026, 12, 24, 21, tzinfo=UTC)


@pytest.mark.parametrize("start", ["", "soon", "2026-02-30T10:00", "2027-03-28T02:30"])
def test_a_time_that_never_comes_is_refused_beside_its_field(start: str):
    form = schedule_form(start)
    assert not form.is_valid()
    assert set(form.errors) == {"start"}


def test_a_start_wants_what_running_wants():
    form = form_of(decisions.ScheduleForm, start="2026-12-24T22:00")
    assert list(form.fields) == ["start", "typed_rows", "shown_rows", "typed_name"]
    assert set(form.errors) == {"typed_rows", "typed_name"}


# Comments, and what is done without an approval


@pytest.mark.parametrize(
    ("form", "name"),
    [
        pytest.param(decisions.CommentForm, "text", id="a comment"),
        pytest.param(decisions.ReviewForm, "comment", id="a review"),
    ],
)
@pytest.mark.parametrize("words", ["", "   "], ids=["nothing", "blanks"])
def test_whoever_says_something_says_something(form: Any, name: str, words: str):
    assert set(form({name: words}).errors) == {name}
    assert form({name: "Looked at it."}).is_valid()


GLASS = {"digest": "d", "reason": "Nobody can sign in", "typed_name": "production"}


@pytest.mark.parametrize("left_out", GLASS)
def test_breaking_the_glass_wants_a_reason_and_the_name(left_out: str):
    assert decisions.BreakGlassForm(sent(**GLASS), environment=values.PRODUCTION).is_valid()
    form = decisions.BreakGlassForm(sent(**{**GLASS, left_out: ""}), environment=values.PRODUCTION)
    assert set(form.errors) == {left_out}
    assert values.PRODUCTION.slug in str(form.fields["typed_name"].label)
