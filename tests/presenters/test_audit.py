"""Audit events as people and spreadsheets read them: each with its look, its place and its links, none alive."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.template.loader import get_template
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.presenters import audit as presenter
from dashboard.presenters.audit import EventView
from dashboard.selectors.audit import Titles
from dashboard.services.actors import SIGNALBOX
from dashboard.services.audit import Event
from dashboard.services.audit_chain import ChainCheck, ChainFault
from dashboard.services.audit_guard import Power
from dashboard.services.audit_keys import FALLBACK_VARIABLE, OWN_VARIABLE, AuditKey
from tests.presenters import values

LOOKS = {
    Event.SIGNED_IN: ("muted", "user"),
    Event.SIGN_IN_FAILED: ("warn", "attention"),
    Event.SIGNED_OUT: ("muted", "sign-out"),
    Event.SESSIONS_ENDED: ("muted", "sign-out"),
    Event.PERSON_INVITED: ("info", "plus"),
    Event.LINK_MADE: ("warn", "lock"),
    Event.LINK_USED: ("warn", "lock"),
    Event.TOKEN_MADE: ("warn", "lock"),
    Event.TOKEN_REVOKED: ("warn", "lock"),
    Event.TOKEN_REFUSED: ("warn", "lock"),
    Event.PERSON_CREATED: ("info", "user"),
    Event.PERSON_DEACTIVATED: ("warn", "cancel"),
    Event.PERSON_REACTIVATED: ("warn", "user"),
    Event.ROLE_CHANGED: ("warn", "user"),
    Event.EMAIL_CHANGED: ("warn", "user"),
    Event.PROVIDER_CONNECTED: ("warn", "lock"),
    Event.PASSWORD_SET: ("warn", "lock"),
    Event.SECOND_FACTOR_ADDED: ("info", "lock"),
    Event.SECOND_FACTOR_REMOVED: ("warn", "lock"),
    Event.REQUEST_OPENED: ("info", "request"),
    Event.REQUEST_APPROVED: ("ok", "ok"),
    Event.REQUEST_REJECTED: ("danger", "fail"),
    Event.REQUEST_WITHDRAWN: ("muted", "cancel"),
    Event.REQUEST_EXPIRED: ("muted", "queued"),
    Event.REQUEST_SUPERSEDED: ("warn", "modified"),
    Event.REQUEST_DONE: ("muted", "ok"),
    Event.REQUEST_REEVALUATED: ("warn", "modified"),
    Event.REQUEST_SCHEDULED: ("info", "queued"),
    Event.REQUEST_UNSCHEDULED: ("muted", "cancel"),
    Event.REQUEST_NOT_STARTED: ("warn", "attention"),
    Event.REQUEST_COMMENTED: ("muted", "comment"),
    Event.BREAK_GLASS_OPENED: ("danger", "attention"),
    Event.BREAK_GLASS_USED: ("danger", "run"),
    Event.BREAK_GLASS_REVIEWED: ("ok", "ok"),
    Event.RUN_QUEUED: ("info", "queued"),
    Event.RUN_STARTED: ("run", "run"),
    Event.RUN_CANCEL_REQUESTED: ("warn", "cancel"),
    Event.RUN_SUCCEEDED: ("ok", "ok"),
    Event.RUN_FAILED: ("danger", "fail"),
    Event.RUN_CANCELLED: ("muted", "cancel"),
    Event.RUN_INTERRUPTED: ("danger", "attention"),
    Event.RUN_RESOLVED: ("warn", "ok"),
    Event.RUN_ENDED_BY_HAND: ("danger", "attention"),
    Event.INSTALLATION_COPIED: ("danger", "attention"),
    Event.INSTALLATION_CONFIRMED: ("warn", "lock"),
    Event.ENVIRONMENT_REBOUND: ("warn", "environment"),
    Event.DRIFT_FOUND: ("warn", "modified"),
    Event.DRIFT_GONE: ("ok", "ok"),
    Event.DRIFT_ACCEPTED: ("warn", "baseline"),
    Event.REHEARSAL_ASKED: ("info", "queued"),
    Event.REHEARSAL_DONE: ("ok", "rehearsal"),
    Event.REHEARSAL_FAILED: ("warn", "attention"),
    Event.RUN_MESSAGES_ERASED: ("warn", "cancel"),
    Event.SOURCE_MOVED: ("info", "migration"),
    Event.SOURCE_FETCH_ASKED: ("muted", "refresh"),
    Event.SOURCE_FETCH_FAILED: ("warn", "unreachable"),
    Event.SOURCE_HOOK_REFUSED: ("warn", "lock"),
    Event.ACCESS_REFUSED: ("warn", "lock"),
    Event.MAIL_UNDELIVERED: ("warn", "attention"),
    Event.KEYED: ("warn", "lock"),
}
#: What a spreadsheet takes for the start of a formula, or swallows on the way to one.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
#: What changes who may do what; nobody should read over it.
OF_POWER = [
    Event.LINK_MADE,
    Event.LINK_USED,
    Event.TOKEN_MADE,
    Event.PERSON_DEACTIVATED,
    Event.PERSON_REACTIVATED,
    Event.ROLE_CHANGED,
    Event.PASSWORD_SET,
    Event.SECOND_FACTOR_REMOVED,
]


def view(kind: Event = Event.SIGNED_IN, titles: Titles | None = None, **changes: Any) -> EventView:
    (made,) = presenter.views([values.audit_event(kind.value, **changes)], titles or Titles())
    return made


# How it looks


@pytest.mark.parametrize("event", Event)
def test_every_event_looks_as_it_should(event: Event):
    made = view(event)
    assert (made.tone, made.icon) == LOOKS[event]
    assert made.icon in values.drawn_icons()
    assert made.tone in values.TONES


@pytest.mark.parametrize("event", Event)
def test_every_event_has_a_name_for_the_filter_and_a_sentence(event: Event):
    assert presenter.KIND_LABELS[event.value]
    get_template(view(event).template)


def test_no_two_events_have_one_name():
    assert len(set(presenter.KIND_LABELS.values())) == len(Event)
    assert set(presenter.KIND_LABELS) == {event.value for event in Event}


@pytest.mark.parametrize("event", OF_POWER)
def test_what_changes_who_may_do_what_is_never_quiet(event: Event):
    assert view(event).tone == "warn"


# What it names


def test_it_keeps_what_was_recorded():
    made = view(pk=42, actor="carol", data={"reason": "x"}, source_ip="192.0.2.7")
    assert (made.number, made.at, made.actor) == (42, values.MOMENT, "carol")
    assert (made.data, made.source_ip) == ({"reason": "x"}, "192.0.2.7")


def test_events_keep_their_order():
    events = [values.audit_event(Event.SIGNED_IN.value, pk=pk) for pk in (9, 4, 7)]
    assert [made.number for made in presenter.views(events, Titles())] == [9, 4, 7]


@pytest.mark.parametrize(
    ("slug", "url"),
    [("", None), ("production", "/environments/production/"), ("gone", "")],
    ids=["none", "one", "gone"],
)
def test_its_place(slug: str, url: str | None):
    place = view(environment=slug).place
    assert (place.url if place else None) == url
    assert place is None or place.slug == slug


@pytest.mark.parametrize("page", ["request", "run"])
def test_it_links_to_what_it_is_about_with_its_title(page: str):
    titles = Titles(requests={3: "Apply 001"}, runs={3: "Apply 001"})
    made = view(titles=titles, **{f"{page}_id": 3})
    link, other = (made.request, made.run) if page == "request" else (made.run, made.request)
    assert link is not None
    assert (link.number, link.title, values.page_of(link.url)) == (3, "Apply 001", (page, {"pk": 3}))
    assert other is None


def test_what_is_gone_is_still_linked_by_its_number():
    link = view(run_id=3).run
    assert link is not None
    assert (link.number, link.title) == (3, "")


@pytest.mark.parametrize("event", Event)
def test_every_view_is_sound(event: Event):
    values.assert_sound(view(event, environment="production", request_id=1, run_id=2, actor=values.HOSTILE))


# The chain


OWN_KEY = AuditKey(id="k", secret=b"", variable=OWN_VARIABLE)


@pytest.mark.parametrize("count", [0, 1, 2, 1_234])
def test_a_chain_that_holds_is_green_and_counts_its_events(count: int):
    chain = presenter.chain(ChainCheck(count=count, keyed=count, key=OWN_KEY))
    assert (chain.tone, chain.icon) == ("ok", "ok")
    assert values.says(chain.sentence, f"{count:,} event{'' if count == 1 else 's'}")
    assert not values.says(chain.sentence, "SIGNALBOX_SECRET_KEY")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heads": 0}, "shows only against a head kept elsewhere"),
        ({"heads": 1}, "holds the head kept elsewhere"),
        ({"heads": 3}, "holds the 3 heads kept elsewhere"),
        ({"keyed": 4}, "The first 1 event was written before there was a key"),
        ({"keyed": 2}, "The first 3 events were written before there was a key"),
        ({"key": None}, "could have written all of it anew"),
        ({"key": AuditKey(id="k", secret=b"", variable=FALLBACK_VARIABLE)}, "SIGNALBOX_AUDIT_KEY is not set"),
    ],
)
def test_it_says_how_far_the_check_goes(changes: dict[str, Any], words: str):
    chain = presenter.chain(ChainCheck(**{"count": 5, "keyed": 5, "key": OWN_KEY, **changes}))
    assert values.says(chain.sentence, words)


@pytest.mark.parametrize("fault", ChainFault)
def test_a_chain_that_breaks_is_an_alarm_and_names_the_event(fault: ChainFault):
    event = values.audit_event(Event.SIGNED_IN.value, pk=42)
    chain = presenter.chain(ChainCheck(count=41, fault=fault, event=event, event_id=42))
    assert (chain.tone, chain.icon) == ("danger", "fail")
    assert "vent 42" in chain.sentence or fault in {ChainFault.NEVER_KEYED, ChainFault.EMPTY}
    assert values.says(chain.sentence, "41 events")


# The spreadsheet


def rows(*events: Any) -> list[dict[str, str]]:
    names, *cells = presenter.rows(events)
    return [dict(zip(names, row, strict=True)) for row in cells]


def test_the_first_row_names_the_columns():
    assert list(presenter.rows([])) == [list(presenter.COLUMNS)]


def test_each_event_is_a_row_in_their_order():
    made = rows(*(values.audit_event(Event.SIGNED_IN.value, pk=pk) for pk in (9, 4)))
    assert [row["id"] for row in made] == ["9", "4"]


def test_each_cell_stands_under_its_name():
    (row,) = rows(
        values.audit_event(
            Event.RUN_QUEUED.value, environment="staging", request_id=3, run_id=7, source_ip="192.0.2.7", data={"a": 1}
        )
    )
    assert row == {
        "id": "11",
        "at": "2026-03-05T14:30:15.000+00:00",
        "kind": "run.queued",
        "actor": "alice",
        "environment": "staging",
        "request": "3",
        "run": "7",
        "source_ip": "192.0.2.7",
        "data": json.dumps({"a": 1}),
        "hash": "h" * 64,
        "key": "",
        "position": "",
    }


def test_a_moment_is_told_in_utc_whatever_zone_it_comes_in():
    berlin = timezone(timedelta(hours=2))
    (row,) = rows(values.audit_event(Event.SIGNED_IN.value, at=datetime(2026, 3, 5, 16, 30, 15, tzinfo=berlin)))
    assert row["at"] == "2026-03-05T14:30:15.000+00:00"


def test_what_is_not_there_is_empty_and_never_the_word_none():
    (row,) = rows(values.audit_event(Event.SIGNED_IN.value))
    assert (row["request"], row["run"], row["source_ip"], row["data"]) == ("", "", "", "")


@pytest.mark.parametrize("start", FORMULAS)
def test_no_cell_is_a_formula(start: str):
    (row,) = rows(values.audit_event(Event.SIGNED_IN.value, actor=f"{start}cmd()"))
    assert row["actor"] == f"'{start}cmd()"


@pytest.mark.parametrize("name", ["alice", "a=b", "1+1", "", " =x"])
def test_any_other_cell_is_as_it_was(name: str):
    (row,) = rows(values.audit_event(Event.SIGNED_IN.value, actor=name))
    assert row["actor"] == name


@settings(deadline=None)  # a busy machine is no fault
@given(st.text(max_size=20))
def test_whatever_a_person_is_called_the_cell_is_inert_and_nothing_is_lost(name: str):
    (row,) = rows(values.audit_event(Event.SIGNED_IN.value, actor=name))
    assert not row["actor"].startswith(FORMULAS)
    assert row["actor"].removeprefix("'") == name.removeprefix("'") or row["actor"] == name


def test_a_spreadsheet_reads_back_what_was_written():
    data = {"reason": 'He said "no",\nand left.'}
    out = io.StringIO()
    csv.writer(out).writerows(presenter.rows([values.audit_event(Event.REQUEST_REJECTED.value, data=data)]))
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert json.loads(row["data"]) == data


def test_what_was_accepted_unproven_is_called_as_among_the_evidence() -> None:
    verdicts = {"rehearsal": "satisfied", "reversible": "answered", "lint": "not_required"}
    assert view(Event.REQUEST_APPROVED, data={"verdicts": verdicts}).unproven == ("Rollback",)


def test_a_requirement_that_is_gone_keeps_its_own_name() -> None:
    assert view(Event.REQUEST_APPROVED, data={"verdicts": {"two_people": "answered"}}).unproven == ("two_people",)


@pytest.mark.parametrize(("actor", "by_person"), [("bob", True), (SIGNALBOX.name, False)])
def test_it_is_known_whether_a_person_did_it(actor: str, by_person: bool) -> None:
    assert view(Event.RUN_CANCELLED, actor=actor).by_person is by_person


# What the role could do


POWER = Power(role="writer", superuser=False, owner=False, may_change=False, trigger=True)


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        pytest.param({}, "ok", id="a writer that only adds"),
        pytest.param({"may_change": True}, "warn", id="one that may change rows, where a trigger refuses it"),
        pytest.param({"owner": True}, "warn", id="the owner of the table"),
        pytest.param({"superuser": True}, "warn", id="a superuser"),
        pytest.param({"trigger": False}, "danger", id="without the trigger"),
        pytest.param({"trigger": False, "superuser": True}, "danger", id="without the trigger, whoever it is"),
    ],
)
def test_what_the_role_could_do_to_the_log_is_told(changes: dict[str, bool], tone: str):
    made = presenter.power(replace(POWER, **changes))
    assert made.tone == tone
    assert made.icon in values.drawn_icons()
    assert "writer" in made.sentence or not POWER.trigger or "trigger" in changes


@pytest.mark.parametrize("event", Event)
def test_every_event_has_its_template(event: Event):
    assert get_template(presenter.template_of(event.value))
