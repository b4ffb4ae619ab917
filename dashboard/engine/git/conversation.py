"""What is said to one server: where a ref points, and which objects it shall send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dulwich.errors import GitProtocolError
from dulwich.object_format import get_object_format
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import ObjectID, valid_hexsha
from dulwich.protocol import PEELED_TAG_SUFFIX
from dulwich.refs import Ref

from dashboard.engine.git import addresses, failures
from dashboard.engine.git.addresses import GitAddress
from dashboard.engine.git.errors import GitRefMissing, GitRepositoryEmpty, GitRepositoryMissing, GitServerUnusable
from dashboard.engine.git.http import HttpClient
from dashboard.engine.git.meter import Meter
from dashboard.engine.git.packs import ReceivedPacks
from dashboard.engine.git.proxies import Proxies
from dashboard.engine.git.ssh import SshClient
from dashboard.engine.git.values import FetchLimits, Remote

_HEAD = Ref(b"HEAD")
_HEADS, _TAGS = b"refs/heads/", b"refs/tags/"
_NAMED_AT_MOST = 8
_LONGEST_NAME = 250
_NO_BRANCHES = "what it lists are no branches as git has them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where a ref points: `oid` may be an annotated tag. `commit`: what that is a tag of, where the server says it."""

    ref: str
    oid: ObjectID
    commit: ObjectID


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """With one server, over one client."""

    remote: Remote
    address: GitAddress
    client: HttpClient | SshClient
    meter: Meter

    @property
    def path(self) -> bytes:
        return b"" if isinstance(self.client, HttpClient) else self.address.path.encode()

    def tip(self) -> Tip:
        candidates = self._candidates()
        refs, symbolic = self._listed([_HEAD, *candidates])
        for name in candidates or [_HEAD]:
            if oid := refs.get(Ref(name)):
                commit = refs.get(Ref(name + PEELED_TAG_SUFFIX)) or oid
                if not (valid_hexsha(oid) and valid_hexsha(commit)):
                    raise GitServerUnusable(repository=self.address.shown, reason=_NO_BRANCHES)
                return Tip(ref=_speakable(symbolic.get(Ref(name), name)) or _HEAD.decode(), oid=oid, commit=commit)
        raise self._no_ref()

    def _candidates(self) -> list[bytes]:
        """What the ref may be, a branch before a tag."""
        if self.remote.ref is None:
            return []
        name = self.remote.ref.encode()
        return [name] if name.startswith(b"refs/") else [_HEADS + name, _TAGS + name]

    def _listed(self, prefixes: Sequence[bytes]) -> tuple[Mapping[Ref, ObjectID | None], Mapping[Ref, Ref]]:
        self.meter.expect_list()
        silent = self.meter.received
        try:
            answer = self.client.get_refs(self.path, ref_prefix=list(prefixes))
        except GitProtocolError as error:
            quoted = failures.quoted(self.remote, failures.words_of(error))
            if self.meter.received > silent:
                reason = f"it lists no branches{quoted}"
                raise GitServerUnusable(repository=self.address.shown, reason=reason) from error
            # Over SSH a program that finds no repository says so beside the protocol, and ends.
            raise GitRepositoryMissing(repository=self.address.shown, quoted=quoted) from error
        except failures.MALFORMED as error:
            raise GitServerUnusable(repository=self.address.shown, reason=_NO_BRANCHES) from error
        return answer.refs, answer.symrefs

    def _no_ref(self) -> GitRefMissing | GitRepositoryEmpty:
        refs, _ = self._listed([_HEADS, _TAGS])
        branches = sorted(filter(None, (_speakable(name) for name in refs if name.startswith(_HEADS))))
        if not any(refs.values()):
            return GitRepositoryEmpty(repository=self.address.shown)
        listed = ", ".join(name.removeprefix(_HEADS.decode()) for name in branches[:_NAMED_AT_MOST])
        more = " and more" if len(branches) > _NAMED_AT_MOST else ""
        others = f"Its branches are {listed}{more}." if branches else "It has no branch, only tags."
        return GitRefMissing(repository=self.address.shown, ref=self.remote.ref or "HEAD", others=others)

    def receive(self, packs: ReceivedPacks, wants: Sequence[ObjectID], *, depth: int | None, spare: bytes) -> None:
        """Have objects sent. `spare`: a filter of git, which a server that has none takes no notice of."""
        self.meter.expect_list()
        with packs.receiving() as pack:
            answer = self.client.fetch_pack(
                self.path,
                _wanting(wants, self.meter),
                ObjectStoreGraphWalker([], lambda _: []),
                pack.write,
                depth=depth,
                ref_prefix=[_HEAD],
                filter_spec=spare or None,
            )
            pack.object_format = get_object_format(answer.object_format)


def _speakable(name: bytes) -> str:
    """A name of a server as text that can stand anywhere; else nothing."""
    text = name.decode("utf-8", "replace")
    return text if text.isprintable() and len(text) <= _LONGEST_NAME else ""


def _wanting(wants: Sequence[ObjectID], meter: Meter) -> Callable[..., list[ObjectID]]:
    def choose(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
        meter.expect_pack()
        return list(wants)

    return choose


@contextmanager
def conversation(
    remote: Remote,
    limits: FetchLimits,
    *,
    silence: float,
    tell: Callable[[int], None],
    proxies: Proxies = Proxies(),  # noqa: B008 - frozen
) -> Iterator[Conversation]:
    """`proxies` are for HTTP. Whatever goes wrong inside has a name of `errors`."""
    address = addresses.parse(remote.url)
    meter = Meter(address.shown, limits, tell)
    with failures.named(address.shown, remote, limits):
        client = (
            SshClient(address, remote, meter, silence=silence)
            if address.scheme == addresses.SSH
            else HttpClient(address, remote, meter, silence=silence, proxies=proxies)
        )
        try:
            yield Conversation(remote=remote, address=address, client=client, meter=meter)
        finally:
            client.close()
