"""The files under a path of a commit's tree. Nothing is followed out of it, and no name can lead out of it."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dulwich.errors import ObjectFormatException
from dulwich.objects import S_ISGITLINK, ObjectID, parse_tree

from dashboard.engine.git.errors import GitPathMissing, GitPathUnusable, GitTooBig
from dashboard.engine.git.meter import megabytes
from dashboard.engine.git.packs import BLOB, TREE, ReceivedPacks
from dashboard.engine.git.values import FetchLimits, StoredFile, StoredKind
from dashboard.engine.migration import Problem, Severity

_DEEPEST = 32
_LONGEST_NAME = 500
_NAMED_AT_MOST = 8
_LFS = b"version https://git-lfs.github.com/spec/"
_LARGEST_POINTER = 1024
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TreePath:
    """A name under the path: what it is, and the id of what it holds."""

    path: str
    mode: int
    oid: ObjectID


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTree:
    """`shown` names the repository in errors."""

    shown: str
    commit: str
    root: ObjectID
    packs: ReceivedPacks
    limits: FetchLimits

    def below(self, path: str) -> tuple[list[TreePath], list[Problem]]:
        """Every name under the folder that is no folder itself, in order; a name that cannot be kept is a problem."""
        names: list[TreePath] = []
        problems: list[Problem] = []
        for raw, mode, oid in self._walked(self._folder(path)):
            kept = _speakable(raw)
            if kept is None:
                problems.append(_unspeakable(raw))
            else:
                names.append(TreePath(path=kept, mode=mode, oid=oid))
        return sorted(names, key=lambda name: name.path), [*problems, *_collisions(name.path for name in names)]

    def _folder(self, path: str) -> ObjectID:
        tree = self.root
        parts = [part for part in path.split("/") if part not in {"", "."}]
        for depth, part in enumerate(parts, start=1):
            here = "/".join(parts[:depth])
            entries = {name: (mode, oid) for name, mode, oid in self._entries(tree)}
            if part.encode() not in entries:
                raise self._missing("/".join(parts), parts[: depth - 1], entries)
            mode, tree = entries[part.encode()]
            if not stat.S_ISDIR(mode):
                raise GitPathUnusable(
                    repository=self.shown, path=here, commit=self.commit[:_SHORT], kind=_kind_in_words(mode)
                )
        return tree

    def _missing(self, path: str, parents: Sequence[str], entries: dict[bytes, tuple[int, ObjectID]]) -> GitPathMissing:
        folders = sorted(
            kept for name, (mode, _) in entries.items() if stat.S_ISDIR(mode) and (kept := _speakable(name))
        )
        place = f"In {'/'.join(parents)}" if parents else "At its root"
        listed = ", ".join(folders[:_NAMED_AT_MOST]) + (" and more" if len(folders) > _NAMED_AT_MOST else "")
        others = f"{place} there are the folders {listed}." if folders else f"{place} there is no folder."
        return GitPathMissing(repository=self.shown, path=path, commit=self.commit[:_SHORT], others=others)

    def _walked(self, tree: ObjectID) -> Iterator[tuple[bytes, int, ObjectID]]:
        pending = [(b"", tree, 1)]
        walked = 0
        while pending:
            prefix, oid, depth = pending.pop()
            for name, mode, child in self._entries(oid):
                walked += 1
                if walked > self.limits.entries or depth > _DEEPEST:
                    raise self._too_many()
                if stat.S_ISDIR(mode):
                    pending.append((prefix + name + b"/", child, depth + 1))
                else:
                    yield prefix + name, mode, child

    def _entries(self, tree: ObjectID) -> list[tuple[bytes, int, ObjectID]]:
        """Raises ObjectFormatException where two of them have one name, or a name has a slash in it."""
        kind, data = self.packs.raw(tree)
        if kind != TREE:
            raise ObjectFormatException(f"{tree.decode()} is no folder")
        entries = [(name, mode, ObjectID(oid)) for name, mode, oid in parse_tree(data, len(tree) // 2)]
        if len({name for name, _, _ in entries}) < len(entries) or any(b"/" in name for name, _, _ in entries):
            raise ObjectFormatException(f"{tree.decode()} has two entries of one name, or a slash in one")
        return entries

    def _too_many(self) -> GitTooBig:
        return GitTooBig(
            repository=self.shown,
            reason=f"there are more than {self.limits.entries:,} names, or more than {_DEEPEST} folders in each other, "
            "under its path",
            remedy="Write the folder of the migrations, and no other, as path in the source.",
        )


def stored(names: Iterable[TreePath], tree: CommitTree) -> tuple[list[StoredFile], list[Problem]]:
    """What the names hold, and a problem for each that is no plain file."""
    files: list[StoredFile] = []
    total = 0
    for name in names:
        content, kind = _content(name, tree)
        total += len(content)
        if len(content) > tree.limits.per_file:
            raise _too_large(tree, f"{name.path} has {megabytes(len(content))}", tree.limits.per_file)
        if total > tree.limits.stored:
            raise _too_large(tree, "the files under its path are too many bytes together", tree.limits.stored)
        files.append(StoredFile(path=name.path, mode=name.mode, content=content, kind=kind))
    return files, [problem for file in files if (problem := _problem_of(file))]


def holds_content(mode: int) -> bool:
    """A submodule is the id of a commit that lies elsewhere."""
    return not S_ISGITLINK(mode)


def _content(name: TreePath, tree: CommitTree) -> tuple[bytes, StoredKind]:
    if not holds_content(name.mode):
        return name.oid, StoredKind.SUBMODULE
    kind, content = tree.packs.raw(name.oid)
    if kind != BLOB:
        raise ObjectFormatException(f"{name.oid.decode()} is no file")
    if stat.S_ISLNK(name.mode):
        return content, StoredKind.LINK
    is_pointer = len(content) <= _LARGEST_POINTER and content.startswith(_LFS)
    return content, StoredKind.LFS if is_pointer else StoredKind.FILE


def _too_large(tree: CommitTree, reason: str, limit: int) -> GitTooBig:
    return GitTooBig(
        repository=tree.shown,
        reason=f"{reason}; {megabytes(limit)} are the most that is kept",
        remedy="Take data out of the folder of the migrations, or write a smaller folder as path in the source.",
    )


def _kind_in_words(mode: int) -> str:
    if S_ISGITLINK(mode):
        return "submodule"
    return "symbolic link" if stat.S_ISLNK(mode) else "file"


def _speakable(raw: bytes) -> str | None:
    """The name as text, if it can stand in a table, on a page and on a disk; else None."""
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        return None
    parts = path.split("/")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts) or len(path) > _LONGEST_NAME:
        return None
    return path if all(c.isprintable() and c != "\\" for c in path) else None


def _unspeakable(raw: bytes) -> Problem:
    shown = "".join(chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02x}" for c in raw[:_LONGEST_NAME])
    return Problem(
        code="git_name",
        severity=Severity.ERROR,
        file=shown,
        sentence="Its name cannot be kept: it has a character in it that no page can show, or leads out of its folder.",
        advice="Rename it in the repository.",
    )


def _collisions(paths: Iterable[str]) -> Iterator[Problem]:
    alike: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        alike[path.casefold()].append(path)
    for first, *others in (sorted(group) for group in alike.values()):
        for other in others:
            yield Problem(
                code="git_case",
                severity=Severity.WARNING,
                file=other,
                sentence=f"Its name differs from {first} in upper and lower case only.",
                advice="Rename one of them: on Windows and macOS a checkout has only one of the two.",
            )


def _problem_of(file: StoredFile) -> Problem | None:
    match file.kind:
        case StoredKind.LINK:
            target = file.content.decode("utf-8", "replace")[:_LONGEST_NAME]
            sentence = f"This is a symbolic link to {target!a}. It is not followed."
            return _of(file, "git_link", sentence, "Commit the file itself in its place.")
        case StoredKind.SUBMODULE:
            sentence = f"This is a submodule, at commit {file.content.decode()[:_SHORT]}. It is not fetched."
            advice = "Declare a source of its own for that repository, or commit its files here."
            return _of(file, "git_submodule", sentence, advice)
        case StoredKind.LFS:
            sentence = "This is a pointer of Git LFS, not the file that it stands for. It is not followed."
            return _of(file, "git_lfs", sentence, "Take it out of LFS: git lfs untrack, then commit the file itself.")
        case StoredKind.FILE:
            return None


def _of(file: StoredFile, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=file.path, sentence=sentence, advice=advice)
