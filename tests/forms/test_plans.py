"""What people send about a plan: the digest they saw, what they accept, why they want it, and what they typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.template.loader import render_to_string

from config.environments import Requirement
from dashboard.engine.errors import EngineError
from dashboard.engine.forecast.values import UNKNOWN
from dashboard.engine.plan import Action, Plan
from dashboard.forms import plans as forms
from dashboard.forms.decisions import ApproveForm
from dashboard.forms.plans import PlanForm
from dashboard.services.errors import PageOutdated
from dashboard.services.evidence import Evidence, EvidenceStatus, Item
from tests.presenters import values

WARNED = values.plan(
    where=values.PRODUCTION, warnings=(values.warning(), values.warning("odd", needs_acceptance=False))
)
PLAIN = values.plan(where=values.PRODUCTION)
LOSES = values.forecast(values.loss(240))
NO_PROOF = Evidence(items=(Item(requirement=Requirement.REVERSIBLE, verdict=EvidenceStatus.MISSING, sentence="x"),))
NO_WAY_BACK = Evidence(items=NO_PROOF.items, irreversible=True)
IRREVERSIBLE = values.plan(values.step(down_sql=None), where=values.PRODUCTION)


def form(plan: Plan = PLAIN, *, asks: bool = True, where: Any = values.PRODUCTION, **known: Any) -> PlanForm:
    """`sent` is what comes back from the page; its digest is that of the plan unless a test sends another."""
    data = QueryDict(mutable=True)
    for name, value in {"digest": plan.digest, **known.pop("sent", {})}.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return PlanForm(data, plan=plan, environment=where, asks=asks, **known)


# How far


@pytest.mark.parametrize(
    ("query", "version"), [({}, None), ({"upto": ""}, None), ({"upto": "009"}, "009"), ({"upto": "9" * 65}, None)]
)
def test_how_far_an_apply_goes(query: dict[str, str], version: str | None):
    assert forms.ApplyQuery(query).version() == version


# Which fields there are


FIELDS = {
    "a request": (form(), ["digest", "reason"]),
    "a run on a free environment": (form(asks=False, where=values.STAGING), ["digest"]),
    "a run on a protected one": (form(asks=False), ["digest", "typed_name"]),
    "with a warning": (form(WARNED), ["digest", "accepted", "reason"]),
    "a request that loses rows": (form(forecast=LOSES), ["digest", "reason", "save_rows"]),
    "a run that loses rows": (
        form(asks=False, forecast=LOSES),
        ["digest", "shown_rows", "save_rows", "typed_rows", "typed_name"],
    ),
    "a run that loses rows on a free environment": (
        form(asks=False, forecast=LOSES, where=values.STAGING),
        ["digest", "shown_rows", "save_rows", "typed_rows"],
    ),
    "a run that may lose values on a free environment": (
        form(asks=False, forecast=values.forecast(unseen=("UPDATE t SET a = f(a)",)), where=values.STAGING),
        ["digest", "shown_rows", "typed_rows"],
    ),
    "rows that cannot be saved": (form(forecast=values.forecast(values.loss(copy=None))), ["digest", "reason"]),
    "no way back": (form(IRREVERSIBLE, proof=NO_PROOF), ["digest", "reason", "irreversible_because"]),
    "no way back, and nobody asks for one": (form(IRREVERSIBLE), ["digest", "reason"]),
    "no way back, and run at once": (form(IRREVERSIBLE, asks=False, proof=NO_PROOF), ["digest", "typed_name"]),
}


@pytest.mark.parametrize("case", FIELDS)
def test_only_what_has_to_be_known_is_asked_in_the_order_it_is_read(case: str):
    made, names = FIELDS[case]
    assert list(made.fields) == names


def test_every_visible_field_has_a_label():
    for made, _ in FIELDS.values():
        assert all(field.label for field in made.visible_fields())


# The digest


def test_another_plan_than_the_one_on_the_page_is_refused_outright():
    with pytest.raises(PageOutdated):
        form(sent={"digest": WARNED.digest[::-1], "reason": "x"}).is_valid()


def test_the_page_carries_the_digest_of_its_plan():
    shown = PlanForm(plan=PLAIN, environment=values.PRODUCTION, asks=True)
    assert shown["digest"].value() == PLAIN.digest
    assert shown["digest"].is_hidden


# Warnings


def test_each_warning_that_needs_it_can_be_accepted_and_no_other():
    (choice,) = form(WARNED).fields["accepted"].choices  # type: ignore[attr-defined]
    assert choice == (WARNED.warnings[0].key, WARNED.warnings[0].sentence)


@pytest.mark.parametrize(
    ("accepted", "valid"),
    [([], False), (["no_rollback:001"], True), (["no_rollback:002"], False)],
    ids=["none", "this one", "another"],
)
def test_a_warning_has_to_be_accepted(accepted: list[str], valid: bool):
    made = form(WARNED, sent={"reason": "x", "accepted": accepted})
    assert made.is_valid() is valid
    assert set(made.errors) == (set() if valid else {"accepted"})


def test_of_two_warnings_both_have_to_be_accepted():
    two = values.plan(where=values.PRODUCTION, warnings=(values.warning(), values.warning(version="002")))
    one = form(two, sent={"reason": "x", "accepted": ["no_rollback:001"]})
    assert set(one.errors) == {"accepted"}
    assert form(two, sent={"reason": "x", "accepted": ["no_rollback:001", "no_rollback:002"]}).is_valid()


# Reasons


@pytest.mark.parametrize("reason", ["", " ", "x" * 2001], ids=["nothing", "blanks", "too long"])
def test_a_request_wants_a_reason(reason: str):
    assert set(form(sent={"reason": reason}).errors) == {"reason"}


def test_where_it_is_sure_that_there_is_no_way_back_it_has_to_be_said_why():
    sent = {"reason": "x"}
    assert set(form(IRREVERSIBLE, proof=NO_WAY_BACK, sent=sent).errors) == {"irreversible_because"}
    assert form(IRREVERSIBLE, proof=NO_WAY_BACK, sent={**sent, "irreversible_because": "merged"}).is_valid()


def test_where_a_rehearsal_will_tell_it_may_be_said():
    made = form(proof=NO_PROOF, sent={"reason": "x"})
    assert made.is_valid()
    assert made.fields["irreversible_because"].help_text


# Names and numbers


@pytest.mark.parametrize(
    ("typed", "valid"), [("production", True), (" production ", True), ("", False), ("Production", False)]
)
def test_a_run_on_a_protected_environment_wants_its_name(typed: str, valid: bool):
    made = form(asks=False, sent={"typed_name": typed})
    assert made.is_valid() is valid
    assert set(made.errors) == (set() if valid else {"typed_name"})


@pytest.mark.parametrize(
    ("typed", "valid"), [("240", True), ("2,40", True), ("", False), ("239", False), ("241", False)]
)
def test_a_run_that_loses_rows_wants_their_number(typed: str, valid: bool):
    sent = {"typed_name": "production", "typed_rows": typed, "shown_rows": "240"}
    made = form(asks=False, forecast=LOSES, sent=sent)
    assert made.is_valid() is valid
    assert set(made.errors) == (set() if valid else {"typed_rows"})


def test_the_label_says_what_to_type():
    known = form(asks=False, forecast=LOSES).fields["typed_rows"].label
    unknown = form(asks=False, forecast=values.forecast(values.loss(None))).fields["typed_rows"].label
    assert values.says(str(known), "240")
    assert UNKNOWN in str(unknown)
    assert "production" in str(form(asks=False).fields["typed_name"].label)


# What is sent on


def test_what_is_submitted_leaves_out_what_only_the_page_needs():
    sent = {"reason": "Needed.", "save_rows": "on"}
    made = form(forecast=LOSES, sent=sent)
    assert made.is_valid()
    assert set(made.submission) == {"reason", "confirmation"}
    assert made.submission["reason"] == "Needed."


@pytest.mark.parametrize(("ticked", "copies"), [(True, 1), (False, 0)], ids=["ticked", "not ticked"])
def test_rows_are_saved_first_where_that_is_ticked(ticked: bool, copies: int):
    made = form(forecast=LOSES, sent={"reason": "x", **({"save_rows": "on"} if ticked else {})})
    assert made.is_valid()
    assert len(made.chosen.steps[0].copies) == copies
    assert (made.chosen.digest == PLAIN.digest) is not ticked


def test_a_rollback_of_nothing_that_holds_rows_saves_none():
    plan = values.plan(values.step(action=Action.ROLLBACK), where=values.PRODUCTION)
    made = form(plan, sent={"reason": "x", "save_rows": "on"})
    assert made.is_valid()
    assert made.chosen == plan


# Refusals beside a field


def test_what_a_service_refuses_is_said_with_what_to_do():
    class No(EngineError):
        sentence = "No."
        advice = "Ask Carol."

    def check() -> None:
        raise No

    with pytest.raises(ValidationError, match="Ask Carol"):
        forms.as_field_error(check)
    forms.as_field_error(lambda: None)


# What is called optional


def said_to_be_optional(field: Any) -> bool:
    return "(optional)" in render_to_string("_components/field.html", {"field": field})


def test_a_number_that_is_typed_unless_the_rows_are_saved_is_not_called_optional():
    made = form(asks=False, forecast=LOSES)
    field = made["typed_rows"]
    assert (field.field.required, said_to_be_optional(field)) == (False, False)


def test_the_name_that_only_running_wants_is_not_called_optional():
    approving = ApproveForm(plan=PLAIN, environment=values.PRODUCTION, forecast=None)
    assert (approving["typed_name"].field.required, said_to_be_optional(approving["typed_name"])) == (False, False)
    assert said_to_be_optional(approving["comment"])
