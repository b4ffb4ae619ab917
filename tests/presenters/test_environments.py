"""How an environment stands: one pill, the worst first, and nothing that hides what stands in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string

from dashboard.engine.migration import OtherHistory
from dashboard.engine.status import State
from dashboard.models import ChangeRequest, Run, RunStep
from dashboard.models.failures import Failure
from dashboard.presenters import environments as presenter
from dashboard.presenters import statuses
from dashboard.presenters.environments import Remark
from dashboard.selectors.environments import Standing
from tests.presenters import values

DANGER_FAIL = ("danger", "fail")
STALE = presenter.STALE_AFTER + timedelta(seconds=5)


def remarks(standing: Standing) -> list[Remark]:
    return list(presenter.remarks(standing))


def only(standing: Standing) -> Remark:
    (remark,) = remarks(standing)
    return remark


def stale() -> Any:
    return values.look(seen_at=values.ago(seconds=STALE.total_seconds()))


# Of the history of another tool, and of what failed and whose file is gone


def test_a_history_that_waits_to_be_imported_needs_attention():
    dbmate = OtherHistory(tool="dbmate", title="dbmate", table="public.schema_migrations", keys=("001",))
    waiting = values.standing(values.status(), elsewhere=(dbmate,))
    remark = remarks(waiting)[0]
    assert "dbmate (public.schema_migrations) waits to be imported" in remark.text
    assert values.page_of(remark.url) == ("import", {"slug": "staging"})
    assert values.looks(presenter.pill(waiting)) == ("warn", "attention")


def test_what_was_undone_and_whose_file_is_gone_alarms_nobody():
    undone = values.status(state=State.MISSING, came_to_nothing=True)
    standing = values.standing(undone)
    assert (only(standing).tone, "nothing of that remains" in only(standing).text) == ("muted", True)
    assert values.looks(presenter.pill(standing)) == ("ok", "ok")
    both = remarks(values.standing(undone, values.status("002", "plans", state=State.MISSING)))
    assert ["002_plans is recorded" in remark.text for remark in both] == [False, True]


# The pill


PILLS = {
    "nothing to do": (values.standing(values.status(state=State.APPLIED)), ("ok", "ok")),
    "an empty folder": (values.standing(), ("ok", "ok")),
    "two pending": (values.standing(values.status(), values.status("002", "plans")), ("info", "pending")),
    "rolled back": (values.standing(values.status(state=State.ROLLED_BACK)), ("info", "pending")),
    "skipped": (values.standing(values.status(state=State.SKIPPED)), ("ok", "ok")),
    "comments edited": (values.standing(values.status(state=State.ANNOTATED)), ("ok", "ok")),
    "failed": (values.standing(values.status(state=State.FAILED)), DANGER_FAIL),
    "modified": (values.standing(values.status(state=State.MODIFIED)), ("warn", "attention")),
    "a conflict": (values.standing(values.status(state=State.CONFLICT)), ("warn", "attention")),
    "a record that is gone": (values.standing(values.status(state=State.UNRECORDED)), ("warn", "attention")),
    "an altered record": (values.standing(values.status(state=State.ALTERED)), ("warn", "attention")),
    "out of order": (values.standing(values.status(state=State.OUT_OF_ORDER)), ("warn", "attention")),
    "file gone": (values.standing(values.status(state=State.MISSING)), ("warn", "attention")),
    "a broken file": (values.standing(values.blocked()), ("warn", "attention")),
    "drifted": (values.standing(drift=values.drift(values.DRIFTED, differing=1)), ("warn", "attention")),
    "a request open": (values.standing(values.status(), requests=(values.request(),)), ("wait", "wait")),
    "unreachable": (
        values.standing(look=values.look(failure=values.UNREACHABLE)),
        ("danger", "unreachable"),
    ),
    "another database": (values.standing(look=values.look(failure=values.OTHER_DATABASE)), ("danger", "conflict")),
    "never seen": (values.standing(look=None, known=False), ("muted", "unknown")),
    "folder not read": (values.standing(known=False), ("muted", "unknown")),
    "no database": (values.standing(where=values.UNSET, look=None, known=False), ("muted", "unreachable")),
    "broken off": (
        values.standing(look=values.look(values.history(unfinished=(values.unfinished(),)))),
        DANGER_FAIL,
    ),
}


@pytest.mark.parametrize("case", PILLS)
def test_its_pill(case: str):
    standing, expected = PILLS[case]
    pill = presenter.pill(standing)
    assert values.looks(pill) == expected
    values.assert_sound(pill)


@pytest.mark.parametrize("status", sorted(Run.ACTIVE))
@pytest.mark.parametrize("case", PILLS)
def test_a_run_under_way_outweighs_everything(case: str, status: str):
    standing, _ = PILLS[case]
    busy = values.standing(
        *standing.statuses, where=standing.environment, look=standing.look, last_run=values.run(status)
    )
    assert presenter.pill(busy) == statuses.RUN[status]


@pytest.mark.parametrize("status", sorted(set(Run.Status) - Run.ACTIVE))
def test_a_run_that_is_over_decides_nothing(status: str):
    assert values.looks(presenter.pill(values.standing(last_run=values.run(status)))) == ("ok", "ok")


RANKED = [
    pytest.param("failed", "modified", id="a failure before an edit"),
    pytest.param("broken off", "drifted", id="what broke off before drift"),
    pytest.param("modified", "a request open", id="an edit before a request"),
    pytest.param("drifted", "a request open", id="drift before a request"),
    pytest.param("a request open", "two pending", id="a request before what is pending"),
]


@pytest.mark.parametrize(("worse", "lesser"), RANKED)
def test_the_worse_of_two_gives_the_pill(worse: str, lesser: str):
    a, b = PILLS[worse][0], PILLS[lesser][0]
    both = values.standing(
        *b.statuses,
        *(values.status("009", s.name, s.state) for s in a.statuses),
        look=a.look if a.unfinished else b.look,
        drift=a.drift if a.drift.drifted else b.drift,
        requests=(*a.requests, *b.requests),
    )
    assert values.looks(presenter.pill(both)) == PILLS[worse][1]


def test_an_approved_request_does_not_wait_for_approval():
    standing = values.standing(values.status(), requests=(values.request(ChangeRequest.Status.APPROVED),))
    assert values.looks(presenter.pill(standing)) == ("info", "pending")


@pytest.mark.parametrize("count", [1, 2, 11])
def test_the_pill_says_how_many_are_pending(count: int):
    standing = values.standing(*(values.status(f"{n:03}", "x") for n in range(count)))
    assert values.says(presenter.pill(standing).label, str(count))


# The card


def test_a_card_counts_what_stands_there():
    standing = values.standing(
        values.status("001", state=State.APPLIED),
        values.status("002", "b", State.BASELINED),
        values.status("003", "c", State.SKIPPED),
        values.status("004", "d", State.FAILED),
        values.status("005", "e"),
        values.status("006", "f", State.CONFLICT),
    )
    card = presenter.card(standing)
    assert (card.head, card.applied, card.pending, card.attention) == ("002", 2, 2, 2)
    assert card.skipped == 1
    assert (card.unfinished, card.known, card.stale, card.trouble, card.next_step) == (0, True, False, "", "")
    values.assert_sound(card)


def test_a_card_names_what_is_under_way():
    approved, open_ = values.request(ChangeRequest.Status.APPROVED, pk=4), values.request(pk=3)
    card = presenter.card(values.standing(last_run=values.run(pk=9), requests=(approved, open_)))
    assert card.run is not None
    assert values.page_of(card.run.url) == ("run", {"pk": 9})
    assert [values.page_of(row.url) for row in card.requests] == [("request", {"pk": 4}), ("request", {"pk": 3})]


def test_a_card_of_nothing_names_no_run():
    card = presenter.card(values.standing())
    assert (card.run, card.requests, card.head) == (None, (), "")


TROUBLE = {
    "no database": (values.standing(where=values.UNSET, look=None, known=False), values.UNSET.variable),
    "never seen": (values.standing(look=None, known=False), "Staging"),
    "unreachable": (values.standing(look=values.look(failure=values.UNREACHABLE)), "It cannot be reached"),
    "another database": (values.standing(look=values.look(failure=values.OTHER_DATABASE)), "It is another database"),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_comes_with_what_to_do(case: str):
    standing, names = TROUBLE[case]
    card = presenter.card(standing)
    assert names in card.trouble
    assert card.next_step
    values.assert_sound(card)


def test_the_variable_of_a_database_that_is_not_set_is_named_in_what_to_do():
    standing, variable = TROUBLE["no database"]
    assert variable in presenter.card(standing).next_step


def test_the_advice_is_that_of_the_failure():
    card = presenter.card(values.standing(look=values.look(failure=values.UNREACHABLE)))
    assert card.next_step == values.UNREACHABLE.next_step


@pytest.mark.parametrize(
    ("seconds", "is_stale"), [(0, False), (60, False), (STALE.total_seconds(), True), (86_400, True)]
)
def test_an_old_look_is_called_stale(seconds: float, is_stale: bool):
    standing = values.standing(look=values.look(seen_at=values.ago(seconds=seconds)))
    assert presenter.is_stale(standing) is is_stale
    assert presenter.card(standing).stale is is_stale


@pytest.mark.parametrize(
    "look",
    [None, values.look(seen_at=None, history=None, failure=values.UNREACHABLE)],
    ids=["never seen", "never answered"],
)
def test_what_was_never_seen_is_not_called_stale(look: Any):
    assert not presenter.is_stale(values.standing(look=look))


def test_a_new_look_that_found_the_same_is_no_change_of_the_card():
    one, other = (presenter.card(values.standing(look=values.look(seen_at=values.ago(seconds=s)))) for s in (1, 9))
    assert repr(one) == repr(other)


# Refresh


@pytest.mark.parametrize(("back", "fields"), [("", ()), ("overview", (("back", "overview"),))], ids=["alone", "back"])
def test_refresh_posts_and_says_where_to_return(back: str, fields: tuple[tuple[str, str], ...]):
    button = presenter.refresh_button(values.standing(), back=back)
    assert (button.method, button.icon, button.fields, button.reason) == ("post", "refresh", fields, "")
    assert values.page_of(button.url) == ("environment-refresh", {"slug": "staging"})
    values.assert_button(button)


@pytest.mark.parametrize(
    ("environment", "shown"), [(values.STAGING, True), (values.UNSET, False)], ids=["set", "unset"]
)
def test_refresh_is_there_only_where_there_is_a_database(environment: Any, shown: bool):
    assert presenter.refresh_button(values.standing(where=environment, look=None)).show is shown


# Findings: what the overview says of it


def test_where_all_is_well_there_is_nothing_to_say():
    assert remarks(values.standing(values.status(state=State.APPLIED), values.status("002", "b", State.SKIPPED))) == []


LOOKS = {
    "no database": (values.standing(where=values.UNSET, look=None, known=False), "muted", "unreachable", 50),
    "never seen": (values.standing(look=None, known=False), "info", "unknown", 45),
    "another database": (
        values.standing(look=values.look(failure=values.OTHER_DATABASE)),
        "danger",
        "conflict",
        4,
    ),
    "unreachable": (values.standing(look=values.look(failure=values.UNREACHABLE)), "danger", "unreachable", 5),
    "stale": (values.standing(look=stale()), "warn", "queued", 44),
}


@pytest.mark.parametrize("case", LOOKS)
def test_what_is_said_of_the_look(case: str):
    standing, tone, icon, rank = LOOKS[case]
    remark = only(standing)
    assert (remark.tone, remark.icon, remark.rank) == (tone, icon, rank)
    assert remark.verbs is not None


def test_what_was_never_known_is_not_called_old():
    known, never = (
        only(values.standing(look=values.look(failure=values.UNREACHABLE, **changes)))
        for changes in ({}, {"history": None, "seen_at": None})
    )
    assert known.text != never.text


RUNS = {Run.Status.QUEUED: (3, "wait"), Run.Status.RUNNING: (3, "run"), Run.Status.INTERRUPTED: (1, "danger")}


@pytest.mark.parametrize("status", RUNS)
def test_a_run_under_way_is_named_by_its_number(status: str):
    remark = only(values.standing(last_run=values.run(status, pk=4711)))
    assert (remark.rank, remark.tone) == RUNS[status]
    assert remark.icon == statuses.RUN[status].icon
    assert values.says(remark.text, "4711")
    assert remark.rank <= presenter.RUN_RANK


STATES = {
    State.FAILED: (20, "danger"),
    State.UNRECORDED: (21, "warn"),
    State.MODIFIED: (30, "danger"),
    State.MISSING: (31, "warn"),
    State.CONFLICT: (32, "warn"),
    State.ALTERED: (33, "warn"),
}


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("state", STATES)
def test_migrations_that_need_somebody(state: State, count: int):
    """One is named, several are counted, and the link shows exactly these."""
    standing = values.standing(*(values.status(f"{n:03}", "plans", state) for n in range(1, count + 1)))
    remark = next(f for f in remarks(standing) if f.state == state.value)
    assert (remark.rank, remark.tone) == STATES[state]
    assert remark.icon == statuses.MIGRATION[state].icon
    assert values.says(remark.text, "001_plans" if count == 1 else f"{count} migrations")


@pytest.mark.parametrize("count", [1, 2])
def test_what_was_overtaken_is_told_beside_what_is_pending(count: int):
    standing = values.standing(*(values.status(f"{n:03}", "plans", State.OUT_OF_ORDER) for n in range(1, count + 1)))
    overtaken, behind = remarks(standing)
    assert (overtaken.rank, overtaken.tone, overtaken.state) == (40, "warn", "out_of_order")
    assert values.says(overtaken.text, "001_plans" if count == 1 else f"{count} migrations")
    assert behind.state == "pending"


@pytest.mark.parametrize(("count", "words"), [(1, "1 migration"), (2, "2 migrations"), (21, "21 migrations")])
def test_what_is_pending_is_counted(count: int, words: str):
    remark = only(values.standing(*(values.status(f"{n:03}", "plans") for n in range(count))))
    assert (remark.rank, remark.tone, remark.icon, remark.state) == (60, "info", "pending", "pending")
    assert values.says(remark.text, words)
    assert remark.verbs == ("is", "are")


@pytest.mark.parametrize("count", [1, 2])
def test_a_file_that_cannot_run_is_named_or_counted(count: int):
    standing = values.standing(*(values.blocked(f"{n:03}", "plans") for n in range(1, count + 1)))
    blocked, behind = remarks(standing)
    assert (blocked.rank, blocked.tone, blocked.icon, blocked.state) == (35, "warn", "attention", "attention")
    assert values.says(blocked.text, "001_plans" if count == 1 else "2 pending migrations")
    assert behind.rank > blocked.rank


@pytest.mark.parametrize("action", ["apply", "rollback"])
def test_what_broke_off_leads_to_where_it_is_settled(action: str):
    left = values.unfinished("004", "plans", action=action)
    remark = only(values.standing(look=values.look(values.history(unfinished=(left,)))))
    assert (remark.rank, remark.tone, remark.icon) == (10, "danger", "fail")
    assert values.page_of(remark.url) == ("settle", {"slug": "staging", "version": "004", "name": "plans"})
    assert ("rollback" in remark.text) == (action == "rollback")


@pytest.mark.parametrize(("count", "words"), [(1, "1 object"), (2, "2 objects")])
def test_drift_is_counted_and_leads_to_its_page(count: int, words: str):
    remark = only(values.standing(drift=values.drift(values.DRIFTED, differing=count)))
    assert (remark.rank, remark.tone, remark.icon) == (25, "warn", "modified")
    assert values.says(remark.text, words)
    assert values.page_of(remark.url) == ("drift", {"slug": "staging"})


def test_the_ranks_put_what_freezes_an_environment_first():
    """The order in which a person has to care, over everything that can be said."""
    worst_first = [
        values.standing(last_run=values.run(Run.Status.INTERRUPTED)),
        values.standing(last_run=values.run(Run.Status.RUNNING)),
        LOOKS["another database"][0],
        LOOKS["unreachable"][0],
        values.standing(look=values.look(values.history(unfinished=(values.unfinished(),)))),
        values.standing(values.status(state=State.FAILED)),
        values.standing(values.status(state=State.UNRECORDED)),
        values.standing(drift=values.drift(values.DRIFTED, differing=1)),
        values.standing(values.status(state=State.MODIFIED)),
        values.standing(values.status(state=State.MISSING)),
        values.standing(values.status(state=State.CONFLICT)),
        values.standing(values.status(state=State.ALTERED)),
        values.standing(values.blocked()),
        values.standing(values.status(state=State.OUT_OF_ORDER)),
        LOOKS["stale"][0],
        LOOKS["never seen"][0],
        LOOKS["no database"][0],
        values.standing(values.status()),
    ]
    ranks = [min(f.rank for f in remarks(standing)) for standing in worst_first]
    assert ranks == sorted(set(ranks))


def test_every_finding_has_a_tone_and_an_icon_that_exist():
    everything = values.standing(
        *(values.status(f"{n:03}", "x", state) for n, state in enumerate(State)),
        values.blocked("050", "y"),
        drift=values.drift(values.DRIFTED, differing=3),
        look=values.look(values.history(unfinished=(values.unfinished(),)), failure=values.UNREACHABLE),
        last_run=values.run(Run.Status.RUNNING),
    )
    said = remarks(everything)
    assert len(said) == 13
    for remark in said:
        assert remark.tone in values.TONES
        assert remark.icon in values.drawn_icons()
    values.assert_sound(*said)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("other_database", "leads to another database"),
        ("unreachable", "did not answer"),
        ("session_refused", "answered, and refused the session"),
        ("tracking_locked", "answered, and its history could not be read"),
    ],
)
def test_why_a_look_failed_names_the_environment(code: str, why: str):
    sentence = presenter.not_seen(values.STAGING, code)
    assert sentence.startswith("Staging ")
    assert why in sentence


def test_a_target_that_answers_is_not_called_unreachable():
    locked = Failure(code="tracking_locked", sentence="it is locked.")
    standing = values.standing(look=values.look(failure=locked))
    assert presenter.pill(standing) == presenter.UNREADABLE
    assert [f.text for f in presenter.remarks(standing) if f.rank == 5] == [
        "not readable; what is shown is from the last time it was."
    ]


@pytest.mark.parametrize(
    ("item", "is_blocked"),
    [
        pytest.param(values.blocked(), True, id="its file has an error"),
        pytest.param(values.status(), False, id="its file is sound"),
        pytest.param(values.status(state=State.MISSING), False, id="it has no file"),
        pytest.param(
            values.status(state=State.APPLIED, migration=values.migration(problems=[values.problem()])),
            False,
            id="it has run already",
        ),
    ],
)
def test_blocked_is_what_is_pending_and_broken(item: Any, is_blocked: bool):
    assert presenter.is_blocked(item) is is_blocked


def test_a_hostile_name_is_text_on_the_card():
    where = values.environment(name=values.HOSTILE)
    standing = values.standing(
        where=where,
        look=None,
        known=False,
        last_run=values.run(title=values.HOSTILE, steps=[values.run_step(RunStep.Status.COMMITTED)]),
    )
    card = presenter.card(standing)
    values.assert_sound(card)
    assert values.HOSTILE not in render_to_string("_components/environment_card.html", {"card": card})
