"""A mail server of the tests' own, on a free port of this machine, that can be made to fail in the ways servers do."""

from __future__ import annotations

import asyncio
import datetime
import email
import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.ports import free_port

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

#: What aiosmtpd says of every mail would be read as ours.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

USER, PASSWORD = "signalbox", "a password of the mail server"
BASE = "https://signalbox.test"


@dataclass
class PostOffice:
    """What arrived; and what it answers instead of taking a mail."""

    port: int
    arrived: list[tuple[str, Message]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)  # by address: to RCPT
    after_data: str = ""  # to the end of a mail
    cuts_off: bool = False  # in the middle of a mail
    waits: float = 0  # seconds before it answers to the end of a mail

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.answers.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.cuts_off:
            assert server.transport is not None
            server.transport.abort()
            return "250 too late"
        if self.waits:
            await asyncio.sleep(self.waits)
        if self.after_data:
            return self.after_data
        assert isinstance(envelope.content, bytes)
        self.arrived += [(address, email.message_from_bytes(envelope.content)) for address in envelope.rcpt_tos]
        return "250 taken"

    def told(self, address: str) -> list[str]:
        """The subjects of what arrived there."""
        return [str(message["Subject"]) for to, message in self.arrived if to == address]

    def text(self, number: int = -1) -> str:
        content = self.arrived[number][1].get_payload(decode=True)
        assert isinstance(content, bytes)
        return content.decode()

    def everything(self) -> str:
        return "\n".join(f"{to}\n{message}\n{self.text(n)}" for n, (to, message) in enumerate(self.arrived))


@dataclass(frozen=True, kw_only=True)
class Certificate:
    file: Path  # and whom to trust: it signs itself
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    places = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(places, critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(file=folder / "certificate.pem", key=folder / "key.pem")
    made.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return made


type OpenOffice = Callable[..., PostOffice]


@pytest.fixture
def open_office() -> Iterator[OpenOffice]:
    """Opens a post office: `tls` with a certificate, `signs_in` where it asks for USER and that password."""
    controllers = []

    def open_one(*, tls: Certificate | None = None, signs_in: str = "") -> PostOffice:
        office = PostOffice(port=free_port())
        more: dict[str, Any] = {}
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.file, tls.key)
            more |= {"tls_context": context, "require_starttls": True}
        if signs_in:
            more |= {"authenticator": _admitting(signs_in), "auth_required": True, "auth_require_tls": bool(tls)}
        controller = Controller(office, hostname="127.0.0.1", port=office.port, **more)
        controller.start()
        controllers.append(controller)
        return office

    yield open_one
    for controller in controllers:
        controller.stop()


def _admitting(password: str) -> Callable[..., AuthResult]:
    def admits(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), password.encode())
        return AuthResult(success=is_right, handled=False)

    return admits


@pytest.fixture
def post_office(open_office: OpenOffice, settings: SettingsWrapper) -> PostOffice:
    """Mails are on, through a server that takes all."""
    office = open_office()
    mails_through(settings, office.port, scheme="smtp+plain")
    return office


def mails_through(settings: SettingsWrapper, port: int, *, scheme: str, user: str = "", patience: float = 5) -> None:
    """As the variables would set it."""
    from config import mail

    before = f"{user}@" if user else ""
    variables = {
        mail.URL: f"{scheme}://{before}127.0.0.1:{port}",
        mail.SENDER: "Signalbox <signalbox@signalbox.test>",
        mail.BASE: BASE,
    }
    outbound = mail.load(variables, [])
    settings.MAILERS = outbound.mailers
    settings.MAILERS["default"]["OPTIONS"]["timeout"] = patience
    settings.SENDS_MAIL, settings.MAIL_SENDER, settings.BASE_URL = True, outbound.sender, outbound.base


@pytest.fixture
def send_due() -> Callable[[], int]:
    """What the worker does once a mail waits."""
    from dashboard.presenters import mails as words
    from dashboard.services import mails

    return lambda: mails.send_due(words.text)
