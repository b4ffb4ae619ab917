"""Mails reach a server that speaks SMTP, and whatever that server does, nothing is lost and nothing else fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from dashboard.models import AuditEvent, Mail
from dashboard.services import audit, mails, notices
from dashboard.services.actors import person
from tests.fix_mail import PASSWORD, USER, Certificate, OpenOffice, PostOffice, mails_through
from tests.fix_people import ClientOf
from tests.ports import free_port
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

#: aiosmtpd warns of what these tests are about.
WITHOUT_TLS = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

type SendDue = Callable[[], int]


@pytest.fixture
def carl(admin: User) -> User:
    """carol, with an address."""
    admin.email = "carol@example.com"
    admin.save()
    return admin


def _something_happens(user: User) -> None:
    audit.record(audit.Event.PASSWORD_SET, by=person(user), name=user.get_username())


def _waiting() -> Mail:
    return Mail.objects.get(status=Mail.Status.WAITING)


def _elsewhere(send_due: SendDue) -> int:
    try:
        return send_due()
    finally:
        connection.close()


def _make_due() -> None:
    Mail.objects.update(next_try_at=timezone.now(), queued_at=timezone.now() - timedelta(hours=1))


def test_a_mail_waits_beside_its_event_and_is_sent_once(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    _something_happens(carl)
    assert post_office.arrived == [], "the web process sends nothing"
    assert send_due() == 1
    assert send_due() == 0
    assert post_office.told("carol@example.com") == ["[Signalbox] Security notice about your account"]
    assert "The password of carol was changed." in post_office.text()
    assert Mail.objects.get().status == Mail.Status.SENT


def test_a_job_waits_with_it(carl: User, post_office: PostOffice) -> None:
    _something_happens(carl)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'send_mails' AND status = 'todo'")
        assert cursor.fetchone() == (1,)


def test_what_is_undone_tells_nobody(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    with transaction.atomic():
        _something_happens(carl)
        assert Mail.objects.exists()
        transaction.set_rollback(True)
    assert not Mail.objects.exists()
    assert send_due() == 0


def test_without_a_server_nothing_waits(carl: User) -> None:
    _something_happens(carl)
    assert not Mail.objects.exists()


def test_what_cannot_be_queued_stops_nothing(
    carl: User, post_office: PostOffice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: object) -> None:
        raise LookupError("no such thing")

    monkeypatch.setattr(notices, "_put", fails)
    _something_happens(carl)
    assert AuditEvent.objects.filter(kind=audit.Event.PASSWORD_SET).exists()
    assert "could not be queued" in caplog.text


# What servers do


def test_by_starttls_with_a_name_and_a_password(
    carl: User,
    open_office: OpenOffice,
    certificate: Certificate,
    settings: SettingsWrapper,
    send_due: SendDue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = open_office(tls=certificate, signs_in=PASSWORD)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    mails_through(settings, office.port, scheme="smtp", user=f"{USER}:{PASSWORD.replace(' ', '%20')}")
    _something_happens(carl)
    assert send_due() == 1
    assert len(office.arrived) == 1


def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    carl: User, open_office: OpenOffice, certificate: Certificate, settings: SettingsWrapper, send_due: SendDue
) -> None:
    office = open_office(tls=certificate, signs_in=PASSWORD)
    mails_through(settings, office.port, scheme="smtp", user=f"{USER}:{PASSWORD.replace(' ', '%20')}")
    _something_happens(carl)
    assert send_due() == 0
    assert _waiting().problem == Mail.Problem.NO_TLS


@WITHOUT_TLS
def test_a_server_without_starttls_gets_neither_password_nor_mail(
    carl: User, open_office: OpenOffice, settings: SettingsWrapper, send_due: SendDue
) -> None:
    office = open_office(signs_in=PASSWORD)
    mails_through(settings, office.port, scheme="smtp", user=f"{USER}:{PASSWORD.replace(' ', '%20')}")
    _something_happens(carl)
    assert send_due() == 0
    assert (_waiting().problem, office.arrived) == (Mail.Problem.LACKS, [])


@WITHOUT_TLS
def test_a_server_that_refuses_us_is_asked_again(
    carl: User, open_office: OpenOffice, settings: SettingsWrapper, send_due: SendDue
) -> None:
    office = open_office(signs_in=PASSWORD)
    mails_through(settings, office.port, scheme="smtp+plain", user=f"{USER}:wrong")
    _something_happens(carl)
    assert send_due() == 0
    assert (_waiting().problem, _waiting().reply) == (Mail.Problem.NO_SIGN_IN, 535)
    mails_through(settings, office.port, scheme="smtp+plain", user=f"{USER}:{PASSWORD.replace(' ', '%20')}")
    _make_due()
    assert send_due() == 1


def test_nobody_listens(carl: User, settings: SettingsWrapper, send_due: SendDue) -> None:
    mails_through(settings, free_port(), scheme="smtp+plain")
    _something_happens(carl)
    assert send_due() == 0
    assert _waiting().problem == Mail.Problem.AWAY


def test_greylisting_is_waited_for(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    post_office.answers["carol@example.com"] = "451 4.7.1 come back later"
    _something_happens(carl)
    assert send_due() == 0
    mail = _waiting()
    assert (mail.problem, mail.reply, mail.tries) == (Mail.Problem.LATER, 451, 1)
    assert mail.next_try_at > timezone.now()
    post_office.answers.clear()
    assert send_due() == 0, "its time has not come"
    _make_due()
    assert send_due() == 1


def test_an_address_that_is_refused_is_given_up_and_said(
    carl: User, requester: User, post_office: PostOffice, send_due: SendDue, client_of: ClientOf
) -> None:
    requester.email = "alice@example.com"
    requester.save()
    post_office.answers["alice@example.com"] = "550 5.1.1 no such mailbox"
    _something_happens(requester)
    _something_happens(carl)
    assert send_due() == 1, "the next mail goes out all the same"
    mail = Mail.objects.get(status=Mail.Status.UNDELIVERED)
    assert (mail.problem, mail.reply) == (Mail.Problem.ADDRESS, 550)
    event = AuditEvent.objects.get(kind=audit.Event.MAIL_UNDELIVERED)
    assert event.data == {"mail": mail.kind, "name": "alice", "problem": mail.problem, "reply": 550}
    for client, path in ((client_of(carl), "/people/"), (client_of(requester), "/account/")):
        assert "The mail server refuses the address. It answered 550." in text(client.get(path))


def test_a_mail_that_is_refused_is_given_up(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    post_office.after_data = "554 5.7.1 we do not like it"
    _something_happens(carl)
    assert send_due() == 0
    assert Mail.objects.get().problem == Mail.Problem.CONTENT
    assert Mail.objects.get().status == Mail.Status.UNDELIVERED


def test_a_server_that_goes_in_the_middle_is_asked_again(
    carl: User, post_office: PostOffice, send_due: SendDue
) -> None:
    post_office.cuts_off = True
    _something_happens(carl)
    assert send_due() == 0
    assert _waiting().problem == Mail.Problem.BROKE_OFF
    post_office.cuts_off = False
    _make_due()
    assert send_due() == 1
    assert len(post_office.arrived) == 1


def test_a_slow_server_is_left_and_the_same_mail_is_known_at_the_next_try(
    carl: User, post_office: PostOffice, settings: SettingsWrapper, send_due: SendDue
) -> None:
    mails_through(settings, post_office.port, scheme="smtp+plain", patience=0.3)
    post_office.waits = 0.6
    _something_happens(carl)
    assert send_due() == 0
    assert _waiting().problem == Mail.Problem.BROKE_OFF
    post_office.waits = 0
    _make_due()
    assert send_due() == 1
    assert len({message["Message-ID"] for _, message in post_office.arrived}) == 1


def test_after_a_day_it_is_given_up(carl: User, settings: SettingsWrapper, send_due: SendDue) -> None:
    mails_through(settings, free_port(), scheme="smtp+plain")
    _something_happens(carl)
    Mail.objects.update(queued_at=timezone.now() - mails.TRIED_FOR - timedelta(minutes=1))
    assert send_due() == 0
    assert Mail.objects.get().status == Mail.Status.UNDELIVERED


def test_a_worker_that_died_before_the_answer_loses_no_mail(
    carl: User, post_office: PostOffice, send_due: SendDue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(message: object) -> None:
        raise SystemExit

    _something_happens(carl)
    with monkeypatch.context() as dying:
        dying.setattr(mails, "_hand_over", dies)
        with pytest.raises(SystemExit):
            send_due()
    assert _waiting().tries == 1
    _make_due()
    assert send_due() == 1


def test_only_one_process_sends(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    _something_happens(carl)
    with mails._alone() as is_alone, ThreadPoolExecutor(1) as pool:
        assert is_alone
        assert pool.submit(_elsewhere, send_due).result() == 0
    assert send_due() == 1


# What a mail holds


def test_no_header_is_made_of_what_people_write(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    about = {"event": audit.Event.BREAK_GLASS_OPENED, "by": "a\nBcc: x@example.com", "request": 1, "run": None}
    notices.tell(Mail.Kind.GLASS, [carl], **about)
    assert send_due() == 0
    assert post_office.arrived == []


def test_links_begin_with_what_is_configured(
    carl: User, viewer: User, post_office: PostOffice, send_due: SendDue, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    viewer.email = "vera@example.com"
    viewer.save()
    client_of(carl).post(f"/people/{viewer.pk}/link/", {"by_mail": "1"}, headers={"host": "evil.example"})
    assert send_due() >= 1
    assert "https://signalbox.test/join/" in post_office.everything()
    assert "evil.example" not in post_office.everything()


def test_a_mail_that_cannot_be_written_ends_at_once_and_the_others_go_out(
    carl: User, client_of: ClientOf, post_office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    """It waited an hour, failed again, and kept back for that job whatever waited behind it."""
    broken, _ = _two_mails(carl)

    def word(mail: Mail, token: str) -> mails.MailText:
        if mail.pk == broken.pk:
            raise KeyError("place")
        return mails.MailText(subject="Whole", body="Read me")

    assert mails.send_due(word) == 1
    broken.refresh_from_db()
    assert (broken.status, broken.problem, broken.tries) == (Mail.Status.UNDELIVERED, Mail.Problem.WORDING, 1)
    assert [letter["Subject"] for _, letter in post_office.arrived] == ["Whole"]
    (event,) = AuditEvent.objects.filter(kind="mail.undelivered")
    assert (event.data["name"], event.data["problem"]) == ("carol", Mail.Problem.WORDING)
    assert [record.exc_info is not None for record in caplog.records if "written" in record.message] == [True]
    assert "failed while it wrote the mail" in text(client_of(carl).get("/people/"))
    _make_due()
    mails.send_due(word)
    broken.refresh_from_db()
    assert broken.tries == 1, "nobody tries it again"


def test_facts_that_are_not_there_end_a_mail_too(carl: User, post_office: PostOffice, send_due: SendDue) -> None:
    """Before it is worded it is asked whether it is still needed, by the same facts."""
    first, second = _two_mails(carl)
    Mail.objects.filter(pk=first.pk).update(kind=Mail.Kind.REVIEW_OPEN, facts={})
    Mail.objects.filter(pk=second.pk).update(kind=Mail.Kind.LINK, facts={})
    assert send_due() == 0
    assert set(Mail.objects.values_list("status", "problem")) == {(Mail.Status.UNDELIVERED, Mail.Problem.WORDING)}


def test_a_control_database_that_is_away_ends_no_mail(carl: User, post_office: PostOffice) -> None:
    _something_happens(carl)

    def word(mail: Mail, token: str) -> mails.MailText:
        raise OperationalError("the connection is lost")

    with pytest.raises(OperationalError):
        mails.send_due(word)
    assert _waiting().problem == ""


def _two_mails(user: User) -> list[Mail]:
    for _ in range(2):
        _something_happens(user)
    return list(Mail.objects.order_by("pk"))
