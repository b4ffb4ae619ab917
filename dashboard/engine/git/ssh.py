"""A git server over SSH, without an ssh binary: the key of the host is checked before ours is shown."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import paramiko
from dulwich.client import SSHGitClient, SSHVendor
from dulwich.protocol import Protocol

from dashboard.engine.git import addresses, hostkeys
from dashboard.engine.git.addresses import GitAddress
from dashboard.engine.git.capabilities import CapableClient
from dashboard.engine.git.errors import (
    GitAddressRefused,
    GitHostUnknown,
    GitKeyRefused,
    GitKeyUnusable,
    GitServerUnusable,
    GitUnreachable,
    HostKeyChanged,
    HostKeyUnknown,
)
from dashboard.engine.git.meter import Meter
from dashboard.engine.git.values import Remote

#: Who may log in for git on nearly every server.
_USER = "git"
_CONNECT_S = 15.0
_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_WORDS_AT_MOST = 4000
#: Seconds that a server may take to say why it hung up.
_LAST_WORDS_S = 1.0


class SshClient(CapableClient, SSHGitClient):
    """A client of one host. `silence`: seconds without a byte before it is left."""

    def __init__(self, address: GitAddress, remote: Remote, meter: Meter, *, silence: float) -> None:
        vendor = SshConnector(address, remote, meter, silence)
        user = address.user or _USER
        super().__init__(address.host, address.port, user, vendor=vendor, thin_packs=False, quiet=True)
        self.shown = address.shown
        self._opened: list[Protocol] = []

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    def _connect(
        self, cmd: bytes, path: str | bytes, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        connected = super()._connect(cmd, path, protocol_version)
        self._opened.append(connected[0])
        return connected


class SshConnector(SSHVendor):
    """Each command has a connection of its own."""

    def __init__(self, address: GitAddress, remote: Remote, meter: Meter, silence: float) -> None:
        self._address = address
        self._remote = remote
        self._meter = meter
        self._silence = silence

    def run_command(  # type: ignore[override]  # one that dulwich has no class of its own for
        self, host: str, command: bytes, username: str | None = None, port: int | None = None, **_: Any
    ) -> SshCommand:
        key = _private_key(self._address.shown, self._remote.key)
        with self._named():
            transport = paramiko.Transport(self._connected())
            try:
                self._authenticate(transport, username or _USER, key)
                channel = transport.open_session(timeout=self._silence)
                channel.settimeout(self._silence)
                channel.set_environment_variable("GIT_PROTOCOL", "version=2")  # whoever forbids it speaks the older one
                channel.exec_command(command)
            except BaseException:
                transport.close()
                raise
        return SshCommand(transport, channel, self._meter, self._address.shown)

    def _connected(self) -> socket.socket:
        host = self._address.host
        try:
            connection = socket.create_connection((host, self._address.port), min(_CONNECT_S, self._silence))
        except socket.gaierror as error:
            raise GitHostUnknown(repository=self._address.shown, host=host) from error
        ip = connection.getpeername()[0]
        if addresses.is_forbidden(ip):
            connection.close()
            reason = f"its host is {ip}, which is never connected to"
            raise GitAddressRefused(repository=self._address.shown, reason=reason)
        connection.settimeout(self._silence)
        return connection

    def _authenticate(self, transport: paramiko.Transport, user: str, key: paramiko.PKey) -> None:
        known = hostkeys.known_keys(self._remote.known_hosts, self._address.host, self._address.port)
        options = transport.get_security_options()
        first = [name for name in hostkeys.signatures(known) if name in options.key_types]
        options.key_types = (*first, *(name for name in options.key_types if name not in first))
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = self._silence
        transport.start_client(timeout=self._silence)
        self._check_host(transport.get_remote_server_key(), known)
        with suppress(paramiko.AuthenticationException):
            if not transport.auth_publickey(user, key):  # what it asks for besides
                return
        raise GitKeyRefused(repository=self._address.shown, user=user, fingerprint=key.fingerprint)

    def _check_host(self, key: paramiko.PKey, known: tuple[hostkeys.KnownKey, ...]) -> None:
        kind, base64 = key.get_name(), key.get_base64()
        same = [each for each in known if (each.kind, each.base64) == (kind, base64)]
        if same and not any(each.is_revoked for each in same):
            return
        pattern = hostkeys.host_pattern(self._address.host, self._address.port)
        facts = {
            "repository": self._address.shown,
            "host": self._address.host,
            "kind": kind,
            "fingerprint": key.fingerprint,
            "line": f"{pattern} {kind} {base64}",
        }
        if known:
            raise HostKeyChanged(**facts)
        raise HostKeyUnknown(**facts)

    @contextmanager
    def _named(self) -> Iterator[None]:
        shown = self._address.shown
        try:
            yield
        except TimeoutError as error:
            raise GitUnreachable(repository=shown, reason="it did not answer in time") from error
        except paramiko.ssh_exception.IncompatiblePeer as error:
            reason = "it offers no way to encrypt that is safe today"
            raise GitServerUnusable(repository=shown, reason=reason) from error
        except (paramiko.SSHException, EOFError) as error:
            raise GitServerUnusable(repository=shown, reason="it does not speak SSH, or broke off") from error
        except OSError as error:
            raise GitUnreachable(repository=shown, reason=_reason(error)) from error


class SshCommand:
    """What dulwich wants of a program that runs over there: to read and write it, and its last words."""

    def __init__(self, transport: paramiko.Transport, channel: paramiko.Channel, meter: Meter, repository: str) -> None:
        self._transport = transport
        self._channel = channel
        self._meter = meter
        self._repository = repository
        self._words = b""
        self.stderr = self

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer where it ended."""
        chunks: list[bytes] = []
        while size > 0:
            try:
                chunk = self._channel.recv(size)
            except TimeoutError as error:
                raise GitUnreachable(repository=self._repository, reason="it sent nothing any more") from error
            self._listen()
            if not chunk:
                break
            chunks.append(self._meter.count(chunk))
            size -= len(chunk)
        return b"".join(chunks)

    def write(self, data: bytes) -> int:
        self._channel.sendall(data)
        return len(data)

    def can_read(self) -> bool:
        return bool(self._channel.recv_ready())

    def readlines(self) -> list[bytes]:
        """Its last words, of what it says beside the protocol."""
        deadline = time.monotonic() + _LAST_WORDS_S
        while not self._channel.exit_status_ready() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._listen()
        return self._words.splitlines()

    def close(self) -> None:
        self._transport.close()

    def _listen(self) -> None:
        while self._channel.recv_stderr_ready():
            self._words = (self._words + self._channel.recv_stderr(_WORDS_AT_MOST))[-_WORDS_AT_MOST:]


def _private_key(repository: str, text: str) -> paramiko.PKey:
    """Raises GitKeyUnusable. A variable may hold it in one line, with \\n for the ends of its lines."""
    if not text.strip():
        raise GitKeyUnusable(repository=repository, reason="none is given, and SSH asks for one")
    lines = text.replace("\\n", "\n").replace("\r\n", "\n").strip() + "\n"
    for kind in _KINDS:
        try:
            return kind.from_private_key(io.StringIO(lines))
        except paramiko.PasswordRequiredException as error:
            raise GitKeyUnusable(repository=repository, reason="it is locked with a passphrase") from error
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise GitKeyUnusable(repository=repository, reason="it is not the text of a private key of Ed25519, ECDSA or RSA")


def _reason(error: OSError) -> str:
    return "the connection was refused" if isinstance(error, ConnectionRefusedError) else "the connection broke"
