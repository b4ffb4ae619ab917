"""Sources in git repositories: what `[sources.NAME]` says where it has `git`. Secrets are named by their variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from config.errors import Misconfigured

_SECRETS = ("token", "key", "webhook_secret")
_TEXTS = ("git", "branch", "tag", "path", "username", "known_hosts", "web", *_SECRETS)
KEYS = frozenset({*_TEXTS, "every", "limits"})
#: What `limits` may raise or lower: the name of each, and the most that it can be. Megabytes, but for `entries`.
LIMITS: Mapping[str, int] = {
    "received_mb": 16 * 1024,
    "memory_mb": 16 * 1024,
    "file_mb": 256,
    "files_mb": 1024,
    "entries": 1_000_000,
}

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_SCP = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>[^/\\\s][^\s]*)")
#: No name of a ref has one of these, and none begins with refs/ here.
_REF = re.compile(r"(?!refs/)[^\s~^:?*\[\\]+")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: Minutes between two looks of a schedule, at most; 0 is never.
MOST_MINUTES = 7 * 24 * 60
#: Characters of the secret of a webhook.
SHORTEST_SECRET = 16
#: A link to a commit at the hosts that are known; others say theirs with `web`.
_COMMIT_PAGES = {"gitlab": "/-/commit/{commit}", "bitbucket": "/commits/{commit}"}
_COMMIT_PAGE = "/commit/{commit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitDeclaration:
    """A folder of one branch or tag of a repository. What opens it is secret: never stored, logged, shown or in a
    repr."""

    url: str
    branch: str = ""
    tag: str = ""  # neither: the branch that the server calls HEAD
    path: str = ""  # of the folder in it; empty is its root
    username: str = ""
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    every: int = 5
    limits: Mapping[str, int] = field(default_factory=dict, hash=False)  # by LIMITS; what is not there is as usual
    web: str = ""  # of the page of a commit, with {commit} in it; empty where none is known
    secret_variables: tuple[str, ...] = ()  # the names of those that hold what is secret of it
    unset: tuple[str, ...] = ()  # the variables that it names and that are not set
    is_pushed: bool = False  # a CI pushes its files here, so nothing is ever fetched

    @property
    def ref(self) -> str:
        """As git names it whole; empty for the branch that the server calls HEAD."""
        if self.tag:
            return f"refs/tags/{self.tag}"
        return f"refs/heads/{self.branch}" if self.branch else ""

    @property
    def shown_ref(self) -> str:
        if self.tag:
            return f"tag {self.tag}"
        return f"branch {self.branch}" if self.branch else "default branch"

    @property
    def origin(self) -> str:
        """Where a commit was read, in one word: that of another origin says nothing of this source."""
        if self.is_pushed:
            return "pushed"
        return f"{self.url} {self.ref or 'HEAD'}:{self.path}"

    @property
    def absence(self) -> str:
        """Why it cannot be fetched, as a clause; empty where it can."""
        if not self.unset:
            return ""
        names = " and ".join(self.unset)
        return f"the variable {names} is not set" if len(self.unset) == 1 else f"the variables {names} are not set"

    def commit_page(self, commit: str) -> str:
        return self.web.replace("{commit}", commit)


#: Of a source whose files a CI pushes.
PUSHED = GitDeclaration(url="", every=0, is_pushed=True)


def load(declared_in: Path, source: str, values: Mapping[str, Any], variables: Mapping[str, str]) -> GitDeclaration:
    """Raises Misconfigured, naming the file and the key."""
    where = f"of the source {source}"
    for key in _TEXTS:
        if key in values and (not isinstance(values[key], str) or not values[key].strip()):
            raise Misconfigured(f"{declared_in}: `{key}` {where} must be a text in quotation marks.")
    for fault in _faults(values):
        raise Misconfigured(f"{declared_in}: {fault.format(where=where)}")
    # Variables are often set from files, which end in a line; a host never signs with that.
    variables = {
        name: text.strip() if name == values.get("webhook_secret") else text for name, text in variables.items()
    }
    if 0 < len(variables.get(values.get("webhook_secret", ""), "")) < SHORTEST_SECRET:
        raise Misconfigured(
            f"The secret in {values['webhook_secret']} is shorter than {SHORTEST_SECRET} characters, so it could be "
            "guessed. Put a long random text there, for example the output of: openssl rand -hex 32"
        )
    secret = tuple(values[key] for key in _SECRETS if key in values)
    named = list(secret)
    known_hosts = values.get("known_hosts", "")
    if _VARIABLE.fullmatch(known_hosts):
        named.append(known_hosts)
        known_hosts = variables.get(known_hosts, "")
    path = str(PurePosixPath(values.get("path", ".")))
    opens: dict[str, Any] = {key: variables.get(values[key], "") if key in values else "" for key in _SECRETS}
    return GitDeclaration(
        url=values["git"],
        branch=values.get("branch", ""),
        tag=values.get("tag", ""),
        path="" if path == "." else path,
        username=values.get("username", ""),
        known_hosts=known_hosts,
        every=values.get("every", 5),
        limits=values.get("limits", {}),
        web=values.get("web", "") or _web(values["git"]),
        secret_variables=secret,
        unset=tuple(name for name in named if not variables.get(name)),
        **opens,
    )


def _faults(values: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that hold none of the values: a secret may have been put where its variable belongs."""
    host, is_ssh = _place(values["git"])
    if not host:
        yield (
            "`git` {where} must be the address of a repository: https://…, ssh://… or git@host:path, without a "
            "password in it. A token or a key is named by its variable, with `token` or `key`."
        )
    yield from _faults_of_names(values)
    yield from _faults_of_way(values, host, is_ssh=is_ssh)
    path = PurePosixPath(values.get("path", "."))
    if path.is_absolute() or ".." in path.parts:
        yield "`path` {where} must be a folder in the repository, such as db/migrations."
    if type(values.get("every", 5)) is not int or not 0 <= values.get("every", 5) <= MOST_MINUTES:
        yield f"`every` {{where}} must be a whole number of minutes from 0 to {MOST_MINUTES}; 0 is never."
    yield from _faults_of_limits(values.get("limits", {}))
    if "web" in values and not re.fullmatch(r"https?://\S+\{commit\}\S*", values["web"]):
        yield "`web` {where} must be the address of the page of a commit, with {{commit}} where its id goes."


def _faults_of_limits(limits: object) -> Iterator[str]:
    if not isinstance(limits, dict) or limits.keys() - LIMITS.keys():
        yield f"`limits` {{where}} must be a table with some of these: {', '.join(LIMITS)}."
        return
    for name, value in limits.items():
        if type(value) is not int or not 0 < value <= LIMITS[name]:
            yield f"`{name}` in `limits` {{where}} must be a whole number from 1 to {LIMITS[name]}."


def _faults_of_names(values: Mapping[str, Any]) -> Iterator[str]:
    """Of variables, branches and tags."""
    for key in (key for key in _SECRETS if key in values and not _VARIABLE.fullmatch(values[key])):
        yield (
            f"`{key}` {{where}} must be the NAME of an environment variable, such as BILLING_{key.upper()}; what it "
            "holds is a secret and does not belong in this file."
        )
    if "branch" in values and "tag" in values:
        yield "`branch` and `tag` {where} are both set, and only one can be meant."
    for key in (key for key in ("branch", "tag") if key in values and not _REF.fullmatch(values[key])):
        yield f"`{key}` {{where}} must be the name of a {key}, without refs/."


def _faults_of_way(values: Mapping[str, Any], host: str, *, is_ssh: bool) -> Iterator[str]:
    """Of what opens the repository."""
    if "token" in values and is_ssh:
        yield "`token` {where} is for https://…; a repository over SSH is opened with `key`."
    if "key" in values and not is_ssh:
        yield "`key` {where} is for ssh://… and git@host:path; over https://… it is `token`."
    if "token" in values and values["git"].startswith("http://") and host not in _LOOPBACK:
        yield "`git` {where} must begin with https://, because a token would cross the network readable."
    if "key" in values and "known_hosts" not in values:
        yield (
            "`known_hosts` {where} is missing: the lines of `ssh-keyscan` for the server, or the variable that holds "
            "them. Without it nobody knows whether it is the right server that gets to see the key."
        )


def _place(url: str) -> tuple[str, bool]:
    """The host of an address, and whether it is reached by SSH; no host for an address that is not taken."""
    if match := _SCP.fullmatch(url):
        return match["host"], True
    try:
        parts = urlsplit(url)
        host, password = parts.hostname or "", parts.password
    except ValueError:
        return "", False
    is_ssh = parts.scheme == "ssh"
    named = is_ssh or parts.username is None
    if parts.scheme not in {"https", "http", "ssh"} or password is not None or not named or len(parts.path) < 2:
        return "", False
    return host, is_ssh


def _web(url: str) -> str:
    """The page of a commit, where the address tells the host. A port of SSH is none of its pages."""
    if match := _SCP.fullmatch(url):
        host, path, is_plain = match["host"], match["path"], False
    else:
        parts = urlsplit(url)
        is_plain = parts.scheme == "http"
        host = parts.hostname or ""
        host += f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
        path = parts.path.strip("/")
    known = ("github", "gitlab", "bitbucket", "gitea", "codeberg", "forgejo")
    tool = next((name for name in known if name in host.split(":")[0]), "")
    if not tool:
        return ""
    page = _COMMIT_PAGES.get(tool, _COMMIT_PAGE)
    return f"{'http' if is_plain else 'https'}://{host}/{path.removesuffix('.git')}{page}"
