"""What an environment asks of people and of the clock, as its page and the page of a request say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dashboard.engine.plan import OutOfOrder
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.presenters import wording
from dashboard.services.quorum import Quorum

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


#: Late: a later one is applied already. Usually somebody accepts it.
LATE: Mapping[OutOfOrder, str] = {
    OutOfOrder.REFUSE: "Is refused: the plan stops before it",
    OutOfOrder.ALLOW: "Runs out of order, and the plan says so",
}


def facts(environment: Environment) -> Iterator[tuple[str, str]]:
    """What its file says; nothing where it says nothing."""
    if environment.protected:
        yield "To run", f"A request, approved by {_people(environment)}"
        if environment.loss_needs_more:
            yield "If it may lose data", f"{_count(environment.approvals_with_loss, 'approval')}"
    else:
        yield "To run", "One person with the role requester; no approval is needed"
    yield from when(environment)
    if environment.out_of_order is not OutOfOrder.ASK:
        yield "A migration that comes late", LATE[environment.out_of_order]
    if environment.protected:
        yield "Break-glass", _glass(environment)


def when(environment: Environment) -> Iterator[tuple[str, str]]:
    calendar = environment.calendar
    if calendar.windows:
        yield "May begin", f"{'; '.join(window.text for window in calendar.windows)} ({calendar.zone})"
    if calendar.freezes:
        yield "Freezes", f"{'; '.join(freeze.text for freeze in calendar.freezes)} ({calendar.zone})"
    if environment.after:
        before = environments.get_even_former(environment.after)
        yield "Only after", f"{before.name} has applied the same bytes"


def approvals(standing: Quorum) -> str:
    """ "1 of 2 approvals: bob; still needed: one more of the role approver." """
    given = f": {', '.join(standing.approvers)}" if standing.approvers else ""
    count = f"{len(standing.approvers)} of {_count(standing.needed, 'approval')}{given}"
    if standing.is_met:
        return f"{count}."
    more = f"{NUMBERS[standing.missing]} more" if standing.approvers else NUMBERS[standing.missing]
    return f"{count}; still needed: {more} of {_whom(standing)}."


def remarks(standing: Quorum) -> Iterator[str]:
    """Why more are needed than usual, and whose approval does not count any more."""
    if standing.because_of_loss:
        yield (
            f"{NUMBERS[standing.needed].capitalize()} are needed because it destroys something, or nobody can say that "
            "it does not."
        )
    for name in standing.lapsed:
        yield f"{name} approved it and may not approve here any more, so that does not count."


def _people(environment: Environment) -> str:
    count = environment.approvals
    if environment.approvers:
        return f"{NUMBERS[count]} of {', '.join(environment.approvers)}, but not by who asks"
    if count == 1:
        return f"a second person with the role {environment.approver_role}"
    return f"{NUMBERS[count]} people with the role {environment.approver_role}, but not by who asks"


def _whom(standing: Quorum) -> str:
    return ", ".join(standing.named) if standing.named else f"the role {standing.role}"


def _glass(environment: Environment) -> str:
    if not environment.break_glass:
        return "Switched off"
    span = wording.minutes(environment.break_glass_minutes)
    return f"One person with the role {environment.break_glass_role}, for {span}; someone else reviews it"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
