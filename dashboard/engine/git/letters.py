"""What a fetch found, as it goes from one process to the other: a line of JSON, and behind it the files, end to end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

from dashboard.engine import apart
from dashboard.engine.git.values import CommitInfo, Descent, Fetched, StoredFile, StoredKind
from dashboard.engine.migration import Problem, Severity


def write_fetched(stream: IO[bytes], fetched: Fetched) -> None:
    files = [(file.path, file.mode, file.kind, len(file.content)) for file in fetched.files]
    commit = asdict(fetched.commit) | {
        "authored_at": fetched.commit.authored_at.isoformat(),
        "committed_at": fetched.commit.committed_at.isoformat(),
    }
    answer = {
        "commit": commit,
        "ref": fetched.ref,
        "files": files,
        "problems": [asdict(problem) for problem in fetched.problems],
        "descent": fetched.descent,
        "received": fetched.received,
    }
    apart.write(stream, {"answer": answer})
    for file in fetched.files:
        stream.write(file.content)
    stream.flush()


def fetched_from(answer: Mapping[str, Any], stream: IO[bytes]) -> Fetched:
    """Raises EOFError where the files end too early."""
    return Fetched(
        commit=_commit(answer["commit"]),
        ref=answer["ref"],
        files=tuple(_files(answer["files"], stream)),
        problems=tuple(
            Problem(**problem | {"severity": Severity(problem["severity"])}) for problem in answer["problems"]
        ),
        descent=Descent(answer["descent"]),
        received=answer["received"],
    )


def _commit(sent: Mapping[str, Any]) -> CommitInfo:
    return CommitInfo(
        **dict(sent)
        | {
            "authored_at": datetime.fromisoformat(sent["authored_at"]),
            "committed_at": datetime.fromisoformat(sent["committed_at"]),
            "parents": tuple(sent["parents"]),
        }
    )


def _files(sent: Iterable[tuple[str, int, str, int]], stream: IO[bytes]) -> Iterable[StoredFile]:
    for path, mode, kind, size in sent:
        content = stream.read(size)
        if len(content) < size:
            raise EOFError
        yield StoredFile(path=path, mode=mode, content=content, kind=StoredKind(kind))
