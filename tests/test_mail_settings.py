"""Mails are switched on by variables: read in one way, or refused by name without a word of what they hold."""

from __future__ import annotations

import pytest

from config import mail
from config.errors import Misconfigured
from tests.malformed_urls import SHAPES

#: Wrong for a database, and clear here.
READ_WHOLE = {SHAPES[name] for name in ("hash", "question mark", "no database")}
SENDER = "Signalbox <signalbox@example.com>"
GOOD = {mail.URL: "smtp://app:p%2Fw%40@mail.example:2525", mail.SENDER: SENDER, mail.BASE: "https://signalbox.example"}


def _refusal(**changes: str) -> str:
    with pytest.raises(Misconfigured) as refused:
        mail.load(GOOD | changes, [])
    return str(refused.value)


def test_none_is_sent_unless_a_server_is_named() -> None:
    assert not mail.load({}, ["signalbox.example"]).options


def test_a_password_is_read_as_it_was_meant() -> None:
    options = mail.load(GOOD, []).options
    assert (options["username"], options["password"]) == ("app", "p/w@")
    assert (options["host"], options["port"], options["use_tls"]) == ("mail.example", 2525, True)


@pytest.mark.parametrize(
    ("scheme", "closed", "port"),
    [
        ("smtp", "use_tls", 587),
        ("smtp+tls", "use_tls", 587),
        ("smtps", "use_ssl", 465),
        ("smtp+ssl", "use_ssl", 465),
        ("smtp+plain", "", 25),
    ],
)
def test_the_way_is_encrypted_unless_somebody_says_plain(scheme: str, closed: str, port: int) -> None:
    options = mail.load(GOOD | {mail.URL: f"{scheme}://mail.example"}, []).options
    assert {name for name in ("use_tls", "use_ssl") if options.get(name)} == ({closed} if closed else set())
    assert options["port"] == port


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_malformed_url_is_read_whole_or_refused_without_a_word_of_it(shape: str) -> None:
    written = shape.replace("postgresql", "smtp").replace("/db", "").format(a="canaryA", b="canaryB")
    if shape in READ_WHOLE:
        options = dict(mail.load(GOOD | {mail.URL: written}, []).options)
        assert options.pop("password").replace("#", "").replace("?", "") == "canaryAcanaryB"
        assert "canary" not in str(options)
    else:
        refusal = _refusal(**{mail.URL: written})
        assert "SIGNALBOX_EMAIL_URL" in refusal
        assert "canary" not in refusal


@pytest.mark.parametrize(
    "sender", ["", "Signalbox", "a@example.com\nBcc: b@example.com", "a@example.com, b@example.com"]
)
def test_a_sender_is_one_address(sender: str) -> None:
    assert mail.SENDER in _refusal(**{mail.SENDER: sender})


def test_links_need_a_base_and_a_public_name_is_one() -> None:
    assert mail.BASE in _refusal(**{mail.BASE: ""})
    assert mail.load(GOOD | {mail.BASE: ""}, ["signalbox.test"]).base == "https://signalbox.test"
    assert mail.load(GOOD | {mail.BASE: "https://signalbox.example/"}, []).base == "https://signalbox.example"


@pytest.mark.parametrize("base", ["signalbox.example", "javascript:alert(1)", "https://a@b", "https://b/path"])
def test_a_base_is_an_address_without_a_path(base: str) -> None:
    assert mail.BASE in _refusal(**{mail.BASE: base})
