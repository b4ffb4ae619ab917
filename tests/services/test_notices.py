"""Who is told by mail of what, and who is not; and that a mail tells no more than it should."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.models import BreakGlass, Mail, OneTimeLink
from dashboard.models.roles import Role
from dashboard.presenters import mails as words
from dashboard.services import approvals, audit, break_glass, comments, links, notices, people
from dashboard.services.actors import Actor
from dashboard.services.errors import LinkNotMailed, LinkUnusable
from tests.fix_mail import PostOffice
from tests.fix_people import ClientOf
from tests.fix_project import ChangeProduction, Project
from tests.services.workflow import approve, execute, open_request, start_on_production
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

type SendDue = Callable[[], int]

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


@pytest.fixture
def told(post_office: PostOffice, send_due: SendDue, alice: Actor, bob: Actor, carol: Actor) -> Callable[[], list[str]]:
    """Who was told since the last question: address and subject."""
    for by in (alice, bob, carol):
        by.person.email = f"{by.name}@example.com"
        by.person.save()

    def since() -> list[str]:
        before = len(post_office.arrived)
        send_due()
        return sorted(f"{to}: {str(m['Subject'])[12:]}" for to, m in post_office.arrived[before:])

    return since


def test_a_request_from_its_opening_to_its_failure(
    told: Callable[[], list[str]], post_office: PostOffice, project: Project, alice: Actor, bob: Actor, carol: Actor
) -> None:
    project.write(_001_users="CREATE TABLE users (id int); SELECT 1 / 0 AS secret_column;")
    request = open_request(project, alice, reason="the customer Jane Doe")
    waits = f"Request {request.pk} for Production waits for your approval"
    assert told() == [f"{BOB}: {waits}", f"{CAROL}: {waits}"]
    comments.add(request, by=bob, text="@alice and @bob: what of Jane Doe?")
    assert told() == [f"{ALICE}: You were mentioned on request {request.pk}"]
    approve(request, bob)
    assert told() == [f"{ALICE}: News of request {request.pk} for Production"]
    request.refresh_from_db()
    run = execute(start_on_production(request, carol))
    assert told() == [f"{CAROL}: A run on Production failed or did not begin"]
    assert f"https://signalbox.test/runs/{run.pk}/" in post_office.text()
    for private in ("Jane", "Doe", "secret_column", "division", "CREATE", "127.0.0.1"):
        assert private not in post_office.everything().replace("X-Peer: 127.0.0.1", "")


def test_who_asked_hears_that_it_was_rejected_or_voided_and_nobody_is_asked_about_what_is_over(
    told: Callable[[], list[str]], two_files: Project, alice: Actor, bob: Actor
) -> None:
    request = open_request(two_files, alice)
    approvals.reject(request.pk, by=bob, digest=request.digest, reason="not now")
    assert told() == [f"{ALICE}: News of request {request.pk} for Production"], "the asking is needless by now"
    other = open_request(two_files, alice)
    approvals.supersede(other, "a file was changed")
    assert told() == [f"{ALICE}: News of request {other.pk} for Production"]


def test_break_glass_is_told_to_everybody_who_could_have_been_asked(
    told: Callable[[], list[str]],
    two_files: Project,
    change_production: ChangeProduction,
    alice: Actor,
    bob: Actor,
    carol: Actor,
) -> None:
    change_production(break_glass=True)
    for by in (bob, carol):
        notices.choose(by.person, [])
    request = open_request(two_files, alice)
    told()
    sent = {"digest": request.digest, "reason": "Nobody can sign in", "typed_name": "production"}
    opening = break_glass.open_for(request.pk, by=carol, **sent)
    loud = [f"{to}: BREAK-GLASS on Production by carol" for to in (BOB, CAROL)]
    assert told() == loud
    run = execute(start_on_production(request, carol))
    assert run.break_glass == opening
    assert loud[0] in told()
    notices.remind_of_reviews()
    assert told() == [], "not on the same day"
    BreakGlass.objects.update(at=timezone.now() - timedelta(days=1))
    notices.remind_of_reviews()
    notices.remind_of_reviews()
    assert told() == [f"{BOB}: Break-glass on Production: the review is still open"], "once a day, to whoever may sign"
    break_glass.review(opening.pk, by=bob, comment="seen")
    Mail.objects.update(queued_at=timezone.now() - timedelta(days=2))
    notices.remind_of_reviews()
    assert told() == []


def test_what_somebody_does_not_want_is_not_sent_but_notices_of_their_account_are(
    told: Callable[[], list[str]], two_files: Project, alice: Actor, bob: Actor, carol: Actor, client_of: ClientOf
) -> None:
    client = client_of(bob.person)
    told()
    client.post("/account/notices/", {"wanted": [Mail.Kind.MENTIONED]})
    assert 'value="approval_wanted" checked' not in re.sub(r"\s+", " ", client.get("/account/").content.decode())
    open_request(two_files, alice)
    assert [line for line in told() if BOB in line] == []
    audit.record(audit.Event.ROLE_CHANGED, by=carol, name="bob", before=[], after=[])
    assert told() == [f"{BOB}: Security notice about your account"]


def test_the_former_address_hears_of_another_one(told: Callable[[], list[str]], bob: Actor, carol: Actor) -> None:
    changes = {"full_name": "", "role": Role.APPROVER, "active": True, "superuser": False}
    people.change(bob.person.pk, by=carol, email="other@example.com", **changes)
    notice = "Security notice about your account"
    assert told() == [f"{BOB}: {notice}", f"other@example.com: {notice}"]


def test_signing_in_from_another_browser_is_told_and_from_a_known_one_is_not(
    told: Callable[[], list[str]], alice: Actor, client: Client
) -> None:
    signing_in = {"login": "alice", "password": "correct horse battery staple"}
    client.post("/sign-in/", signing_in)
    assert told() == [f"{ALICE}: Security notice about your account"]
    client.post("/sign-out/")
    client.post("/sign-in/", signing_in)
    assert told() == []


# One-time links


def test_a_link_by_mail_is_seen_by_nobody_here(
    told: Callable[[], list[str]], post_office: PostOffice, admin: User, client_of: ClientOf, client: Client
) -> None:
    told()
    sent = {"username": "nora", "full_name": "", "email": "nora@example.com", "role": "viewer", "by_mail": "1"}
    answer = client_of(admin).post("/people/invite/", sent)
    assert "goes by mail to nora@example.com" in text(answer)
    assert "/join/" not in answer.content.decode()
    assert "nora@example.com: Choose your password" in told()
    written = next(post_office.text(n) for n, (to, _) in enumerate(post_office.arrived) if to == "nora@example.com")
    (token,) = re.findall(r"https://signalbox\.test/join/([\w-]+)/", written)
    kept = str([*Mail.objects.values(), *OneTimeLink.objects.values()])
    assert token not in kept
    chosen = {"password": "nightfall under a canvas", "again": "nightfall under a canvas"}
    assert client.post(f"/join/{token}/", chosen).status_code == 302


def test_each_further_try_has_a_link_of_its_own(
    told: Callable[[], list[str]], post_office: PostOffice, alice: Actor, carol: Actor
) -> None:
    post_office.answers[ALICE] = "451 later"
    assert links.make_for(alice.person, by=carol, by_mail=True) == ""
    assert told() == []
    former = OneTimeLink.objects.get().token_hash
    post_office.answers.clear()
    Mail.objects.update(next_try_at=timezone.now(), queued_at=timezone.now() - timedelta(hours=1))
    assert f"{ALICE}: Choose your password" in told()
    assert OneTimeLink.objects.get().token_hash != former


def test_a_link_that_was_replaced_is_not_sent(told: Callable[[], list[str]], alice: Actor, carol: Actor) -> None:
    links.make_for(alice.person, by=carol, by_mail=True)
    links.look_up(links.make_for(alice.person, by=carol))
    assert f"{ALICE}: Choose your password" not in told()
    assert Mail.objects.get(kind=Mail.Kind.LINK).status == Mail.Status.NEEDLESS


def test_a_link_that_went_to_a_former_address_opens_nothing(
    told: Callable[[], list[str]], post_office: PostOffice, alice: Actor, bob: Actor, carol: Actor
) -> None:
    """Neither one that has arrived there nor one that waits."""
    links.make_for(alice.person, by=carol, by_mail=True)
    told()
    written = next(
        post_office.text(n) for n, (to, m) in enumerate(post_office.arrived) if "Choose" in str(m["Subject"])
    )
    (token,) = re.findall(r"/join/([\w-]+)/", written)
    post_office.answers[BOB] = "451 later"
    links.make_for(bob.person, by=carol, by_mail=True)
    told()
    post_office.answers.clear()
    changes = {"full_name": "", "role": Role.APPROVER, "active": True, "superuser": False}
    for person in (alice.person, bob.person):
        people.change(person.pk, by=carol, email=f"new-{person.username}@example.com", **changes)
    with pytest.raises(LinkUnusable):
        links.look_up(token)
    Mail.objects.update(next_try_at=timezone.now())
    assert f"{BOB}: Choose your password" not in told()


def test_a_link_cannot_go_where_there_is_no_address(
    post_office: PostOffice, alice: Actor, carol: Actor, settings: SettingsWrapper
) -> None:
    with pytest.raises(LinkNotMailed, match="no mail address"):
        links.make_for(alice.person, by=carol, by_mail=True)
    settings.SENDS_MAIL = False
    with pytest.raises(LinkNotMailed, match="no mail server"):
        links.make_for(alice.person, by=carol, by_mail=True)
    with pytest.raises(LinkUnusable):
        links.look_up("")


# The head of the audit log


def test_the_head_goes_to_mailboxes_outside(
    told: Callable[[], list[str]], post_office: PostOffice, alice: Actor, settings: SettingsWrapper
) -> None:
    settings.AUDIT_HEAD_MAIL = ("archive@example.org",)
    event = audit.record(audit.Event.SIGNED_OUT, by=alice)
    notices.send_audit_head()
    assert told() == [f"archive@example.org: audit head {event.pk}"]
    assert f"audit head id={event.pk} hash={event.hash}" in post_office.text()


# Words


def test_every_event_that_is_told_has_its_words() -> None:
    assert set(notices._RULES) == set(words.EVENTS)
    assert set(Mail.Kind) == set(words.WORDS) == set(words.SUBJECTS)
    assert set(Mail.Problem) == set(words.PROBLEMS)
    assert {kind for kind in Mail.Kind if words.WORDS[kind].choice} == set(Mail.Kind) - Mail.ALWAYS
