"""One commit's files from a server: its folders first, then only what lies under the path, where the server lets us.

This is what a process of its own does; `apart` starts it. Nothing here ends by itself when a server trickles on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dulwich.client import GitClient
from dulwich.object_format import get_object_format
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.protocol import PEELED_TAG_SUFFIX
from dulwich.refs import Ref

from dashboard.engine.git import addresses, commits, failures, trees
from dashboard.engine.git.addresses import GitAddress
from dashboard.engine.git.errors import GitAddressRefused, GitRefMissing, GitRefUnusable, GitRepositoryEmpty
from dashboard.engine.git.http import HttpClient
from dashboard.engine.git.meter import Meter
from dashboard.engine.git.packs import COMMIT, TAG, TYPE_NAMES, ReceivedPacks
from dashboard.engine.git.trees import CommitTree
from dashboard.engine.git.values import Descent, Fetched, FetchLimits, Remote

_HEAD = Ref(b"HEAD")
_HEADS, _TAGS = b"refs/heads/", b"refs/tags/"
_NAMED_AT_MOST = 8
_TAGS_OF_TAGS = 10
_NO_BLOBS = b"blob:none"


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
    client: GitClient
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
                return Tip(ref=symbolic.get(Ref(name), name).decode("utf-8", "replace"), oid=oid, commit=commit)
        raise self._no_ref()

    def _candidates(self) -> list[bytes]:
        """What the ref may be, a branch before a tag."""
        if self.remote.ref is None:
            return []
        name = self.remote.ref.encode()
        return [name] if name.startswith(b"refs/") else [_HEADS + name, _TAGS + name]

    def _listed(self, prefixes: Sequence[bytes]) -> tuple[Mapping[Ref, ObjectID | None], Mapping[Ref, Ref]]:
        self.meter.expect_list()
        answer = self.client.get_refs(self.path, ref_prefix=list(prefixes))
        return answer.refs, answer.symrefs

    def _no_ref(self) -> GitRefMissing | GitRepositoryEmpty:
        refs, _ = self._listed([_HEADS, _TAGS])
        branches = sorted(name.decode("utf-8", "replace") for name in refs if name.startswith(_HEADS))
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


def _wanting(wants: Sequence[ObjectID], meter: Meter) -> Callable[..., list[ObjectID]]:
    def choose(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
        meter.expect_pack()
        return list(wants)

    return choose


@contextmanager
def conversation(
    remote: Remote, limits: FetchLimits, *, silence: float, tell: Callable[[int], None]
) -> Iterator[Conversation]:
    """Whatever goes wrong inside has a name of `errors`."""
    address = addresses.parse(remote.url)
    meter = Meter(address.shown, limits, tell)
    if address.scheme == addresses.SSH:
        raise GitAddressRefused(repository=address.shown, reason="SSH is not spoken yet")
    with failures.named(address.shown, remote, limits):
        client = HttpClient(address, remote, meter, silence=silence)
        try:
            yield Conversation(remote=remote, address=address, client=client, meter=meter)
        finally:
            client.close()


def peek(talk: Conversation) -> str:
    """The commit that the ref points to; that of a tag that the server does not peel is the tag's own id."""
    return talk.tip().commit.decode()


def fetch(talk: Conversation) -> Fetched:
    tip = talk.tip()
    with tempfile.TemporaryDirectory(prefix="signalbox-git-") as home, ReceivedPacks(Path(home)) as packs:
        talk.receive(packs, [tip.oid], depth=1, spare=_NO_BLOBS)
        oid, commit = _peeled(talk, tip, packs)
        tree = CommitTree(
            shown=talk.address.shown, commit=oid.decode(), root=commit.tree, packs=packs, limits=talk.meter.limits
        )
        names, problems = tree.below(talk.remote.path)
        lacking = {name.oid for name in names if trees.holds_content(name.mode) and name.oid not in packs}
        if lacking:
            talk.receive(packs, sorted(lacking), depth=None, spare=b"")
        files, of_files = trees.stored(names, tree)
    return Fetched(
        commit=commits.described(oid, commit),
        ref=tip.ref,
        files=tuple(files),
        problems=(*problems, *of_files),
        descent=Descent.UNKNOWN,
        received=talk.meter.received,
    )


def _peeled(talk: Conversation, tip: Tip, packs: ReceivedPacks) -> tuple[ObjectID, Commit]:
    """The commit behind a tag, and behind a tag of a tag."""
    oid = tip.oid
    kind, data = packs.raw(oid)
    for _ in range(_TAGS_OF_TAGS):
        if kind != TAG:
            break
        oid = Tag.from_string(data).object[1]
        kind, data = packs.raw(oid)
    if kind != COMMIT:
        raise GitRefUnusable(repository=talk.address.shown, ref=tip.ref, kind=TYPE_NAMES[kind])
    return oid, commits.parsed(oid, data)
