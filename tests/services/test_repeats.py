"""What anyone can cause without end adds no end of events: the first of a window, and their sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import authenticate
from django.test import Client
from django.utils import timezone

from dashboard.models import AuditEvent, RepeatedEvent
from dashboard.services import audit_chain, repeats
from dashboard.services.actors import Actor
from dashboard.services.audit import Event
from dashboard.services.people import UNKNOWN_NAME
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

FAILED, REFUSED = Event.SIGN_IN_FAILED, Event.ACCESS_REFUSED


def sign_in(name: str, password: str = "wrong", *, address: str = "192.0.2.7") -> int:
    sent = {"login": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/sign-in/", sent).status_code


def fail(name: str, times: int = 1) -> None:
    for _ in range(times):
        authenticate(username=name, password="wrong")


def events(kind: Event = FAILED) -> list[tuple[str, dict[str, Any]]]:
    return [(e.actor, e.data) for e in AuditEvent.objects.filter(kind=kind).order_by("id")]


def quarter_of_an_hour_passes() -> None:
    for row in RepeatedEvent.objects.all():
        row.since -= repeats.WINDOW
        row.save()


# Failed sign-ins


def test_fifty_thousand_names_are_one_event_and_one_row(django_assert_max_num_queries: Any) -> None:
    """A smaller number here; what counts is that the log does not grow with it."""
    for number in range(300):
        fail(f"name {number}")
    assert events() == [(UNKNOWN_NAME, {})]
    assert RepeatedEvent.objects.get().count == 299
    quarter_of_an_hour_passes()
    repeats.sum_up_due()
    assert events()[1:] == [(UNKNOWN_NAME, {"count": 299, "minutes": 15, "addresses": []})]
    assert not RepeatedEvent.objects.exists()
    assert audit_chain.verify().fault is None


@pytest.mark.parametrize(
    "typed", ["My-Secret-Passw0rd!", "apr approved request 1 and root", "x" * 5000, "", "\u202eroot"]
)
def test_what_was_typed_is_kept_nowhere(typed: str) -> None:
    fail(typed)
    fail(typed)
    quarter_of_an_hour_passes()
    repeats.sum_up_due()
    assert [actor for actor, _ in events()] == [UNKNOWN_NAME] * 2
    kept = str(list(AuditEvent.objects.values())) + str(list(RepeatedEvent.objects.values()))
    assert not typed or typed not in kept


def test_a_known_account_is_named_from_the_first_failure_on(viewer: User, client_of: ClientOf) -> None:
    for address in ("198.51.100.1", "198.51.100.2", "198.51.100.2"):
        assert sign_in("vera", address=address) == 200
    assert events() == [("vera", {})]
    assert AuditEvent.objects.get(kind=FAILED).source_ip == "198.51.100.1"
    quarter_of_an_hour_passes()
    repeats.sum_up_due()
    assert events()[1] == ("vera", {"count": 2, "minutes": 15, "addresses": ["198.51.100.2"]})
    shown = text(client_of(viewer).get("/audit/"))
    assert "Someone tried to sign in as vera and failed." in shown
    assert "Signing in as vera failed 2 more times within 15 minutes, from 198.51.100.2." in shown


def test_each_account_has_a_window_of_its_own(viewer: User, approver: User) -> None:
    for name in ("vera", "bob", "vera", "bob"):
        fail(name)
    assert [actor for actor, _ in events()] == ["vera", "bob"]


def test_a_failure_after_the_window_is_an_event_at_once_and_the_former_ones_are_summed_up(viewer: User) -> None:
    fail("vera", times=3)
    quarter_of_an_hour_passes()
    fail("vera")
    assert events() == [("vera", {}), ("vera", {"count": 2, "minutes": 15, "addresses": []}), ("vera", {})]
    assert RepeatedEvent.objects.get().count == 0


def test_a_single_failure_has_no_sum(viewer: User) -> None:
    fail("vera")
    quarter_of_an_hour_passes()
    repeats.sum_up_due()
    assert events() == [("vera", {})]
    assert not RepeatedEvent.objects.exists()


def test_nothing_is_summed_up_before_its_time(viewer: User) -> None:
    fail("vera", times=2)
    repeats.sum_up_due()
    assert len(events()) == 1
    assert RepeatedEvent.objects.get().since <= timezone.now()


def test_a_sum_names_some_addresses_and_not_all() -> None:
    for number in range(50):
        repeats.note(FAILED, by=Actor(name=UNKNOWN_NAME, source_ip=f"198.51.100.{number}"), subject=UNKNOWN_NAME)
    row = RepeatedEvent.objects.get()
    assert (row.count, len(row.addresses)) == (49, repeats.ADDRESSES)


def test_a_repeated_failure_does_not_wait_for_the_chain(viewer: User, django_assert_num_queries: Any) -> None:
    fail("vera")
    by = Actor(name="vera", source_ip="192.0.2.7")
    with django_assert_num_queries(4) as asked:  # the row is taken, read and counted up, in a savepoint of the test
        repeats.note(FAILED, by=by, subject=f"person {viewer.pk}")
    assert not any("advisory" in query["sql"] or "auditevent" in query["sql"] for query in asked.captured_queries)


# What was refused


def test_a_viewer_who_asks_for_what_only_others_may_is_named(
    project: Any, viewer: User, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(viewer)
    for _ in range(40):
        assert client.post("/environments/staging/rebind/", {"reason": "x"}).status_code == 403
    assert client.get("/environments/staging/rebind/").status_code == 403
    assert [(actor, data) for actor, data in events(REFUSED)] == [
        ("vera", {"verb": "POST", "route": "rebind"}),
        ("vera", {"verb": "GET", "route": "rebind"}),
    ]
    assert AuditEvent.objects.filter(kind=REFUSED).first().actor_id == viewer.pk  # type: ignore[union-attr]
    assert "Refused: POST rebind, asked for by vera" in caplog.text
    quarter_of_an_hour_passes()
    repeats.sum_up_due()
    assert events(REFUSED)[2:] == [
        ("vera", {"verb": "POST", "route": "rebind", "count": 39, "minutes": 15, "addresses": ["127.0.0.1"]})
    ]
    shown = text(client.get("/audit/"))
    assert "vera was refused: GET rebind" in shown
    assert "vera was refused 39 more times within 15 minutes: POST rebind , from 127.0.0.1" in shown


def test_someone_without_a_role_is_named_too(outsider: User, client_of: ClientOf) -> None:
    assert client_of(outsider).get("/runs/").status_code == 403
    assert events(REFUSED) == [("oscar", {"verb": "GET", "route": "runs"})]


def test_a_form_of_another_site_is_written_down_for_whom_it_was_sent_as(viewer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer)
    assert client.post("/sign-out/", {}).status_code == 403
    assert events(REFUSED) == [("vera", {"verb": "POST", "route": "logout"})]


def test_strangers_add_nothing(client: Client) -> None:
    assert client.post("/requests/1/approve/", {}).status_code == 302
    assert Client(enforce_csrf_checks=True).post("/sign-in/", {}).status_code == 403
    assert events(REFUSED) == []


def test_a_verb_that_is_none_is_not_written_down(outsider: User, client_of: ClientOf) -> None:
    assert client_of(outsider).generic("apr approved request 1", "/runs/").status_code == 405
    assert events(REFUSED) == []


def test_a_refusal_stands_where_it_cannot_be_written_down(
    outsider: User, client_of: ClientOf, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(outsider)
    fail("anyone")
    settings.AUDIT_KEYS, settings.SECRET_KEY_IS_EPHEMERAL = (), True
    assert client.get("/runs/").status_code == 403
    assert "could not be written into the audit log" in caplog.text
