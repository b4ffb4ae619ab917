"""How much one person may have under way, so that nobody keeps the others, the worker or a target busy."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User

from dashboard.models import ChangeRequest, Rehearsal
from dashboard.selectors import rehearsals
from dashboard.services import throttle
from dashboard.services.actors import Actor
from dashboard.services.errors import TooMany

#: Requests of one person that wait for a decision or a run.
OPEN_REQUESTS = 20
#: Rehearsals that one person asked for and that are not done.
REHEARSALS = 5
#: Looks at targets that one person asks for by hand in a minute.
LOOKS = 20
#: How often in a minute one person has the whole audit log read, to check it or to take it along.
READINGS = 20
#: Comments that one person writes in a minute; each is an event that stays.
COMMENTS = 20
#: Fetches of a source that one person asks for in a minute.
FETCHES = 20
#: Pages that ask a target for what they show, and forms that are sent, of one person in a minute. No hand is so quick.
PAGES = 60
DEEDS = 60
MINUTE = timedelta(minutes=1)


def check_open_requests(by: Actor) -> None:
    """Call it inside the transaction that opens one."""
    _one_at_a_time(by)
    live = [ChangeRequest.Status.OPEN, ChangeRequest.Status.APPROVED]
    if ChangeRequest.objects.filter(requested_by=by.person, status__in=live).count() >= OPEN_REQUESTS:
        remedy = "Withdraw what is not needed any more, or have it decided on, then ask again."
        raise TooMany(what=f"You have {OPEN_REQUESTS} requests open, as many as one person may have", remedy=remedy)


def check_rehearsals(by: Actor) -> None:
    """Call it inside the transaction that asks for one."""
    if by.user is not None:
        _one_at_a_time(by)
    under_way = Rehearsal.objects.filter(asked_by=by.user, status__in=rehearsals.ACTIVE)
    if by.user is not None and under_way.count() >= REHEARSALS:
        sentence = f"{REHEARSALS} rehearsals that you asked for are not done yet, as many as one person may have"
        raise TooMany(what=sentence, remedy="Wait until one of them has ended, then ask again.")


def check_looks(by: Actor) -> None:
    if _within_a_minute("looks", by) > LOOKS:
        sentence = f"You have asked for {LOOKS} looks at targets within a minute, as many as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute. The worker looks at every target by itself meanwhile.")


def check_readings(by: Actor) -> None:
    if _within_a_minute("readings", by) > READINGS:
        sentence = f"You have had the whole audit log read {READINGS} times within a minute, as often as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute, then ask again.")


def check_comments(by: Actor) -> None:
    if _within_a_minute("comments", by) > COMMENTS:
        sentence = f"You have written {COMMENTS} comments within a minute, as many as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute, then write the next one.")


def check_fetches(by: Actor) -> None:
    if _within_a_minute("fetches", by) > FETCHES:
        sentence = f"You have asked for {FETCHES} fetches within a minute, as many as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute. The worker fetches every source by itself meanwhile.")


def check_pages(by: Actor) -> None:
    """For pages that open a connection to a target."""
    if _within_a_minute("pages", by) > PAGES:
        sentence = f"You have opened {PAGES} pages within a minute that ask a target, as many as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute, then open it again. Pages of the last look still open.")


def check_deeds(by: Actor) -> None:
    """For every form, whatever it makes the worker or a target do."""
    if _within_a_minute("deeds", by) > DEEDS:
        sentence = f"You have sent {DEEDS} forms within a minute, as many as one person may"
        raise TooMany(what=sentence, remedy="Wait a minute, then send it again.")


def _one_at_a_time(by: Actor) -> None:
    """Whoever asks twice at one moment is counted twice: the second waits until the first has committed."""
    User.objects.select_for_update(no_key=True).get(pk=by.person.pk)


def _within_a_minute(deed: str, by: Actor) -> int:
    return throttle.count(deed, str(by.person.pk), within=MINUTE)
