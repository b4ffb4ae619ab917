"""Two people are two people: whoever asks has not lately had a hand in the approver's account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from dashboard.models import ChangeRequest, OneTimeLink, PersonChange, Run
from dashboard.models.roles import Role
from dashboard.services import decisions, independence, links, people, plans, validity
from dashboard.services.actors import Actor
from dashboard.services.errors import ApproverGone, ApproverTouched
from tests.fix_project import Project
from tests.services.workflow import approve, approved_request, execute, open_request, start_on_production, tables

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)


def change_role(person: Actor, role: str, by: Actor) -> None:
    before = people.footing(person.person)
    person.person.groups.set([Group.objects.get(name=role)])
    people.changed(person.person, before=before, by=by)


def set_active(person: Actor, active: bool, by: Actor) -> None:
    before = people.footing(person.person)
    person.person.is_active = active
    person.person.save()
    people.changed(person.person, before=before, by=by)


def give_address(person: Actor, by: Actor) -> None:
    before = people.footing(person.person)
    person.person.email = "carol@example.com"
    person.person.save()
    people.changed(person.person, before=before, by=by)


def set_free(person: Actor, by: Actor) -> None:
    set_active(person, False, by)
    set_active(person, True, by)


TOUCHES: dict[str, Callable[[Actor, Actor], object]] = {
    "a link": lambda bob, carol: links.make_for(bob.person, by=carol),
    "a used link": lambda bob, carol: links.use(
        links.make_for(bob.person, by=carol), password="nightfall under a canvas"
    ),
    "a role": lambda bob, carol: change_role(bob, "admin", carol),
    "a second factor": lambda bob, carol: people.remove_second_factor(bob.person, by=carol),
    "a mail address": give_address,
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_whoever_was_touched_by_the_requester_cannot_approve(
    two_files: Project, carol: Actor, bob: Actor, touch: str
) -> None:
    request = open_request(two_files, carol)
    TOUCHES[touch](bob, carol)
    with pytest.raises(ApproverTouched, match="carol, who asked for request"):
        approve(request, bob)
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.OPEN


@pytest.mark.parametrize("touch", TOUCHES)
def test_an_approval_is_void_once_the_requester_touched_the_approver(
    two_files: Project, carol: Actor, bob: Actor, touch: str
) -> None:
    request = approved_request(two_files, carol, bob)
    TOUCHES[touch](bob, carol)
    with pytest.raises(ApproverTouched):
        start_on_production(request, carol)
    assert decisions.needs_request(plans.apply(two_files.production), two_files.production)


def test_a_touch_after_queueing_still_stops_the_run(two_files: Project, carol: Actor, bob: Actor) -> None:
    run = start_on_production(approved_request(two_files, carol, bob), carol)
    links.make_for(bob.person, by=carol)
    execute(run)
    assert run.status == Run.Status.FAILED
    assert run.failure["code"] == "approver_touched"
    assert tables(two_files, two_files.production) == []


def test_an_administrator_is_not_the_second_person_by_a_link_of_their_own(two_files: Project, carol: Actor) -> None:
    """The attack: one administrator asks, makes an approver, signs in as that person, and approves."""
    request = open_request(two_files, carol)
    puppet, token = links.invite(by=carol, username="puppet", role=Role.APPROVER)
    links.use(token, password="nightfall under a canvas")
    with pytest.raises(ApproverTouched, match="made the one-time link with which puppet set a password"):
        approve(request, Actor(name="puppet", user=puppet))


def test_it_does_not_help_to_make_the_approver_first(two_files: Project, carol: Actor) -> None:
    puppet, token = links.invite(by=carol, username="puppet", role=Role.APPROVER)
    PersonChange.objects.update(at=timezone.now() - timedelta(hours=70))
    links.use(token, password="nightfall under a canvas")
    request = open_request(two_files, carol)
    with pytest.raises(ApproverTouched):
        approve(request, Actor(name="puppet", user=puppet))


def test_an_administrator_does_not_approve_what_a_person_of_their_own_asks_for(
    two_files: Project, carol: Actor, alice: Actor
) -> None:
    """The same attack from the other side: one administrator makes the one who asks, and approves as themselves."""
    puppet, token = links.invite(by=carol, username="puppet", role=Role.REQUESTER)
    links.use(token, password="nightfall under a canvas")
    request = open_request(two_files, Actor(name="puppet", user=puppet))
    with pytest.raises(ApproverTouched, match="carol made the one-time link with which puppet set a password"):
        approve(request, carol)
    assert approve(open_request(two_files, alice), carol).status == ChangeRequest.Status.APPROVED


def test_two_people_whom_one_hand_made_are_one(two_files: Project, carol: Actor) -> None:
    """And with both: neither has touched the other."""
    asks, decides = (links.invite(by=carol, username=name, role=Role.APPROVER) for name in ("puppet", "marion"))
    for _, token in (asks, decides):
        links.use(token, password="nightfall under a canvas")
    request = open_request(two_files, Actor(name="puppet", user=asks[0]))
    with pytest.raises(ApproverTouched, match=r"carol made the one-time link .* puppet .* and .* marion"):
        approve(request, Actor(name="marion", user=decides[0]))
    PersonChange.objects.filter(person=asks[0]).update(at=timezone.now() - timedelta(hours=independence.HOURS + 1))
    request = open_request(two_files, Actor(name="puppet", user=asks[0]))
    assert approve(request, Actor(name="marion", user=decides[0])).status == ChangeRequest.Status.APPROVED


def test_the_role_that_an_approver_gave_the_requester_puts_nobody_in_their_hands(
    two_files: Project, carol: Actor, vera: Actor
) -> None:
    change_role(vera, "requester", carol)
    assert approve(open_request(two_files, vera), carol).status == ChangeRequest.Status.APPROVED


def test_a_link_that_the_requester_asked_the_approver_for_later_does_not_matter(
    two_files: Project, carol: Actor, alice: Actor
) -> None:
    request = open_request(two_files, alice)
    links.make_for(alice.person, by=carol)
    assert approve(request, carol).status == ChangeRequest.Status.APPROVED


def _long_ago() -> None:
    PersonChange.objects.update(at=timezone.now() - timedelta(hours=70))


def test_an_address_of_ones_own_is_no_way_in_after_a_day_of_patience(
    two_files: Project, carol: Actor, bob: Actor
) -> None:
    """The attack: set one's own address at the approver's account, wait a day, come in by a provider, approve."""
    give_address(bob, carol)
    _long_ago()
    request = open_request(two_files, carol)
    people.record_provider(bob.person, "oidc", source_ip=None)
    with pytest.raises(ApproverTouched, match=r"carol, who asked for .*set the mail address by which bob came in"):
        approve(request, bob)


def test_nor_by_a_link_that_somebody_else_sends_to_that_address(
    two_files: Project, carol: Actor, bob: Actor, make_user: Callable[..., User], settings: SettingsWrapper
) -> None:
    """Who is asked to send it sees nothing wrong: the address stands on the page."""
    settings.SENDS_MAIL = True
    give_address(bob, carol)
    _long_ago()
    helper = make_user("dora", "admin")
    links.make_for(bob.person, by=Actor(name="dora", user=helper), by_mail=True)
    token = links.issue(OneTimeLink.objects.get().pk)
    assert token
    links.use(token, password="nightfall under a canvas")
    with pytest.raises(ApproverTouched, match="set the mail address by which bob came in"):
        approve(open_request(two_files, carol), bob)


def test_an_address_that_people_came_in_by_before_bars_nobody(two_files: Project, carol: Actor, bob: Actor) -> None:
    give_address(bob, carol)
    people.record_provider(bob.person, "oidc", source_ip=None)
    _long_ago()
    approve(open_request(two_files, carol), bob)


def test_after_a_day_it_counts_again(two_files: Project, carol: Actor, bob: Actor) -> None:
    links.make_for(bob.person, by=carol)
    PersonChange.objects.update(at=timezone.now() - timedelta(hours=independence.HOURS, minutes=1))
    request = approve(open_request(two_files, carol), bob)
    assert request.status == ChangeRequest.Status.APPROVED


def test_what_somebody_else_changed_does_not_matter(two_files: Project, alice: Actor, bob: Actor, carol: Actor) -> None:
    links.make_for(bob.person, by=carol)
    request = approve(open_request(two_files, alice), bob)
    assert request.status == ChangeRequest.Status.APPROVED


def test_what_people_change_of_themselves_does_not_matter(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    people.change_password(bob.person, "nightfall under a canvas", by=bob, session_hash="none")
    assert start_on_production(request, alice).status == Run.Status.QUEUED


def test_an_approval_of_somebody_who_was_away_since_does_not_come_back(
    two_files: Project, alice: Actor, bob: Actor, carol: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    set_free(bob, carol)
    with pytest.raises(ApproverGone):
        start_on_production(request, alice)


def test_every_kind_of_change_has_its_words() -> None:
    assert set(independence.DID) == set(PersonChange.Kind)
    assert all("{person}" in words for words in independence.DID.values())


def test_the_page_of_the_request_says_so(two_files: Project, carol: Actor, bob: Actor) -> None:
    request = approved_request(two_files, carol, bob)
    assert validity.state_of(request).objection == ""
    links.make_for(bob.person, by=carol)
    said = "carol, who asked for request {}, made a one-time link for bob, so the approval of bob does not count"
    assert validity.state_of(request).objection == said.format(request.pk)
