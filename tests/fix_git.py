"""Real git servers on the loopback address: over HTTP by `git http-backend`, over SSH by OpenSSH's daemon.

`git_repository` is a repository to commit to; `git_http` and `git_ssh` serve it, and `remote` is where `git_http` does.
Tests that need a program which this machine does not have are skipped, which SIGNALBOX_TESTS=all does not allow.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import getpass
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dashboard.engine.git import Remote
from tests.ports import free_port

#: Nothing of the machine's own settings, and the same commit ids for the same files.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Carl Committer",
    "GIT_COMMITTER_EMAIL": "carl@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+0100",
    "GIT_COMMITTER_DATE": "2026-01-02T04:04:05+0100",
}
BRANCH = "main"
FILES = {"db/001_a.sql": "SELECT 1;\n", "db/sub/002_b.sql": "SELECT 2;\n", "app/main.py": "pass\n" * 200}


def need(program: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def git(home: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [need("git"), "-C", str(home), *arguments],
        env=_ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class GitRepository:
    """A repository with a place of work, and the bare one that is served."""

    work: Path
    bare: Path

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "Change files") -> str:
        """The commit's id. None removes a file; a text that begins with "-> " is a link."""
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content is not None and content.startswith("-> "):
                path.symlink_to(content.removeprefix("-> "))
            elif content is not None:
                path.write_text(content)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.push()

    def push(self, *refs: str) -> str:
        """By force, as people do."""
        git(self.work, "push", "--quiet", "--force", str(self.bare), *(refs or ("HEAD",)))
        return git(self.work, "rev-parse", "HEAD")

    def git(self, *arguments: str, **environment: str) -> str:
        return git(self.work, *arguments, **environment)

    def write_object(self, kind: str, content: bytes) -> str:
        """An object of the served repository, however broken; its id."""
        program = [need("git"), "-C", str(self.bare), "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
        done = subprocess.run(program, env=_ENVIRONMENT, input=content, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def set(self, name: str, value: str) -> None:
        """A setting of the served repository."""
        git(self.bare, "config", name, value)


type MakeRepository = Callable[..., GitRepository]


@pytest.fixture
def make_git_repository(tmp_path: Path) -> MakeRepository:
    """`filters`: the server sends single objects, as GitHub and GitLab do."""

    def make(name: str = "repository", *, filters: bool = True) -> GitRepository:
        repository = GitRepository(work=tmp_path / name, bare=tmp_path / "served" / f"{name}.git")
        git(tmp_path, "init", "--quiet", f"--initial-branch={BRANCH}", str(repository.work))
        git(tmp_path, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository.bare))
        repository.set("uploadpack.allowFilter", str(filters).lower())
        return repository

    return make


@pytest.fixture
def git_repository(make_git_repository: MakeRepository) -> GitRepository:
    return make_git_repository()


@dataclass
class GitHttpServer:
    """Serves each repository below `root`. With `token` set, only who sends it by Basic auth is answered."""

    root: Path
    token: str = ""
    url: str = ""
    #: What was asked: method, path with its query, and the Authorization that came with it.
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    #: Paths that lead to others.
    moved: dict[str, str] = field(default_factory=dict)
    #: What becomes of the body of an answer before it is sent: given the path that was asked for.
    alter: Callable[[str, bytes], bytes] = lambda path, body: body
    #: A server of before 2018 takes no notice of the newer protocol.
    is_old: bool = False
    #: Speak TLS from here on.
    encrypt: Callable[[ssl.SSLContext], None] = lambda context: None

    def url_of(self, repository: GitRepository) -> str:
        return f"{self.url}/{repository.bare.relative_to(self.root)}"


@pytest.fixture
def git_http(tmp_path: Path) -> Iterator[GitHttpServer]:
    need("git")
    server = GitHttpServer(root=tmp_path / "served")
    served = serving(_backend(server))
    with served as url:
        server.url, server.encrypt = url, served.encrypt
        yield server


@pytest.fixture
def remote(git_repository: GitRepository, git_http: GitHttpServer) -> Remote:
    """`FILES` over HTTP; migrations are below db."""
    git_repository.commit(FILES)
    return Remote(url=git_http.url_of(git_repository), path="db")


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


class _Serving:
    """A server on a free port of the loopback address, for the time of a `with`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def encrypt(self, context: ssl.SSLContext) -> None:
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serving(handler: type[BaseHTTPRequestHandler]) -> _Serving:
    return _Serving(handler)


class QuietHandler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        return


def _backend(server: GitHttpServer) -> type[BaseHTTPRequestHandler]:
    return type("Backend", (_GitBackend,), {"given": server})


class _GitBackend(QuietHandler):
    """CGI, as far as git's program needs it."""

    given: ClassVar[GitHttpServer]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        authorization = self.headers.get("Authorization", "")
        self.given.requests.append((self.command, self.path, authorization))
        if self.given.token and not _opens(authorization, self.given.token):
            self._refuse(401, "WWW-Authenticate", 'Basic realm="git"')
        elif target := self._moved():
            self._refuse(301, "Location", target)
        else:
            self._relay(self._run(body))

    def _refuse(self, status: int, name: str, value: str) -> None:
        self.send_response(status)
        self.send_header(name, value)
        self.end_headers()

    def _moved(self) -> str:
        for path, target in self.given.moved.items():
            if self.path.startswith(path):
                return target + self.path.removeprefix(path)
        return ""

    def _run(self, body: bytes) -> bytes:
        parts = urlsplit(self.path)
        environment = _ENVIRONMENT | {
            "GIT_PROJECT_ROOT": str(self.given.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": "" if self.given.is_old else self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        program = [need("git"), "http-backend"]
        return subprocess.run(program, input=body, env=environment, capture_output=True, check=False).stdout

    def _relay(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        body = self.given.alter(self.path, body)
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _opens(authorization: str, token: str) -> bool:
    _, _, encoded = authorization.partition(" ")
    return base64.b64decode(encoded).decode().partition(":")[2] == token


@dataclass(frozen=True, kw_only=True)
class GitSshServer:
    """OpenSSH's daemon, which lets in whoever has `key`. On `port` it passes on that the newer protocol is wanted, on
    `old_port` it does not, as any daemon that nobody has set up for git."""

    port: int
    old_port: int
    user: str
    key: str
    known_hosts: str
    home: Path

    def url_of(self, repository: GitRepository, port: int | None = None) -> str:
        return f"ssh://{self.user}@127.0.0.1:{port or self.port}{repository.bare}"

    def make_key(self, name: str, kind: str = "ed25519", *, passphrase: str = "", form: str = "") -> str:
        """The text of another private key."""
        path = self.home / name
        as_pem = ("-m", form) if form else ()
        bits = ("-b", "2048") if kind == "rsa" else ()  # longer ones take seconds to make
        program = [need("ssh-keygen"), "-q", "-t", kind, *bits, *as_pem, "-N", passphrase, "-f", str(path)]
        subprocess.run(program, check=True, capture_output=True)
        return path.read_text()

    def admit(self, name: str, *, command: str = "") -> None:
        """Let in whoever has that key too. `command`: what runs then, whatever is asked for."""
        options = f'command="{command}" ' if command else ""
        with (self.home / "authorized_keys").open("a") as file:
            file.write(options + (self.home / f"{name}.pub").read_text())


@pytest.fixture(scope="session")
def git_ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitSshServer]:
    daemon = need("sshd")
    need("git")
    home = tmp_path_factory.mktemp("sshd")
    home.chmod(0o755)
    port, old_port = free_port(), free_port()
    server = GitSshServer(
        port=port,
        old_port=old_port,
        user=getpass.getuser(),
        key="",
        known_hosts="",
        home=home,
    )
    server.make_key("host_ed25519")
    server.make_key("host_rsa", "rsa")
    server = replace(server, key=server.make_key("client"), known_hosts=_known_hosts(home, port, old_port))
    server.admit("client")
    configuration = home / "sshd_config"
    configuration.write_text(_sshd_config(home, port, old_port))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([daemon, "-D", "-e", "-f", str(configuration)], stderr=log)
    try:
        _wait_for(port, process, home / "log")
        _wait_for(old_port, process, home / "log")
        yield server
    finally:
        process.terminate()
        process.wait()


def _sshd_config(home: Path, port: int, old_port: int) -> str:
    return f"""\
Port {port}
Port {old_port}
ListenAddress 127.0.0.1
HostKey {home}/host_ed25519
HostKey {home}/host_rsa
AuthorizedKeysFile {home}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Match LocalPort {port}
    AcceptEnv GIT_PROTOCOL
"""


def _known_hosts(home: Path, *ports: int) -> str:
    keys = [(home / f"host_{kind}.pub").read_text().split()[:2] for kind in ("ed25519", "rsa")]
    return "".join(f"[127.0.0.1]:{port} {kind} {key}\n" for port in ports for kind, key in keys)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    pytest.fail(f"sshd does not listen: {log.read_text()}")
