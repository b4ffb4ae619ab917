"""TLS: the certificate of the server has to prove its name, by an authority that this machine trusts."""

from __future__ import annotations

import pytest

from dashboard.engine.git import Remote, fetch
from dashboard.engine.git import errors as git_errors
from tests.fix_git import Certify, GitHttpServer, GitRepository, with_tls


def test_an_authority_of_ones_own_is_named_by_a_variable(
    git_repository: GitRepository, git_http: GitHttpServer, certify: Certify, monkeypatch: pytest.MonkeyPatch
):
    git_repository.commit({"db/001_a.sql": "SELECT 1;\n"})
    git_http.token = "sesame"
    certificate = certify("127.0.0.1")
    url = f"{with_tls(git_http, certificate)}/{git_repository.bare.name}"
    remote = Remote(url=url, path="db", token="sesame")
    with pytest.raises(git_errors.GitCertificateRefused):
        fetch(remote, timeout=30)
    assert git_http.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(fetch(remote, timeout=30).files) == 1


def test_a_certificate_of_another_host(git_http: GitHttpServer, certify: Certify, monkeypatch: pytest.MonkeyPatch):
    certificate = certify("127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(git_errors.GitCertificateRefused) as caught:
        fetch(Remote(url=f"{with_tls(git_http, certificate)}/a.git"), timeout=30)
    assert "127.0.0.1" in caught.value.facts["reason"]
