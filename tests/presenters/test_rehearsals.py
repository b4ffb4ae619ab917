"""A rehearsal: what it proved, what it did not, and whether that still counts."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action
from dashboard.engine.rehearsal.report import (
    Assertion,
    NotReached,
    ObservedLock,
    Origin,
    Proof,
    RehearsedEffect,
    Report,
    ScriptRun,
    StatementTime,
)
from dashboard.engine.rehearsal.risk import RiskLevel
from dashboard.engine.schema.diff import Change
from dashboard.models import Rehearsal
from dashboard.models.failures import Failure
from dashboard.models.roles import Role
from dashboard.presenters import rehearsals as presenter
from dashboard.presenters import statuses
from dashboard.presenters.pills import Pill
from dashboard.presenters.rehearsals import ProofView, RehearsalPage
from tests.presenters import values

DONE = Rehearsal.Status.DONE
USERS = MigrationId("001", "users")
LEFT_OUT = NotReached(version="002", name="plans", reason="001_users failed before it")
ROLLBACK = {"action": Action.ROLLBACK.value}


def page(rehearsal: Rehearsal, *, role: Role | None = Role.REQUESTER, worker_alive: bool = True) -> RehearsalPage:
    return presenter.page(rehearsal, values.actor(role=role), worker_alive=worker_alive)


def proven(proof: Proof, **changes: Any) -> ProofView:
    (view,) = page(values.rehearsal(result=values.report(proof), **changes)).proofs
    return view


def names(pills: tuple[Pill, ...]) -> list[str]:
    """What each of these is called in the module, so that its words are free."""
    known = {id(value): name for name, value in vars(presenter).items() if isinstance(value, Pill)}
    return [known[id(pill)] for pill in pills]


# The pill as a whole


PILLS = {
    "queued": (values.rehearsal(Rehearsal.Status.QUEUED), ("wait", "queued")),
    "running": (values.rehearsal(Rehearsal.Status.RUNNING), ("run", "run")),
    "not carried out": (values.rehearsal(Rehearsal.Status.FAILED), ("warn", "attention")),
    "passed": (values.rehearsal(), ("ok", "ok")),
    "did not pass": (values.rehearsal(result=values.report(values.proof(up=values.BROKE))), ("danger", "fail")),
    "cannot be applied again": (
        values.rehearsal(result=values.report(values.proof(again=values.BROKE, repeatable=False))),
        ("danger", "fail"),
    ),
    "stopped half-way": (values.rehearsal(result=values.report(not_reached=(LEFT_OUT,))), ("warn", "attention")),
    "a file was not read": (
        values.rehearsal(result=values.report(unread=("x.sql was not rehearsed.",))),
        ("warn", "attention"),
    ),
    "may run on the target": (
        values.rehearsal(result=values.report(values.proof(up=values.BROKE, doubt="it is another server"))),
        ("warn", "attention"),
    ),
    "report that proves another plan": (
        values.rehearsal(result=values.report(values.proof("009", "other"))),
        ("warn", "queued"),
    ),
    "expired": (values.rehearsal(expires_at=values.ago(minutes=1)), ("warn", "queued")),
    "another version": (values.rehearsal(target_major=16), ("warn", "queued")),
    "version not known": (values.rehearsal(target_major=None), ("warn", "queued")),
    "report of another release": (values.rehearsal(report={"old": True}), ("warn", "queued")),
}


@pytest.mark.parametrize("case", PILLS)
def test_its_pill(case: str):
    rehearsal, expected = PILLS[case]
    assert values.looks(presenter.pill(rehearsal)) == expected
    assert page(rehearsal).pill == presenter.pill(rehearsal)


def test_one_that_did_not_pass_is_not_excused_by_its_age():
    broken = values.rehearsal(result=values.report(values.proof(up=values.BROKE)), expires_at=values.ago(minutes=1))
    assert presenter.pill(broken) == presenter.DID_NOT_PASS


@pytest.mark.parametrize("case", PILLS)
def test_until_when_it_counts_is_told_of_what_counts_only(case: str):
    rehearsal, _ = PILLS[case]
    assert (page(rehearsal).counts_until == rehearsal.expires_at) is (case == "passed" or rehearsal.expires_at is None)


# The pills of one migration


APPLIES = {
    "all as before": (values.proof(), ["RESTORES", "REPEATABLE"]),
    "columns in another order": (values.proof(reversible=False, order_only=True), ["REORDERS", "REPEATABLE"]),
    "something left behind": (values.proof(reversible=False), ["DIFFERS", "REPEATABLE"]),
    "not the same again": (values.proof(repeatable=False), ["RESTORES", "NOT_REPEATABLE"]),
    "never run again": (values.proof(again=None, repeatable=None), ["RESTORES"]),
    "no rollback": (values.proof(down=None, again=None, reversible=None, repeatable=None), ["NO_WAY_BACK"]),
    "rollback fails": (values.proof(down=values.BROKE, again=None, reversible=None, repeatable=None), ["DOWN_FAILS"]),
    "up fails": (values.proof(up=values.BROKE, down=None), ["DID_NOT_PASS"]),
    "refused": (values.proof(refused="It ends sessions."), ["NOT_PROVEN"]),
    "failed where the server may be to blame": (
        values.proof(up=values.BROKE, doubt="it ran on PostgreSQL 17, and Staging is PostgreSQL 18"),
        ["NOT_PROVEN"],
    ),
    "cannot be applied again": (
        values.proof(again=values.BROKE, reversible=False, repeatable=False),
        ["DIFFERS", "AGAIN_FAILS"],
    ),
    "a test of it fails": (values.proof(assertions=(Assertion(file="t.sql", ok=False),)), ["DID_NOT_PASS"]),
    "a test of it holds": (values.proof(assertions=(Assertion(file="t.sql", ok=True),)), ["RESTORES", "REPEATABLE"]),
}
ROLLBACKS = {
    "ran": (values.proof(reversible=None), ["RAN", "LEADS_BACK"]),
    "cannot be applied again": (values.proof(reversible=None, repeatable=False), ["RAN", "LEADS_ELSEWHERE"]),
    "never applied again": (values.proof(reversible=None, again=None, repeatable=None), ["RAN"]),
    "failed": (values.proof(down=values.BROKE, again=None, repeatable=None), ["DOWN_FAILS"]),
    "nothing ran": (values.proof(down=None, again=None, repeatable=None), ["DOWN_FAILS"]),
}
LOOKS = {
    "RESTORES": ("ok", "ok"),
    "REORDERS": ("ok", "order"),
    "DIFFERS": ("danger", "fail"),
    "NO_WAY_BACK": ("warn", "rollback"),
    "DOWN_FAILS": ("danger", "fail"),
    "REPEATABLE": ("ok", "ok"),
    "NOT_REPEATABLE": ("warn", "attention"),
    "RAN": ("ok", "ok"),
    "LEADS_BACK": ("ok", "ok"),
    "LEADS_ELSEWHERE": ("warn", "attention"),
    "AGAIN_FAILS": ("danger", "fail"),
    "NOT_PROVEN": ("warn", "attention"),
    "NOT_REACHED": ("warn", "unknown"),
    "DID_NOT_PASS": ("danger", "fail"),
    "NO_LONGER": ("warn", "queued"),
}


@pytest.mark.parametrize("case", APPLIES)
def test_what_an_apply_showed_of_a_migration(case: str):
    proof, expected = APPLIES[case]
    assert names(proven(proof).pills) == expected


@pytest.mark.parametrize("case", ROLLBACKS)
def test_what_a_rollback_showed_of_a_migration(case: str):
    proof, expected = ROLLBACKS[case]
    assert names(proven(proof, **ROLLBACK).pills) == expected


@pytest.mark.parametrize("name", LOOKS)
def test_each_of_these_looks_as_it_should(name: str):
    assert values.looks(getattr(presenter, name)) == LOOKS[name]


def test_elsewhere_the_same_is_said_of_this_migration_alone():
    other = values.proof("002", "plans", down=None, again=None, reversible=None, repeatable=None)
    rehearsal = values.rehearsal(result=values.report(values.proof(), other))
    assert names(presenter.seen(rehearsal, USERS)) == ["RESTORES", "REPEATABLE"]
    assert names(presenter.seen(rehearsal, other.identity)) == ["NO_WAY_BACK"]
    assert presenter.seen(rehearsal, MigrationId("003", "x")) == ()
    assert presenter.seen(values.rehearsal(Rehearsal.Status.QUEUED), USERS) == ()


def test_every_migration_is_listed_those_that_were_not_reached_too():
    made = page(values.rehearsal(result=values.report(not_reached=(LEFT_OUT,))))
    assert [view.label for view in made.proofs] == ["001_users", "002_plans"]
    assert names(made.proofs[1].pills) == ["NOT_REACHED"]
    assert "001_users failed before it" in made.proofs[1].refused
    assert "002_plans" in made.verdict


# A row elsewhere


def test_a_row_says_when_it_ended_or_was_asked_for():
    done, queued = values.rehearsal(pk=4), values.rehearsal(Rehearsal.Status.QUEUED, pk=6)
    assert presenter.row(done).at == done.finished_at
    assert presenter.row(queued).at == values.MOMENT
    assert values.page_of(presenter.row(done).url) == ("rehearsal", {"pk": 4})


def test_a_row_has_the_pill_of_the_whole_unless_it_is_given_others():
    assert presenter.row(values.rehearsal()).pills == (statuses.REHEARSAL[DONE],)
    assert presenter.row(values.rehearsal(), (presenter.RAN,)).pills == (presenter.RAN,)


# Risks


RISKS = {
    RiskLevel.LOW: ("ok", "ok", False),
    RiskLevel.MEDIUM: ("warn", "attention", True),
    RiskLevel.HIGH: ("danger", "lock", True),
}


def risk(level: RiskLevel, label: str = "001_users") -> dict[str, Any]:
    return {"label": label, "level": level.value, "sentences": [f"It is {level}."]}


@pytest.mark.parametrize("level", RISKS)
def test_how_long_others_wait(level: RiskLevel):
    (view,) = presenter.risks(values.rehearsal(risks=[risk(level)]))
    assert (view.pill.tone, view.pill.icon, view.is_felt) == RISKS[level]
    assert view.sentences == (f"It is {level}.",)


def test_what_keeps_nobody_waiting_is_left_out_and_the_rest_keeps_its_order():
    levels = (RiskLevel.HIGH, RiskLevel.NONE, RiskLevel.LOW)
    rehearsal = values.rehearsal(risks=[risk(level, f"00{n}_x") for n, level in enumerate(levels)])
    assert [view.label for view in presenter.risks(rehearsal)] == ["000_x", "002_x"]


def test_each_migration_shows_its_own_risk():
    with_several_proofs = values.report(values.proof("001", "a"), values.proof("002", "b"))
    made = page(values.rehearsal(result=with_several_proofs, risks=[risk(RiskLevel.HIGH, "002_b")]))
    first, second = made.proofs
    assert first.risk is None
    assert second.risk is not None
    assert second.risk.pill == presenter.RISKS[RiskLevel.HIGH]


# Scripts


def scripts(proof: Proof, **changes: Any) -> list[tuple[str, str]]:
    """What ran, in order, with the tone of each."""
    return [(script.label, script.pill.tone) for script in proven(proof, **changes).scripts]


def test_an_apply_shows_up_down_and_up_again():
    tones = scripts(values.proof(again=values.BROKE))
    assert [tone for _, tone in tones] == ["ok", "ok", "danger"]
    assert len({label for label, _ in tones}) == 3


def test_what_was_not_reached_is_not_shown():
    assert len(scripts(values.proof(down=None, again=None))) == 1
    assert len(scripts(values.proof(again=None))) == 2


def test_a_rollback_begins_with_the_rollback():
    whole, back = scripts(values.proof()), scripts(values.proof(), **ROLLBACK)
    assert back == whole[1:]


def test_of_what_was_refused_nothing_ran():
    assert scripts(values.proof(refused="No.")) == []


def test_the_second_time_no_statement_is_listed():
    run = ScriptRun(ok=True, ms=1.0, statements=(StatementTime(number=1, line=1, summary="SELECT 1", ms=1.0),))
    view = proven(values.proof(up=run, down=run, again=run))
    assert [len(script.statements) for script in view.scripts] == [1, 1, 0]


def test_an_error_stands_with_its_script():
    view = proven(values.proof(up=values.BROKE, down=None, again=None))
    assert [script.error for script in view.scripts] == [values.BROKE.error]


# What changed


LEFT = values.difference("table public.left_behind")


def test_what_a_rollback_leaves_is_listed_and_opens_the_migration():
    with_several_proofs = values.report(
        values.proof("001", "a", reversible=False, differences=(LEFT,)), values.proof("002", "b")
    )
    first, second = page(values.rehearsal(result=with_several_proofs)).proofs
    assert first.left is not None
    assert first.left.total == 1
    assert second.left is second.differs is None
    assert (first.open, second.open) == (True, False)


def test_what_is_otherwise_the_second_time_is_listed():
    view = proven(values.proof(repeatable=False, repeat_differences=(LEFT,)))
    assert view.differs is not None
    assert view.differs.total == 1
    assert view.left is None


@pytest.mark.parametrize(
    ("proofs", "opened"),
    [
        pytest.param([values.proof()], [True], id="the only one"),
        pytest.param([values.proof("001", "a"), values.proof("002", "b")], [False, False], id="two that passed"),
        pytest.param(
            [values.proof("001", "a", up=values.BROKE), values.proof("002", "b")], [True, False], id="a failure"
        ),
    ],
)
def test_what_has_to_be_read_is_open(proofs: list[Proof], opened: list[bool]):
    views = page(values.rehearsal(result=values.report(*proofs))).proofs
    assert [view.open for view in views] == opened


MEANS = {
    "AFTER_ROLLBACK": {
        Change.ADDED: ("warn", "plus"),
        Change.REMOVED: ("danger", "missing"),
        Change.CHANGED: ("warn", "modified"),
    },
    "AFTER_AGAIN": {
        Change.ADDED: ("warn", "plus"),
        Change.REMOVED: ("warn", "missing"),
        Change.CHANGED: ("warn", "modified"),
    },
}


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("table", MEANS)
def test_what_a_difference_means_there(table: str, change: Change):
    assert values.looks(getattr(presenter, table)[change]) == MEANS[table][change]


def test_what_it_makes_is_that_of_the_direction_that_is_looked_at():
    lock = ObservedLock(relation="platform.users", mode="ACCESS EXCLUSIVE", statement=1, held_ms=2.0)
    down = ScriptRun(ok=True, ms=1.0, locks=(lock,), rewritten=("platform.users",), notices=("dropped",))
    proof = values.proof(
        down=down, made=(values.difference("table a.up"),), unmade=(values.difference("table a.down"),)
    )
    forth, back = proven(proof), proven(proof, **ROLLBACK)
    assert ("a.up" in forth.made[0], "a.down" in back.made[0]) == (True, True)
    assert (forth.locks, back.locks) == ((), (lock,))
    assert (forth.rewritten, back.rewritten) == ((), ("platform.users",))
    assert forth.notices == back.notices == ("dropped",)


# The page


VERDICTS = {
    "queued": values.rehearsal(Rehearsal.Status.QUEUED),
    "running": values.rehearsal(Rehearsal.Status.RUNNING),
    "passed": values.rehearsal(),
    "passed without a way back": values.rehearsal(result=values.report(values.proof(down=None, reversible=None))),
    "rolled back": values.rehearsal(**ROLLBACK),
    "did not pass": values.rehearsal(result=values.report(values.proof("004", "plans", up=values.BROKE))),
    "stopped half-way": values.rehearsal(result=values.report(not_reached=(LEFT_OUT,))),
    "expired": values.rehearsal(expires_at=values.ago(minutes=1)),
    "another version": values.rehearsal(target_major=16),
}


def test_every_outcome_has_a_verdict_of_its_own():
    sentences = {case: page(rehearsal).verdict for case, rehearsal in VERDICTS.items()}
    assert all(sentences.values())
    assert len(set(sentences.values())) == len(sentences)


def test_one_that_was_not_carried_out_has_no_verdict():
    failed = values.rehearsal(
        Rehearsal.Status.FAILED,
        failure={"code": "local_server", "sentence": "No server.", "state_now": "", "remedy": "Start one."},
    )
    made = page(failed)
    assert (made.verdict, made.failure) == ("", Failure.from_dict(failed.failure or {}))


def test_the_first_that_did_not_pass_is_named():
    with_several_proofs = values.report(
        values.proof("001", "a"), values.proof("002", "b", up=values.BROKE), values.proof("003", "c", up=values.BROKE)
    )
    sentence = page(values.rehearsal(result=with_several_proofs)).verdict
    assert "002_b" in sentence
    assert "003_c" not in sentence


def test_versions_that_do_not_agree_are_both_named():
    sentence = page(VERDICTS["another version"]).verdict
    assert values.says(sentence, "16")
    assert values.says(sentence, "17")


@pytest.mark.parametrize("status", Rehearsal.Status)
@pytest.mark.parametrize("worker_alive", [True, False], ids=["a worker", "no worker"])
def test_a_page_looks_again_while_it_is_under_way_and_says_that_no_worker_is_there(status: str, worker_alive: bool):
    made = page(values.rehearsal(status), worker_alive=worker_alive)
    assert made.is_active is (status in {"queued", "running"})
    assert made.waits_for_worker is (status == "queued" and not worker_alive)


@pytest.mark.parametrize(
    ("by", "name"), [(values.user("carol"), "carol"), (None, "Signalbox")], ids=["a person", "itself"]
)
def test_who_asked_for_it(by: Any, name: str):
    assert page(values.rehearsal(asked_by=by)).asked_by == name


def facts(rehearsal: Rehearsal) -> list[str]:
    return [str(value) for _, value in page(rehearsal).facts]


@pytest.mark.parametrize("origin", Origin)
def test_facts_say_what_it_ran_on(origin: Origin):
    shown = facts(values.rehearsal(result=values.report(origin=origin), target_major=15, server_major=17))
    assert any(values.says(each, "15") for each in shown)
    assert any(values.says(each, "17") for each in shown)
    assert ("Staging" in shown[0]) is (origin is Origin.COPY)


def test_facts_name_the_end_of_the_history_and_the_digest():
    rehearsal = values.rehearsal(history_head="006_users")
    shown = facts(rehearsal)
    assert "006_users" in shown
    assert any(rehearsal.digest[:12] in each and rehearsal.digest not in each for each in shown)


def test_before_its_end_only_what_was_asked_is_told():
    assert len(facts(values.rehearsal(Rehearsal.Status.QUEUED))) == 2


def test_remarks_are_those_of_the_report():
    report: Report = values.report(remarks=("Extensions were left out.",))
    assert page(values.rehearsal(result=report)).remarks == report.remarks


# What next


def test_an_apply_leads_to_the_same_plan_again():
    plan = values.plan(values.step("001", "a"), values.step("002", "b"))
    again, back = page(values.rehearsal(plan=plan)).onward
    assert values.page_of(again.url) == ("apply-rehearse", {"slug": "staging"})
    assert (again.method, again.icon, again.fields) == ("post", "refresh", (("upto", "002"),))
    assert (values.page_of(back.url), values.query_of(back.url)) == (("apply", {"slug": "staging"}), "upto=002")
    assert back.method == "get"


def test_a_rollback_leads_to_the_same_rollback_again():
    steps = (values.step("002", "b", Action.ROLLBACK), values.step("001", "a", Action.ROLLBACK))
    again, back = page(values.rehearsal(plan=values.plan(*steps))).onward
    place = {"slug": "staging", "version": "001", "name": "a"}
    assert values.page_of(again.url) == ("rollback-rehearse", place)
    assert values.page_of(back.url) == ("rollback", place)
    assert again.fields == ()


@pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, False), (Role.REQUESTER, True)], ids=["viewer", "requester"])
def test_who_may_not_ask_for_it_again_is_told_why(role: Role, may: bool):
    again, back = page(values.rehearsal(), role=role).onward
    assert again.disabled is not may
    assert may or Role.REQUESTER.value in again.reason
    assert not back.disabled


@pytest.mark.parametrize(
    "rehearsal",
    [
        pytest.param(values.rehearsal(Rehearsal.Status.QUEUED), id="queued"),
        pytest.param(values.rehearsal(Rehearsal.Status.RUNNING), id="running"),
        pytest.param(values.rehearsal(environment="gone"), id="its environment is gone"),
    ],
)
def test_otherwise_there_is_nothing_to_go_on_with(rehearsal: Rehearsal):
    assert page(rehearsal).onward == ()


@pytest.mark.parametrize("case", PILLS)
def test_every_page_is_sound(case: str):
    made = page(PILLS[case][0])
    values.assert_sound(made)
    assert values.page_of(made.url) == ("rehearsal", {"pk": 5})


@pytest.mark.django_db
def test_nothing_is_asked_of_the_database(django_assert_num_queries: DjangoAssertNumQueries):
    with django_assert_num_queries(0):
        page(values.rehearsal())


def test_what_changes_nothing_is_open_and_says_so_and_what_cannot_be_told_why():
    idle = proven(values.proof(effect=RehearsedEffect.NOTHING))
    assert names(idle.pills)[0] == "CHANGES_NOTHING"
    assert (idle.open, values.says(idle.effect, "001_users changes nothing")) == (True, True)
    unknown = proven(values.proof(effect=RehearsedEffect.UNKNOWN, effect_because="line 3 updates rows"))
    assert unknown.effect == "Whether it changes anything cannot be told: line 3 updates rows."
    assert proven(values.proof(effect=RehearsedEffect.CHANGES)).effect == ""
