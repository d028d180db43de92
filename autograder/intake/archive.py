"""Read the members of a zip archive, whose table of contents is parsed once.

The table says where every member lies, so parsing it for each of them would take the square of
their number. It is kept; the file itself is open only while something is read of it. What was
read is not kept: a class hands in gigabytes.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO


class Archive:
    """A zip archive on the disk. Threads may share it, and it travels to other processes.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._source = _Source()
        self._stamp: tuple[int, ...] | None = None
        self._contents: zipfile.ZipFile

    def __reduce__(self) -> tuple:
        return Archive, (self.path,)

    def members(self) -> list[zipfile.ZipInfo]:
        """Return what the table of contents says.

        Raises:
            zipfile.BadZipFile, OSError, ...: it cannot be read; see listing.DAMAGED.
        """
        with self._opened() as contents:
            return contents.infolist()

    @contextmanager
    def open(self, number: int) -> Iterator[IO[bytes]]:
        """Open a member for one reading; meanwhile other threads wait.

        Args:
            number: its place in the table of contents.

        Raises:
            zipfile.BadZipFile, OSError, ...: it cannot be read; see listing.DAMAGED.
        """
        with self._opened() as contents:
            members = contents.infolist()
            if number >= len(members):
                raise zipfile.BadZipFile("the archive has changed")
            with contents.open(members[number]) as file:
                yield file

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        """Open the file for one reading; parse the table again only if the file has changed."""
        with self._lock, self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            self._source.file = file
            if stamp != self._stamp:
                self._contents = zipfile.ZipFile(self._source)
                self._stamp = stamp
            yield self._contents


class _Source:
    """What zipfile reads from: the file that is open at the moment."""

    file: BinaryIO

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)
