"""One commit's files from a server: its folders first, then only what lies under the path, where the server lets us.

This is what a process of its own does; `apart` starts it. Nothing here ends by itself when a server trickles on.
"""

from __future__ import annotations

from pathlib import Path

from dulwich.objects import Commit, ObjectID, Tag

from dashboard.engine.git import commits, lineage, trees
from dashboard.engine.git.conversation import Conversation, Tip
from dashboard.engine.git.errors import GitRefUnusable
from dashboard.engine.git.packs import COMMIT, TAG, TYPE_NAMES, ReceivedPacks
from dashboard.engine.git.trees import CommitTree
from dashboard.engine.git.values import Fetched

_TAGS_OF_TAGS = 10
_NO_BLOBS = b"blob:none"


def peek(talk: Conversation) -> str:
    """The commit that the ref points to; that of a tag that the server does not peel is the tag's own id."""
    return talk.tip().commit.decode()


def fetch(talk: Conversation, home: Path, known: str) -> Fetched:
    """`home`: an empty folder for what is received. `known`: the commit that was fetched before, or nothing."""
    tip = talk.tip()
    with ReceivedPacks(home) as packs:
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
        descent = lineage.descent(talk, packs, oid, known)
    return Fetched(
        commit=commits.described(oid, commit),
        ref=tip.ref,
        files=tuple(files),
        problems=(*problems, *of_files),
        descent=descent,
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
