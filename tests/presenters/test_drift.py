"""How a schema stands: the panel of an environment, the page of its drift, and two of them side by side."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.engine.schema.diff import Change, Difference
from dashboard.models import DriftCheck, Snapshot
from dashboard.models.roles import Role
from dashboard.presenters import drift as presenter
from dashboard.presenters import statuses
from dashboard.presenters.drift import ComparePage, SchemaPanel
from dashboard.presenters.pills import Pill
from dashboard.selectors.drift import DriftState
from dashboard.services.drift import LATE
from tests.presenters import values

Outcome = DriftCheck.Outcome
NEVER = DriftState()
FAILURE = {"code": "unreachable", "sentence": "It did not answer.", "next_step": "Look at it."}


def panel(state: DriftState, environment: object = values.STAGING) -> SchemaPanel:
    return presenter.panel(environment, state)  # type: ignore[arg-type]


# The panel


@pytest.mark.parametrize("outcome", Outcome)
def test_the_panel_looks_like_the_last_look(outcome: str):
    assert panel(values.drift(outcome)).pill == statuses.SCHEMA[outcome]


def test_a_schema_nobody_looked_at_says_so_and_nothing_else():
    made = panel(NEVER)
    assert made.pill == statuses.SCHEMA_NOT_SEEN
    assert (made.expected, made.differs, made.since, made.failure, made.checked_at) == ("", "", None, "", None)
    assert (made.checked_by, made.seen_at) == ("", None)


def test_its_links_lead_to_drift_and_to_the_comparison():
    made = panel(NEVER)
    assert values.page_of(made.url) == ("drift", {"slug": "staging"})
    assert values.page_of(made.compare_url) == ("compare", {})
    assert values.query_of(made.compare_url) == "b=staging"
    values.assert_sound(made)


@pytest.mark.parametrize(
    ("environment", "checking", "shown"),
    [
        pytest.param(values.STAGING, False, True, id="at rest"),
        pytest.param(values.STAGING, True, False, id="under way"),
        pytest.param(values.UNSET, False, False, id="no database"),
    ],
)
def test_a_check_can_be_asked_for_while_none_is_under_way(environment: object, checking: bool, shown: bool):
    made = panel(DriftState(checking=checking), environment)
    assert (made.check.show, made.checking) == (shown, checking)
    assert (made.check.method, made.check.icon, made.check.reason) == ("post", "refresh", "")


def test_the_check_goes_to_the_environment_of_the_panel():
    assert values.page_of(panel(NEVER, values.PRODUCTION).check.url) == ("drift-check", {"slug": "production"})


@pytest.mark.parametrize(("count", "words"), [(1, "1 object was"), (2, "2 objects were"), (21, "21 objects were")])
def test_what_differs_is_counted(count: int, words: str):
    made = panel(values.drift(Outcome.DRIFTED, differing=count, since=values.MOMENT))
    assert values.says(made.differs, words)
    assert made.since == values.MOMENT


def test_what_it_is_counted_of_stands_behind_the_number():
    said = presenter.differs(values.drift(Outcome.DRIFTED, differing=2), of=" of its schema")
    assert values.says(said, "2 objects of its schema were")


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(NEVER, id="never"),
        pytest.param(values.drift(Outcome.CLEAN, since=values.MOMENT), id="clean"),
        pytest.param(values.drift(Outcome.UNREACHABLE), id="unreachable"),
    ],
)
def test_nothing_differs_as_far_as_is_known(state: DriftState):
    made = panel(state)
    assert (made.differs, made.since) == ("", None)


def test_a_look_that_failed_says_why_and_keeps_what_was_known():
    last_check = values.drift_check(Outcome.DRIFTED, pk=1, at=values.MOMENT, differing=2)
    failed = values.drift_check(Outcome.UNREACHABLE, pk=2, at=values.MOMENT + timedelta(days=1), failure=FAILURE)
    made = panel(DriftState(last=failed, seen=last_check))
    assert values.looks(made.pill) == ("danger", "unreachable")
    assert (made.failure, made.next_step) == (FAILURE["sentence"], FAILURE["next_step"])
    assert (made.checked_at, made.seen_at) == (failed.at, last_check.at)
    assert values.says(made.differs, "2 objects")


def test_a_look_that_saw_something_needs_no_older_one():
    assert panel(values.drift()).seen_at is None


def test_who_asked_for_the_look_is_named():
    assert panel(values.drift(by=values.user("carol"))).checked_by == "carol"
    assert panel(values.drift()).checked_by == ""


@pytest.mark.parametrize(
    ("snapshot", "names"),
    [
        pytest.param(values.snapshot(Snapshot.Reason.RUN, run=values.run(pk=4711)), "4711", id="a run"),
        pytest.param(values.snapshot(Snapshot.Reason.ACCEPTED, by=values.user("carol")), "carol", id="accepted"),
        pytest.param(values.snapshot(Snapshot.Reason.FIRST), "first", id="the first look"),
        pytest.param(values.snapshot(Snapshot.Reason.ACCEPTED), "Signalbox asked", id="accepted by Signalbox"),
    ],
)
def test_what_is_expected_names_where_it_comes_from(snapshot: Snapshot, names: str):
    assert names in panel(values.drift(expected=snapshot)).expected


# The page of one environment


def test_without_a_difference_there_is_nothing_to_list():
    made = presenter.page(values.STAGING, values.drift(), [], by=values.actor())
    assert (made.diff, made.late) == (None, "")


def test_differences_are_listed_with_the_fingerprint_they_belong_to():
    state = values.drift(Outcome.DRIFTED, differing=1, fingerprint="f" * 64)
    made = presenter.page(values.STAGING, state, [values.difference()], by=values.actor())
    assert made.diff is not None
    assert (made.diff.total, made.fingerprint) == (1, "f" * 64)
    values.assert_sound(made)


LEFT = {"parent": "", "version": "003", "name": "b", "key": "index app.b", "object": "app.b"}


@pytest.mark.parametrize(("runs", "numbers"), [((7,), ["1", "7"]), ((7, 7), ["2", "7"]), ((9, 7, 9), ["3", "7", "9"])])
def test_what_runs_left_half_done_is_counted_and_each_run_named_once(runs: tuple[int, ...], numbers: list[str]):
    state = values.drift(values.DRIFTED, leftovers=[{**LEFT, "run": run} for run in runs])
    assert re.findall(r"\d+", presenter.left_half_done(state)) == numbers


@pytest.mark.parametrize("outcome", [DriftCheck.Outcome.CLEAN, DriftCheck.Outcome.UNREACHABLE])
def test_where_nothing_was_left_nothing_is_said_of_it(outcome: str):
    assert presenter.left_half_done(values.drift(outcome)) == ""


def test_each_thing_that_was_left_leads_to_its_run():
    state = values.drift(values.DRIFTED, leftovers=[{**LEFT, "run": 7}])
    (left,) = presenter.page(values.STAGING, state, (), by=values.actor()).leftovers
    assert left.run == 7
    values.assert_sound(left)


def test_a_schema_nobody_saw_has_no_fingerprint():
    assert presenter.page(values.STAGING, NEVER, [], by=values.actor()).fingerprint == ""


CHANGES = {
    Change.ADDED: ("warn", "plus"),
    Change.REMOVED: ("danger", "fail"),
    Change.CHANGED: ("warn", "modified"),
}


@pytest.mark.parametrize("change", Change)
def test_what_is_gone_alarms_and_what_is_new_warns(change: Change):
    assert values.looks(presenter.CHANGES[change]) == CHANGES[change]


@pytest.mark.parametrize(
    ("role", "may"),
    [(None, False), (Role.VIEWER, False), (Role.REQUESTER, False), (Role.APPROVER, False), (Role.ADMIN, True)],
    ids=["nobody", "viewer", "requester", "approver", "admin"],
)
def test_only_an_administrator_may_accept_and_others_are_told_why(role: Role | None, may: bool):
    refused = presenter.page(values.STAGING, NEVER, [], by=values.actor(role=role)).accept_refused
    assert (refused == "") is may
    assert may or Role.ADMIN.value in refused


@pytest.mark.parametrize(
    ("after", "late"),
    [
        pytest.param(timedelta(0), False, id="at once"),
        pytest.param(LATE, False, id="just in time"),
        pytest.param(LATE + timedelta(seconds=1), True, id="too late"),
    ],
)
def test_a_schema_read_long_after_its_run_is_said_to_hold_more(after: timedelta, late: bool):
    run = values.run(pk=4711, finished_at=values.MOMENT)
    expected = values.snapshot(Snapshot.Reason.RUN, run=run, taken_at=values.MOMENT + after)
    said = presenter.page(values.STAGING, values.drift(expected=expected), [], by=values.actor()).late
    assert values.says(said, "4711") is late
    assert bool(said) is late


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(values.snapshot(), id="no run"),
        pytest.param(values.snapshot(Snapshot.Reason.RUN, run=values.run()), id="a run without an end"),
    ],
)
def test_otherwise_nothing_is_said_of_the_moment(expected: Snapshot):
    assert presenter.page(values.STAGING, values.drift(expected=expected), [], by=values.actor()).late == ""


# Two side by side


TABLE = "table public.users"
PLAIN = values.difference(TABLE)
OTHER = values.difference("table public.plans")


def compared(*differences: Difference, **changes: object) -> ComparePage:
    return presenter.compare(values.comparison(*differences, **changes))


VERDICTS = {
    "one was never seen": (compared(b=values.side(values.PRODUCTION, seen=False)), presenter.UNKNOWN),
    "the same": (compared(), presenter.SAME),
    "another order": (compared(values.ORDER), presenter.ORDER),
    "explained": (compared(PLAIN, explained={TABLE: "by 001"}), presenter.EXPLAINED),
    "part explained": (compared(PLAIN, OTHER, explained={TABLE: "by 001"}), presenter.UNEXPLAINED),
    "not explained": (compared(PLAIN), presenter.UNEXPLAINED),
    "order and more": (compared(values.ORDER, PLAIN), presenter.UNEXPLAINED),
    "a record is gone": (
        compared(a=values.side(contradicted=[MigrationId("001", "users")])),
        presenter.CONTRADICTED,
    ),
}
LOOKS = {
    "UNKNOWN": (presenter.UNKNOWN, ("muted", "unknown")),
    "SAME": (presenter.SAME, ("ok", "ok")),
    "ORDER": (presenter.ORDER, ("info", "order")),
    "EXPLAINED": (presenter.EXPLAINED, ("info", "migration")),
    "UNEXPLAINED": (presenter.UNEXPLAINED, ("warn", "attention")),
    "CONTRADICTED": (presenter.CONTRADICTED, ("danger", "missing")),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_verdict(case: str):
    page, verdict = VERDICTS[case]
    assert page.verdict == verdict
    assert page.sentence


@pytest.mark.parametrize("name", LOOKS)
def test_the_verdict_looks_as_it_should(name: str):
    pill, looks = LOOKS[name]
    assert values.looks(pill) == looks


@pytest.mark.parametrize(("count", "words"), [(1, "1 table"), (2, "2 tables")])
def test_tables_in_another_order_are_counted(count: int, words: str):
    differences = [values.difference(f"order of columns public.t{n}", "columns: a", "columns: b") for n in range(count)]
    assert values.says(compared(*differences).sentence, words)


@pytest.mark.parametrize(("count", "words"), [(1, "1 object differs"), (2, "2 objects differ")])
def test_differing_objects_are_counted(count: int, words: str):
    differences = [values.difference(f"table public.t{n}") for n in range(count)]
    assert values.says(compared(*differences).sentence, words)


def test_what_nothing_explains_is_counted_for_itself():
    sentence = VERDICTS["part explained"][0].sentence
    assert values.says(sentence, "2 objects")
    assert values.says(sentence, "1 of them")


def test_where_nothing_differs_there_is_no_list():
    assert compared().diff is None
    listed = compared(PLAIN).diff
    assert listed is not None
    assert listed.total == 1


def pills(page: ComparePage) -> list[Pill]:
    assert page.diff is not None
    return [each.pill for group in page.diff.groups for each in group.objects]


def test_an_object_of_one_side_names_that_side():
    gone = values.difference("table public.a", "x", None)
    new = values.difference("table public.b")
    changed = values.difference("table public.c", "x", "y")
    removed, added, differs = pills(compared(gone, new, changed))
    assert "Staging" in removed.label
    assert "Production" in added.label
    assert [values.looks(p) for p in (removed, added, differs)] == [
        ("info", "missing"),
        ("info", "plus"),
        ("warn", "modified"),
    ]


def test_sides_keep_their_places():
    first, second = compared().sides
    assert (first.place.slug, second.place.slug) == ("staging", "production")
    for view in (first, second):
        assert values.page_of(view.url) == ("drift", {"slug": view.place.slug})
        assert values.page_of(view.check.url) == ("drift-check", {"slug": view.place.slug})
        assert (view.check.method, view.check.show) == ("post", True)
        assert view.place.name in view.check.label


def test_a_side_nobody_saw_is_listed_apart_and_its_check_offered_where_there_is_a_database():
    page = compared(a=values.side(seen=False), b=values.side(values.UNSET, seen=False))
    assert [view.place.slug for view in page.unseen] == ["staging", "preview"]
    assert [view.check.show for view in page.unseen] == [True, False]
    assert [view.seen_at for view in page.sides] == [None, None]


def test_a_side_that_drifted_says_so():
    page = compared(a=values.side(outcome=Outcome.DRIFTED), b=values.side(values.PRODUCTION, seen=False))
    assert [view.drifted for view in page.sides] == [True, False]


def test_migrations_of_one_side_are_listed_in_their_order_under_it():
    page = compared(
        a=values.side(only=[MigrationId("002", "b"), MigrationId("010", "a")]),
        b=values.side(values.PRODUCTION),
    )
    ((place, links),) = page.only
    assert place.slug == "staging"
    assert [link.label for link in links] == ["002_b", "010_a"]
    assert [values.page_of(link.url)[1] for link in links] == [
        {"version": "002", "name": "b"},
        {"version": "010", "name": "a"},
    ]


def test_both_sides_may_have_some_and_the_first_comes_first():
    one, other = MigrationId("001", "a"), MigrationId("002", "b")
    page = compared(a=values.side(only=[one]), b=values.side(values.PRODUCTION, only=[other]))
    assert [place.slug for place, _ in page.only] == ["staging", "production"]


def test_what_explains_an_object_stands_beside_it_and_the_rest_is_marked():
    page = compared(PLAIN, OTHER, explained={TABLE: "by 001_users"}, versions=("citext is 1.4 in Staging",))
    assert page.diff is not None
    assert {group.name: (group.because, group.unexplained) for group in page.diff.groups} == {
        "public.users": ("by 001_users", False),
        "public.plans": ("", True),
    }
    assert page.versions == ("citext is 1.4 in Staging",)


@pytest.mark.parametrize("case", VERDICTS)
def test_every_comparison_is_sound(case: str):
    values.assert_sound(VERDICTS[case][0])
