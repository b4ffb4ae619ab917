"""A proxy on the way to a git server over HTTP, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY name it."""

from __future__ import annotations

import base64
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
import urllib3

from dashboard.engine.git import Remote, fetch, peek
from dashboard.engine.git import errors as git_errors
from dashboard.engine.git.proxies import Proxies, ProxyUnusable
from tests.fix_git import Certify, GitHttpServer, GitRepository, QuietHandler, serving, with_tls

_NAMES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@dataclass
class LoopbackProxy:
    """`asked`: method, what it was asked for, and the Proxy-Authorization that came with it."""

    url: str = ""
    login: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def url_with_login(self) -> str:
        return self.url.replace("://", f"://{self.login}@")


class _ProxyHandler(QuietHandler):
    given: ClassVar[LoopbackProxy]

    def _admits(self) -> bool:
        shown = self.headers.get("Proxy-Authorization", "")
        self.given.asked.append((self.command, self.path, shown))
        expected = f"Basic {base64.b64encode(self.given.login.encode()).decode()}"
        if not self.given.login or shown == expected:
            return True
        self.send_error(407)
        return False

    def do_CONNECT(self) -> None:
        if not self._admits():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as server:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: server, server: self.connection}
            while ready := select.select(list(ends), [], [], 10)[0]:
                for end in ready:
                    if not (sent := end.recv(65536)):
                        return
                    ends[end].sendall(sent)

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        if not self._admits():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {k: v for k, v in self.headers.items() if k.lower() not in {"proxy-authorization", "host"}}
        answer = urllib3.request(self.command, self.path, body=body, headers=kept, redirect=False)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)


@pytest.fixture(autouse=True)
def _no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy() -> Iterator[LoopbackProxy]:
    running = LoopbackProxy()
    with serving(type("Handler", (_ProxyHandler,), {"given": running})) as url:
        running.url = url
        yield running


def test_plain_http_is_passed_on_by_the_proxy(
    remote: Remote, proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.login = "ann:s3cret"
    monkeypatch.setenv("HTTP_PROXY", proxy.url_with_login)
    assert len(fetch(remote, timeout=30).files) == 2
    assert {method for method, _, _ in proxy.asked} == {"GET", "POST"}
    assert all(asked.startswith(remote.url) for _, asked, _ in proxy.asked)


def test_tls_goes_through_a_tunnel_and_the_proxy_sees_no_token(
    git_repository: GitRepository,
    git_http: GitHttpServer,
    certify: Certify,
    proxy: LoopbackProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    git_repository.commit({"db/001_a.sql": "SELECT 1;\n"})
    git_http.token, proxy.login = "sesame", "ann:s3:cr@t"
    certificate = certify("127.0.0.1")
    base = with_tls(git_http, certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("https_proxy", proxy.url.replace("://", "://ann:s3%3Acr%40t@"))
    remote = Remote(url=f"{base}/{git_repository.bare.name}", path="db", token="sesame")
    assert len(fetch(remote, timeout=30).files) == 1
    login = f"Basic {base64.b64encode(b'ann:s3:cr@t').decode()}"
    assert set(proxy.asked) == {("CONNECT", urlsplit(base).netloc, login)}
    assert git_http.requests, "the server was reached"


@pytest.mark.parametrize("bypassed", ["127.0.0.1", "example.org, 127.0.0.1", "*"])
def test_what_no_proxy_names_is_connected_to_directly(
    bypassed: str, remote: Remote, proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", bypassed)
    assert peek(remote, timeout=30)
    assert proxy.asked == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_for_something_else_is_not_used(
    variable: str, remote: Remote, proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    assert peek(remote, timeout=30)
    assert proxy.asked == []


def test_a_token_goes_through_no_proxy_in_the_clear(
    remote: Remote, proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with pytest.raises(git_errors.GitTokenExposed):
        peek(Remote(url=remote.url, token="sesame"), timeout=30)
    assert proxy.asked == []


def test_no_proxy_is_asked_for_the_metadata_of_a_cloud(proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with pytest.raises(git_errors.GitAddressRefused):
        peek(Remote(url="http://169.254.169.254/latest"), timeout=30)
    assert proxy.asked == []


@pytest.mark.parametrize("value", ["http://ann:s3cret@127.0.0.1:1", "socks5://ann:s3cret@127.0.0.1:1"])
def test_a_proxy_that_is_of_no_use_is_told_without_its_password(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(git_errors.GitUnreachable) as caught:
        peek(Remote(url="https://git.example.org/a.git"), timeout=30)
    assert "proxy" in str(caught.value).lower()
    assert "s3cret" not in str(caught.value) + repr(caught.value.facts)


@pytest.mark.parametrize(
    "value", ["ftp://s3cret@x", "http://ann:s3cret@x:y", "s3cret:x:", "http://", "socks5h://s3cret:1"]
)
def test_what_names_no_proxy_is_refused_by_the_name_of_its_variable(value: str) -> None:
    with pytest.raises(ProxyUnusable) as caught:
        Proxies(values={"https": value}).way_to("https://git.example.org/a.git")
    assert str(caught.value) == "HTTPS_PROXY"


def test_a_proxy_that_refuses_the_login_is_told_without_it(
    proxy: LoopbackProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://ann:s3cret@"))
    proxy.login = "ann:another"
    with pytest.raises(git_errors.GitUnreachable) as caught:
        peek(Remote(url="https://git.example.org/a.git"), timeout=30)
    assert "s3cret" not in str(caught.value)


def test_no_password_is_in_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:s3cret@proxy:3128")
    proxies = Proxies.of_environment()
    way = proxies.way_to("https://git.example.org/a.git")
    assert way is not None
    assert way.url == "http://proxy:3128"
    assert "s3cret" not in repr(proxies) + repr(way)
