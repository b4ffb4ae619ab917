"""Which addresses are fetched from, how they are shown, and where nothing ever connects to."""

from __future__ import annotations

import pickle

import pytest

from dashboard.engine.git import Remote, parse_address
from dashboard.engine.git.addresses import is_forbidden, is_public
from dashboard.engine.git.errors import GitAddressRefused

SECRET = "sesame-opens-all"


@pytest.mark.parametrize(
    ("url", "scheme", "user", "host", "port", "path"),
    [
        ("https://github.com/a/b.git", "https", "", "github.com", 443, "/a/b.git"),
        ("HTTPS://GitHub.com/a/b/", "https", "", "github.com", 443, "/a/b"),
        ("http://gitea.internal:3000/a/b", "http", "", "gitea.internal", 3000, "/a/b"),
        ("https://[2001:db8::1]/a", "https", "", "2001:db8::1", 443, "/a"),
        ("ssh://git@host.org/a/b.git", "ssh", "git", "host.org", 22, "/a/b.git"),
        ("ssh://git@host.org:2222/~/b.git", "ssh", "git", "host.org", 2222, "b.git"),
        ("git@github.com:a/b.git", "ssh", "git", "github.com", 22, "a/b.git"),
        ("github.com:a/b.git", "ssh", "", "github.com", 22, "a/b.git"),
        ("git@host.org:/srv/b.git", "ssh", "git", "host.org", 22, "/srv/b.git"),
        ("git@[::1]:b.git", "ssh", "git", "::1", 22, "b.git"),
        ("git@host.org:~ann/b.git", "ssh", "git", "host.org", 22, "~ann/b.git"),
        ("ssh://host.org:23/~ann/b.git", "ssh", "", "host.org", 23, "~ann/b.git"),
    ],
)
def test_it_is_read(url: str, scheme: str, user: str, host: str, port: int, path: str):
    address = parse_address(url)
    assert (address.scheme, address.user, address.host, address.port) == (scheme, user, host, port)
    assert address.path == path
    assert parse_address(address.shown) == address


@pytest.mark.parametrize(
    "url",
    [
        *("", "file:///srv/a.git", "/srv/a.git", "../a.git", "C:/a.git", "git://host.org/a.git", "ftp://host.org/a"),
        *("ext::sh -c id", "https://", "https:///a.git", "https://host.org", "https://host.org/", "https://host:x/a"),
        *(
            "https://host.org/a?b=c",
            "https://host.org/a#b",
            "https://ho st/a",
            "https://host.org/a\nb",
            "git@host.org:",
        ),
        *("ssh://git@host.org/~/-oProxyCommand=id", "git@host.org:-x", "ssh://-oProxyCommand=id/a", "git@-host:a b"),
        *("ssh://git@host.org/a%0ab", "https://host.org\\@evil.org/a", "https://h\u00f6st.org/a"),
    ],
)
def test_it_is_refused(url: str):
    with pytest.raises(GitAddressRefused) as caught:
        parse_address(url)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@host.org/a.git",
        f"https://{SECRET}@host.org/a.git",
        f"https://user:{SECRET}/x@host.org/a.git",
        f"ssh://git:{SECRET}@host.org/a.git",
        f"https://user:{SECRET}@host.org/a b.git",
        f"ftp://user:{SECRET}@host.org/a.git",
        f"https://user:{SECRET}@[::1/a.git",
        f"https://host.org/a.git?private_token={SECRET}",
        f"https://host.org/a.git#{SECRET}",
        f"ann:{SECRET}@host.org:a.git",
        f"https:/ann:{SECRET}@host.org/a.git",
    ],
)
def test_no_password_is_quoted(url: str):
    with pytest.raises(GitAddressRefused) as caught:
        parse_address(url)
    assert SECRET not in f"{caught.value} {caught.value.next_step} {caught.value.facts}"


def test_no_secret_is_in_the_repr():
    secrets = {"token": SECRET, "key": f"-----BEGIN {SECRET}", "known_hosts": SECRET}
    remote = Remote(url=f"https://user:{SECRET}@host.org/a.git", ref="main", path="db", username="ann", **secrets)
    assert SECRET not in repr(remote)
    assert "main" in repr(remote)
    assert pickle.loads(pickle.dumps(remote)) == remote


@pytest.mark.parametrize(
    "ip",
    [
        *("169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254"),
        *("100.100.100.200", "0.0.0.0", "224.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    ],
)
def test_nothing_connects_there(ip: str):
    assert is_forbidden(ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd12::1", "140.82.121.3"])
def test_a_server_may_be_anywhere_else(ip: str):
    assert not is_forbidden(ip)
    assert is_public(ip) is (ip == "140.82.121.3")
