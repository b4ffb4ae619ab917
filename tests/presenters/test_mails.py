"""What a mail says by its kind, and what pages say of mails that were not delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User

from dashboard.models import Mail, OneTimeLink
from dashboard.presenters import mails as presenter
from dashboard.services.audit import Event
from tests.presenters import values

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

FACTS = {
    "event": Event.RUN_FAILED,
    "by": "bob",
    "name": "alice",
    "environment": "gone",
    "request": 7,
    "run": 9,
    "at": "2026-11-29 01:00 UTC",
    "source_ip": "192.0.2.1",
    "factor": "a passkey",
    "provider": "google",
    "status": "open",
    "purpose": OneTimeLink.Purpose.INVITATION,
    "id": 5,
    "hash": "0" * 64,
    "token": "sbx_abcdefgh",
}


@pytest.fixture(autouse=True)
def base(settings: SettingsWrapper) -> None:
    settings.BASE_URL = "https://signalbox.test"


def mail(kind: Mail.Kind, **facts: object) -> Mail:
    return Mail(kind=kind, person=User(username="alice"), address="a@b.example", facts={**FACTS, **facts})


@pytest.mark.parametrize("kind", Mail.Kind)
def test_every_kind_greets_says_something_and_leads_somewhere(kind: Mail.Kind):
    text = presenter.text(mail(kind), "TOKEN")
    assert text.subject.startswith("[Signalbox] ")
    assert text.body.startswith("Hello alice,\n\n")
    assert text.body.endswith("-- \nSignalbox, https://signalbox.test/\n")
    assert ("TOKEN" in text.body) == (kind == Mail.Kind.LINK)
    assert "{" not in text.subject + text.body


@pytest.mark.parametrize("event", presenter.EVENTS)
def test_every_event_fills_its_sentence(event: str):
    assert "{" not in presenter.text(mail(Mail.Kind.DECIDED, event=event)).body


def test_a_run_is_linked_before_its_request():
    assert "https://signalbox.test/runs/9/" in presenter.text(mail(Mail.Kind.RUN_FAILED)).body
    assert "https://signalbox.test/requests/7/" in presenter.text(mail(Mail.Kind.DECIDED, run=None)).body


def test_what_may_be_switched_off_is_offered_with_its_state():
    offered = presenter.choices([Mail.Kind.MENTIONED])
    assert [each.kind for each in offered if not each.wanted] == [Mail.Kind.MENTIONED]
    assert not {each.kind for each in offered} & Mail.ALWAYS


def test_one_that_was_given_up_has_no_next_try():
    given_up, waiting = mail(Mail.Kind.ACCOUNT), mail(Mail.Kind.ACCOUNT)
    for each, status in ((given_up, Mail.Status.UNDELIVERED), (waiting, Mail.Status.WAITING)):
        each.status, each.queued_at, each.next_try_at = status, values.MOMENT, values.MOMENT
        each.problem, each.reply = Mail.Problem.ADDRESS, 550
    rows = presenter.undelivered([given_up, waiting])
    assert [row.next_try_at for row in rows] == [None, values.MOMENT]
    assert {row.name for row in rows} == {"alice"}
    assert "550" in rows[0].problem


def test_the_doctor_counts_what_is_wrong(settings: SettingsWrapper):
    assert "SIGNALBOX_EMAIL_URL" in presenter.standing(undelivered=0, unreachable=0)
    settings.SENDS_MAIL = True
    fine, wrong = (presenter.standing(undelivered=count, unreachable=count) for count in (0, 2))
    assert fine in wrong
    assert "2 mails" in wrong


def test_every_problem_has_one_sentence_of_its_own():
    assert set(presenter.PROBLEMS) == set(Mail.Problem)
    assert len({*presenter.PROBLEMS.values()}) == len(presenter.PROBLEMS)


def test_every_kind_has_a_subject_and_words():
    assert set(presenter.SUBJECTS) == set(presenter.WORDS) == set(Mail.Kind)


def test_a_notice_about_security_says_when_and_whence_and_cannot_be_switched_off():
    body = presenter.text(mail(Mail.Kind.ACCOUNT, event=Event.PASSWORD_SET)).body
    assert "2026-11-29 01:00 UTC\nFrom: 192.0.2.1" in body
    assert "/account/" not in body, "no box switches it off"
    nowhere = presenter.text(mail(Mail.Kind.ACCOUNT, event=Event.PASSWORD_SET, source_ip=""))
    assert "From:" not in nowhere.body


@pytest.mark.parametrize("kind", [Mail.Kind.APPROVAL_WANTED, Mail.Kind.MENTIONED, Mail.Kind.DECIDED])
def test_what_can_be_switched_off_says_where(kind: Mail.Kind):
    assert "https://signalbox.test/account/" in presenter.text(mail(kind, event=Event.REQUEST_OPENED)).body


@pytest.mark.parametrize("kind", sorted(Mail.ALWAYS - {Mail.Kind.LINK}))
def test_what_everybody_gets_offers_no_way_to_switch_it_off(kind: Mail.Kind):
    assert "/account/" not in presenter.text(mail(kind)).body


def test_a_link_says_whether_it_invites_or_replaces_a_password():
    invited, renewed = (
        presenter.text(mail(Mail.Kind.LINK, purpose=purpose), "TOKEN").body
        for purpose in (OneTimeLink.Purpose.INVITATION, OneTimeLink.Purpose.LOST_PASSWORD)
    )
    assert values.says(invited, "invites you")
    assert not values.says(renewed, "invites you")
    for body in (invited, renewed):
        assert body.count("https://signalbox.test/join/TOKEN/") == 1


def test_a_mail_to_an_address_of_nobody_greets_nobody_and_is_listed_by_the_address():
    head = mail(Mail.Kind.AUDIT_HEAD)
    head.person, head.queued_at, head.status = None, values.MOMENT, Mail.Status.UNDELIVERED
    assert presenter.text(head).body.startswith("audit head id=5 hash=0000")
    (row,) = presenter.undelivered([head])
    assert (row.name, row.problem) == ("a@b.example", "")


def test_the_mail_with_a_head_names_the_command_as_this_installation_has_it(settings: SettingsWrapper):
    settings.COMMAND_LINE = "docker compose exec worker signalbox"
    assert "docker compose exec worker signalbox audit verify" in presenter.text(mail(Mail.Kind.AUDIT_HEAD)).body


def test_one_alone_is_counted_as_one(settings: SettingsWrapper):
    settings.SENDS_MAIL = True
    said = presenter.standing(undelivered=1, unreachable=1)
    assert values.says(said, "1 mail not")
    assert values.says(said, "1 active account without")
