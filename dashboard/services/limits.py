"""How much one person may have under way, so that nobody keeps the others, the worker or a target busy."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from dashboard.models import ChangeRequest, Rehearsal, Run
from dashboard.models.environments import Environment
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
#: Calls of one token in a minute.
CALLS = 300
#: Pages that ask a target for what they show, and forms that are sent, of one person in a minute. No hand is so quick.
PAGES = 60
DEEDS = 60
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def check_open_requests(by: Actor) -> None:
    """Call it inside the transaction that opens one."""
    one_at_a_time(by)
    live = [ChangeRequest.Status.OPEN, ChangeRequest.Status.APPROVED]
    if ChangeRequest.objects.filter(requested_by=by.person, status__in=live).count() >= OPEN_REQUESTS:
        remedy = "Withdraw what is not needed any more, or have it decided on, then ask again."
        raise TooMany(what=f"You have {OPEN_REQUESTS} requests open, as many as one person may have", remedy=remedy)


def check_rehearsals(by: Actor) -> None:
    """Call it inside the transaction that asks for one."""
    if by.user is not None:
        one_at_a_time(by)
    under_way = Rehearsal.objects.filter(asked_by=by.user, status__in=rehearsals.ACTIVE)
    if by.user is not None and under_way.count() >= REHEARSALS:
        sentence = f"{REHEARSALS} rehearsals that you asked for are not done yet, as many as one person may have"
        raise TooMany(what=sentence, remedy="Wait until one of them has ended, then ask again.")


def check_looks(by: Actor) -> None:
    sentence = f"You have asked for {LOOKS} looks at targets within a minute, as many as one person may"
    _check_minute(by, "looks", LOOKS, sentence, "Wait a minute. The worker looks at every target by itself meanwhile.")


def check_readings(by: Actor) -> None:
    sentence = f"You have had the whole audit log read {READINGS} times within a minute, as often as one person may"
    _check_minute(by, "readings", READINGS, sentence, "Wait a minute, then ask again.")


def check_comments(by: Actor) -> None:
    sentence = f"You have written {COMMENTS} comments within a minute, as many as one person may"
    _check_minute(by, "comments", COMMENTS, sentence, "Wait a minute, then write the next one.")


def check_fetches(by: Actor) -> None:
    sentence = f"You have asked for {FETCHES} fetches within a minute, as many as one person may"
    _check_minute(
        by, "fetches", FETCHES, sentence, "Wait a minute. The worker fetches every source by itself meanwhile."
    )


def check_calls(by: Actor) -> None:
    """What one token calls, whatever it is. Call it before anything is looked up for it."""
    if by.token and throttle.count("calls", str(by.token.pk), within=MINUTE) > CALLS:
        sentence = f"The token {by.token.name} was used {CALLS} times within a minute, as often as one may be"
        raise TooMany(what=sentence, remedy="Wait a minute, then ask again.", retry_after=60)


def check_hourly(by: Actor, environment: Environment, *, of_request: ChangeRequest | None = None) -> None:
    """How often in an hour one token asks for something there or has it run; the run of what it asked for itself counts
    as one with the request, a rollback that its approval covers too by itself. Call it inside the transaction that does
    so."""
    most = settings.TOKEN_DEEDS_AN_HOUR
    if by.token is None or not most or (of_request and of_request.token_id == by.token.pk):
        return
    one_at_a_time(by)
    since = timezone.now() - HOUR
    asked = ChangeRequest.objects.filter(token=by.token, environment=environment.slug, requested_at__gt=since)
    ran = Run.objects.filter(token=by.token, environment=environment.slug, queued_at__gt=since)
    ran = ran.exclude(request__token=by.token, action=F("request__action"))
    times = sorted([*asked.values_list("requested_at", flat=True), *ran.values_list("queued_at", flat=True)])
    if len(times) >= most:
        wait = int((times[-most] - since).total_seconds()) + 1
        sentence = (
            f"The token {by.token.name} has asked for {most} requests and runs on {environment.name} within an hour, "
            "as many as one token may"
        )
        remedy = f"Wait {wait} seconds. More often than that, look for a CI that goes round in circles."
        raise TooMany(what=sentence, remedy=remedy, retry_after=wait)


def check_pages(by: Actor) -> None:
    """For pages that open a connection to a target."""
    sentence = f"You have opened {PAGES} pages within a minute that ask a target, as many as one person may"
    _check_minute(by, "pages", PAGES, sentence, "Wait a minute, then open it again. Pages of the last look still open.")


def check_deeds(by: Actor) -> None:
    """For every form, whatever it makes the worker or a target do."""
    sentence = f"You have sent {DEEDS} forms within a minute, as many as one person may"
    _check_minute(by, "deeds", DEEDS, sentence, "Wait a minute, then send it again.")


def one_at_a_time(by: Actor) -> None:
    """Whoever asks twice at one moment is counted twice: the second waits until the first has committed."""
    User.objects.select_for_update(no_key=True).get(pk=by.person.pk)


def _check_minute(by: Actor, deed: str, most: int, sentence: str, remedy: str) -> None:
    if throttle.count(deed, str(by.person.pk), within=MINUTE) > most:
        raise TooMany(what=sentence, remedy=remedy)
