"""What is proven about a plan, and how it looks to the person who decides."""

from __future__ import annotations

from typing import Any

import pytest

from config.environments import Requirement
from dashboard.engine.plan import CONTRADICTED, Action
from dashboard.engine.rehearsal.risk import RiskLevel
from dashboard.models import Rehearsal
from dashboard.models.roles import Role
from dashboard.presenters import evidence as presenter
from dashboard.presenters.evidence import EvidenceView
from dashboard.services.evidence import Evidence, EvidenceStatus, Item
from tests.presenters import values

REHEARSAL, REVERSIBLE, LINT, PREVIOUS = (
    Requirement.REHEARSAL,
    Requirement.REVERSIBLE,
    Requirement.LINT,
    Requirement.PREVIOUS,
)
SATISFIED, ANSWERED, MISSING, NOT_REQUIRED = (
    EvidenceStatus.SATISFIED,
    EvidenceStatus.ANSWERED,
    EvidenceStatus.MISSING,
    EvidenceStatus.NOT_REQUIRED,
)


def item(requirement: Requirement = REHEARSAL, verdict: EvidenceStatus = SATISFIED) -> Item:
    return Item(requirement=requirement, verdict=verdict, sentence=f"{requirement}.", next_step="Rehearse.")


def view(
    *items: Item, rehearsal: Rehearsal | None = None, plan: Any = None, role: Any = Role.REQUESTER
) -> EvidenceView:
    proof = Evidence(items=items, rehearsal=rehearsal)
    made = presenter.of_plan(proof, plan or values.plan(), values.actor(role=role))
    values.assert_sound(made)
    return made


LINES = {
    SATISFIED: ("ok", "ok"),
    ANSWERED: ("warn", "attention"),
    MISSING: ("danger", "fail"),
    NOT_REQUIRED: ("muted", "unknown"),
}


@pytest.mark.parametrize("requirement", Requirement)
@pytest.mark.parametrize("verdict", EvidenceStatus)
def test_a_line_looks_like_its_verdict(requirement: Requirement, verdict: EvidenceStatus):
    (line,) = view(item(requirement, verdict)).lines
    assert (line.tone, line.icon) == LINES[verdict]
    assert line.label
    assert line.sentence == f"{requirement}."
    assert bool(line.next_step) is (verdict is MISSING)


def test_lines_keep_their_order_and_no_two_labels_are_alike():
    lines = view(*(item(requirement) for requirement in reversed(Requirement))).lines
    assert [line.sentence for line in lines] == [f"{requirement}." for requirement in reversed(Requirement)]
    assert len({line.label for line in lines}) == len(Requirement)


@pytest.mark.parametrize(
    ("verdicts", "looks"),
    [
        pytest.param([SATISFIED, NOT_REQUIRED], ("ok", "ok"), id="nothing missing"),
        pytest.param([SATISFIED, ANSWERED], ("warn", "attention"), id="accepted unproven"),
        pytest.param([ANSWERED, MISSING], ("danger", "fail"), id="one missing"),
        pytest.param([], ("ok", "ok"), id="nothing to prove"),
    ],
)
def test_all_of_it_in_one_pill(verdicts: list[EvidenceStatus], looks: tuple[str, str]):
    items = [item(requirement, verdict) for requirement, verdict in zip(Requirement, verdicts, strict=False)]
    assert values.looks(view(*items).pill) == looks


@pytest.mark.parametrize("code", sorted(CONTRADICTED))
def test_a_history_that_was_changed_by_hand_outranks_complete_evidence(code: str):
    made = view(item(), plan=values.plan(warnings=(values.warning(code),)))
    assert values.looks(made.pill) == ("danger", "missing")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_is_missing_is_counted(count: int):
    items = [item(requirement, MISSING) for requirement in list(Requirement)[:count]]
    assert values.says(view(*items).pill.label, str(count))


# A rehearsal under way


RUNNING = values.rehearsal(Rehearsal.Status.RUNNING)


@pytest.mark.parametrize("verdict", EvidenceStatus)
@pytest.mark.parametrize("requirement", Requirement)
def test_only_what_a_rehearsal_can_still_show_waits_for_it(requirement: Requirement, verdict: EvidenceStatus):
    (line,) = view(item(requirement, verdict), rehearsal=RUNNING).lines
    waits = requirement in {REHEARSAL, REVERSIBLE} and verdict in {MISSING, NOT_REQUIRED}
    assert (line.tone, line.icon) == (("run", "run") if waits else LINES[verdict])


@pytest.mark.parametrize(
    ("rehearsal", "live"),
    [(None, False), (values.rehearsal(), False), (RUNNING, True)],
    ids=["none", "done", "running"],
)
def test_a_page_looks_again_while_one_is_under_way(rehearsal: Rehearsal | None, live: bool):
    made = view(item(verdict=MISSING), rehearsal=rehearsal)
    assert made.is_live is live
    assert (made.rehearsal is None) is (rehearsal is None)


# Risks


RISKY = values.rehearsal(
    risks=[
        {"label": f"00{n}_x", "level": level.value, "sentences": []}
        for n, level in enumerate([RiskLevel.LOW, RiskLevel.HIGH, RiskLevel.MEDIUM])
    ]
)


def test_what_people_would_notice_is_told_from_what_they_would_not():
    made = view(item(), rehearsal=RISKY)
    assert [risk.label for risk in made.risks] == ["001_x", "002_x"]
    assert [risk.label for risk in made.moments] == ["000_x"]


@pytest.mark.parametrize("verdict", [ANSWERED, MISSING, NOT_REQUIRED])
def test_a_rehearsal_that_does_not_count_says_nothing_of_risks(verdict: EvidenceStatus):
    made = view(item(verdict=verdict), rehearsal=RISKY)
    assert (made.risks, made.moments) == ((), ())


# Rehearse


def test_an_apply_is_rehearsed_up_to_its_last_migration():
    plan = values.plan(values.step("001", "a"), values.step("002", "b"))
    button = view(item(verdict=MISSING), plan=plan).rehearse
    assert values.page_of(button.url) == ("apply-rehearse", {"slug": "staging"})
    assert ("upto", "002") in button.fields
    assert button.method == "post"


def test_a_rollback_is_rehearsed_down_to_its_last_migration():
    steps = (values.step("002", "b", Action.ROLLBACK), values.step("001", "a", Action.ROLLBACK))
    button = view(item(verdict=MISSING), plan=values.plan(*steps)).rehearse
    assert values.page_of(button.url) == ("rollback-rehearse", {"slug": "staging", "version": "001", "name": "a"})


def test_a_request_is_rehearsed_by_its_number():
    state = values.request_state(values.request(pk=3), proof=Evidence(items=(item(verdict=MISSING),)))
    made = presenter.of_request(state, values.actor())
    assert made is not None
    assert values.page_of(made.rehearse.url) == ("request-rehearse", {"pk": 3})


def test_nothing_is_called_accepted_before_it_was_decided_on():
    proof = Evidence(items=(item(verdict=ANSWERED),))
    open_, decided = (
        presenter.of_request(values.request_state(values.request(), proof=proof, proven_at=moment), values.actor())
        for moment in (None, values.MOMENT)
    )
    assert open_ is not None
    assert decided is not None
    assert values.looks(open_.pill) == values.looks(decided.pill)
    assert open_.pill.label != decided.pill.label == presenter.ACCEPTED.label


@pytest.mark.parametrize(
    ("items", "rehearsal", "shown"),
    [
        pytest.param([item(verdict=MISSING)], None, True, id="missing"),
        pytest.param([item(verdict=NOT_REQUIRED)], None, True, id="nobody asks for it"),
        pytest.param([item(verdict=MISSING)], values.rehearsal(), True, id="once more"),
        pytest.param([item(verdict=SATISFIED)], values.rehearsal(), False, id="proven"),
        pytest.param([item(verdict=MISSING)], RUNNING, False, id="under way"),
        pytest.param([], None, False, id="nothing to prove"),
        pytest.param([item(LINT, SATISFIED), item(verdict=MISSING)], None, True, id="only lint is satisfied"),
    ],
)
def test_it_can_be_rehearsed_while_that_is_not_proven(items: list[Item], rehearsal: Any, shown: bool):
    assert view(*items, rehearsal=rehearsal).rehearse.show is shown


@pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, False), (Role.REQUESTER, True)], ids=["viewer", "requester"])
def test_who_may_not_rehearse_is_told_why(role: Role, may: bool):
    button = view(item(verdict=MISSING), role=role).rehearse
    assert button.disabled is not may
    assert may or Role.REQUESTER.value in button.reason
