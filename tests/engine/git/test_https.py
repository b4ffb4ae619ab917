"""TLS: the certificate of the server has to prove its name, by an authority that this machine trusts."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dashboard.engine.git import Remote, fetch
from dashboard.engine.git import errors as git_errors
from tests.fix_git import GitHttpServer, GitRepository

type Certify = Callable[[str], Path]


@pytest.fixture
def certify(tmp_path: Path) -> Certify:
    """A certificate of its own authority for an address, with its key, in one file."""

    def make(ip: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "git of the tests")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ip))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        plain = serialization.NoEncryption()
        path = tmp_path / f"{ip}.pem"
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path

    return make


def with_tls(server: GitHttpServer, certificate: Path) -> str:
    """The address of the server once it speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.encrypt(context)
    return server.url.replace("http:", "https:")


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
