"""How much one person may have under way, so that nobody keeps the others, the worker or a target busy."""

from __future__ import annotations

from django.core.cache import cache

from dashboard.models import ChangeRequest, Rehearsal
from dashboard.selectors import rehearsals
from dashboard.services.actors import Actor
from dashboard.services.errors import TooMany

#: Requests of one person that wait for a decision or a run.
OPEN_REQUESTS = 20
#: Rehearsals that one person asked for and that are not done.
REHEARSALS = 5
#: Looks at targets that one person asks for by hand in a minute; each web process counts its own.
LOOKS = 20
MINUTE = 60


def check_open_requests(by: Actor) -> None:
    live = [ChangeRequest.Status.OPEN, ChangeRequest.Status.APPROVED]
    if ChangeRequest.objects.filter(requested_by=by.person, status__in=live).count() >= OPEN_REQUESTS:
        remedy = "Withdraw what is not needed any more, or have it decided on, then ask again."
        raise TooMany(what=f"You have {OPEN_REQUESTS} requests open, as many as one person may have", remedy=remedy)


def check_rehearsals(by: Actor) -> None:
    under_way = Rehearsal.objects.filter(asked_by=by.user, status__in=rehearsals.ACTIVE)
    if by.user is not None and under_way.count() >= REHEARSALS:
        sentence = f"{REHEARSALS} rehearsals that you asked for are not done yet, as many as one person may have"
        raise TooMany(what=sentence, remedy="Wait until one of them has ended, then ask again.")


def check_looks(by: Actor) -> None:
    key = f"looks-{by.person.pk}"
    cache.add(key, 0, timeout=MINUTE)
    if cache.incr(key) > LOOKS:
        sentence = f"You have asked for {LOOKS} looks at targets within a minute, as many as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute. The worker looks at every target by itself meanwhile.")
