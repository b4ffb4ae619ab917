"""What a server sends lies in files of a folder that is removed afterwards; objects are read out of it by their id."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from dulwich.object_format import DEFAULT_OBJECT_FORMAT, ObjectFormat
from dulwich.objects import ObjectID
from dulwich.pack import Pack, PackData

#: Numbers of git for the types of an object.
COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
TYPE_NAMES = {COMMIT: "commit", TREE: "folder", BLOB: "file", TAG: "tag"}


@contextmanager
def _closed_at_last[Mapped: (PackData, Pack)](mapped: Mapped) -> Iterator[Mapped]:
    """A file that is mapped cannot be closed while anything looks at it, and what failed still does."""
    try:
        yield mapped
    except BaseException as error:
        each: BaseException | None = error
        while each is not None:
            traceback.clear_frames(each.__traceback__)
            each = each.__context__
        raise
    finally:
        with suppress(BufferError):
            mapped.close()


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
        with _closed_at_last(PackData(self.path, self.object_format)) as data:
            data.check()
            data.create_index(str(self.base.with_suffix(".idx")), version=2, hash_format=self.object_format.type_num)
        return Pack(str(self.base), object_format=self.object_format)

    def close(self) -> None:
        self._file.close()


class ReceivedPacks:
    """Objects are known by what they hold, so nothing that a server sends can stand for something else."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._packs: list[Pack] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    @contextmanager
    def receiving(self) -> Iterator[PackFile]:
        """A file for one pack; once the block ends, its objects are there."""
        with closing(PackFile(self._home / f"{len(self._packs)}")) as file:
            yield file
        if pack := file.indexed():
            self._packs.append(self._open.enter_context(_closed_at_last(pack)))

    def __contains__(self, oid: ObjectID) -> bool:
        return any(oid in pack for pack in self._packs)

    def raw(self, oid: ObjectID) -> tuple[int, bytes]:
        """Its type and what it holds. Raises KeyError where it was not sent."""
        for pack in self._packs:
            if oid in pack:
                return pack.get_raw(oid)
        raise KeyError(oid)
