"""What a server sends lies in files of a folder that is removed afterwards; objects are read out of it by their id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

from dulwich.object_format import DEFAULT_OBJECT_FORMAT, ObjectFormat
from dulwich.objects import ObjectID
from dulwich.pack import Pack, PackData

#: Numbers of git for the types of an object.
COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
TYPE_NAMES = {COMMIT: "commit", TREE: "folder", BLOB: "file", TAG: "tag"}


class PackFile:
    """A file that a pack is written to; its format is known once it is there."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.path = base.with_suffix(".pack")
        self.object_format: ObjectFormat = DEFAULT_OBJECT_FORMAT
        self._file = self.path.open("wb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def indexed(self) -> Pack | None:
        """None where nothing was sent."""
        if not self.path.stat().st_size:
            return None
        data = PackData(self.path, self.object_format)
        try:
            data.check()
            data.create_index(str(self.base.with_suffix(".idx")), version=2, hash_format=self.object_format.type_num)
        finally:
            with suppress(BufferError):  # something that failed may still look at the file
                data.close()
        return Pack(str(self.base), object_format=self.object_format)

    def close(self) -> None:
        self._file.close()


class ReceivedPacks:
    """Objects are known by what they hold, so nothing that a server sends can stand for something else."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._packs: list[Pack] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for pack in self._packs:
            pack.close()

    @contextmanager
    def receiving(self) -> Iterator[PackFile]:
        """A file for one pack; once the block ends, its objects are there."""
        with closing(PackFile(self._home / f"{len(self._packs)}")) as file:
            yield file
        if pack := file.indexed():
            self._packs.append(pack)

    def __contains__(self, oid: ObjectID) -> bool:
        return any(oid in pack for pack in self._packs)

    def raw(self, oid: ObjectID) -> tuple[int, bytes]:
        """Its type and what it holds. Raises KeyError where it was not sent."""
        for pack in self._packs:
            if oid in pack:
                return pack.get_raw(oid)
        raise KeyError(oid)
