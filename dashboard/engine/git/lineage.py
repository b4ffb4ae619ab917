"""Was a branch rewritten? Told by bare commits, where a server sends them without what they hold."""

from __future__ import annotations

from dulwich.errors import GitProtocolError
from dulwich.objects import ObjectID

from dashboard.engine.git import commits
from dashboard.engine.git.conversation import Conversation
from dashboard.engine.git.packs import ReceivedPacks
from dashboard.engine.git.values import Descent

#: Commits of one line that are looked at.
_GENERATIONS = 200
_NO_TREES = b"tree:0"


def descent(talk: Conversation, packs: ReceivedPacks, commit: ObjectID, known: str) -> Descent:
    """What the commit that was known before is to this one. Never a reason for a fetch to fail."""
    before = ObjectID(known.encode())
    if not known or before == commit:
        return Descent.SAME if known else Descent.UNKNOWN
    if before in _parents(packs, commit):
        return Descent.ANCESTOR
    if not talk.client.filters:
        return Descent.UNKNOWN
    try:
        talk.receive(packs, [commit], depth=_GENERATIONS, spare=_NO_TREES)
    except GitProtocolError:  # a server may filter files and not folders
        return Descent.UNKNOWN
    return _told_by(packs, commit, before)


def _told_by(packs: ReceivedPacks, commit: ObjectID, before: ObjectID) -> Descent:
    pending, passed = [commit], {commit}
    is_whole = True
    while pending:
        for parent in _parents(packs, pending.pop()):
            if parent == before:
                return Descent.ANCESTOR
            if parent not in packs:
                is_whole = False
            elif parent not in passed:
                passed.add(parent)
                pending.append(parent)
    return Descent.REPLACED if is_whole else Descent.UNKNOWN


def _parents(packs: ReceivedPacks, commit: ObjectID) -> list[ObjectID]:
    return commits.parsed(commit, packs.raw(commit)[1]).parents
