"""List the files of a folder or a zip archive, and read them within bounds.

An archive is never extracted: its members are read where they are, so no name in it
can reach a place on the disk. What must not be read (a link that leads out of the
folder, an encrypted member) is listed with the reason.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from autograder.errors import CourseError
from autograder.inside.limits import MAX_FILE, MAX_FILES
from autograder.intake.archive import Archive
from autograder.text import printable

BEGINNING = 1 << 16
# What zipfile raises for one damaged byte or another.
DAMAGED = (
    *(OSError, EOFError, RuntimeError, ValueError, OverflowError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)
IGNORED = {"__MACOSX", "__pycache__", "node_modules"}


@dataclass(frozen=True)
class File:
    """A file of a folder or a member of an archive.

    Attributes:
        parts: its path below the folder or in the archive, without surprises.
        path: where it lies on the disk; of a member, the archive.
        member: its number in the archive; None of a file in a folder.
        changed: when it was last changed; comparable within one folder or archive.
        problem: why it must not be read, else "".
        archive: what a member is read from, shared by all of them; None of a file in a folder.
    """

    parts: tuple[str, ...]
    path: Path
    member: int | None = None
    changed: tuple[float, ...] = ()
    problem: str = ""
    archive: Archive | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        if self.member is None:
            return printable(str(self.path))
        return f"{printable(self.path.name)}: {'/'.join(self.parts)}"

    def read(self, enough: Callable[[bytes], bool] = lambda beginning: False) -> bytes:
        """Return what is in the file, or its beginning if that is enough.

        Args:
            enough: asked once, about the first BEGINNING bytes; if it says so, nobody looks
                whether the rest is too large or damaged.

        Raises:
            CourseError: it is too large or cannot be read.
        """
        if self.problem:
            raise CourseError(self.problem)
        try:
            with self._opened() as file:
                data = file.read(BEGINNING)
                if enough(data):
                    return data
                # What an archive says of sizes is not believed; reading stops at the limit.
                data += file.read(max(0, MAX_FILE + 1 - len(data)))
        except DAMAGED as error:
            reason = (getattr(error, "strerror", "") or str(error)).splitlines() or ["damaged"]
            raise CourseError(
                f"cannot be read: {printable(reason[0])[:100]}; download it again"
            ) from None
        if len(data) > MAX_FILE:
            limit = MAX_FILE // 1_000_000
            raise CourseError(
                f"larger than {limit} MB; ask for the notebook without outputs (Clear All Outputs)"
            )
        return data

    def _opened(self) -> AbstractContextManager[IO[bytes]]:
        if self.archive is None or self.member is None:
            return self.path.open("rb")
        return self.archive.open(self.member)


def list_files(place: Path) -> tuple[list[File], set[tuple[str, ...]]]:
    """Return the files of a folder or a zip archive, and its folders.

    Hidden files, checkpoints and what operating systems add are left out.

    Raises:
        CourseError: the place is missing, is neither, or holds far too much.
    """
    if place.is_dir():
        found = _walk(place)
    elif place.is_file():
        found = _members(place)
    else:
        raise CourseError("there is no such folder or zip archive of submissions", place)
    files: list[File] = []
    folders: set[tuple[str, ...]] = set()
    for number, entry in enumerate(found):
        if number >= MAX_FILES:
            raise CourseError(
                f"it holds more than {MAX_FILES} files; give the folder of the submissions", place
            )
        if isinstance(entry, File):
            files.append(entry)
            folder = entry.parts[:-1]
        else:
            folder = entry
        folders.update(folder[:depth] for depth in range(1, len(folder) + 1))
    return files, folders


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Return by name how the entries of one folder are called: printable, and all different."""
    shown = {name: printable(name) for name in names}
    often = Counter(shown.values())
    for name, text in shown.items():
        if often[text] > 1 and text != name:
            mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]
            shown[name] = f"{text}_{mark}"
    return shown


def _ignored(name: str) -> bool:
    return name.startswith(".") or name in IGNORED


def _walk(root: Path) -> Iterator[File | tuple[str, ...]]:
    """Yield the files of a folder, and the parts of the path of every folder in it."""
    pending: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while pending:
        folder, parts = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise CourseError(f"cannot be read: {error.strerror}", root) from None
            yield File((*parts, "."), folder, problem=f"cannot be read: {error.strerror}")
            continue
        shown = told_apart(entry.name for entry in entries)
        for entry in entries:
            if _ignored(entry.name):
                continue
            path, below = folder / entry.name, (*parts, shown[entry.name])
            if entry.is_dir(follow_symlinks=False):
                yield below
                pending.append((path, below))
            else:
                yield from _file(path, below)


def _file(path: Path, parts: tuple[str, ...]) -> Iterator[File]:
    """Yield a file of a folder; of a link only one that stays where it is, with its student."""
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            yield File(
                parts, path, problem="a symbolic link to nothing; copy the file itself there"
            )
            return
        if not target.is_relative_to(path.parent.resolve()):
            problem = "a symbolic link that leads out of the folder; copy the file itself there"
            yield File(parts, path, problem=problem)
            return
        path = target
    # Neither a folder, which is listed where it is, nor a pipe, which would block.
    if path.is_file():
        yield File(parts, path, changed=(path.stat().st_mtime,))


def _members(path: Path) -> Iterator[File | tuple[str, ...]]:
    """Yield the files and folders of a zip archive."""
    archive = Archive(path)
    try:
        members = archive.members()
    except DAMAGED as error:
        raise CourseError(
            f"neither a folder nor a readable zip archive ({error}); "
            "give what the learning-management system lets you download",
            path,
        ) from None
    names = [_member_name(info).replace("\\", "/") for info in members]
    paths = [[part for part in name.split("/") if part not in ("", ".", "..")] for name in names]
    shown = told_apart(dict.fromkeys(itertools.chain.from_iterable(paths)))
    for number, (info, name, path_in_it) in enumerate(zip(members, names, paths, strict=True)):
        parts = tuple(shown[part] for part in path_in_it)
        if not parts or any(map(_ignored, parts)):
            continue
        if info.is_dir():
            yield parts
        else:
            problem = _member_problem(info, name)
            yield File(parts, path, number, info.date_time, problem, archive)


def _member_name(info: zipfile.ZipInfo) -> str:
    """Return the name of a member; many programs write UTF-8 and do not say so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _member_problem(info: zipfile.ZipInfo, name: str) -> str:
    """Return why a member of an archive must not be read, or ""."""
    if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
        return "its path leads out of the archive; make the archive anew"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link in an archive; put the file itself there"
    if info.flag_bits & 0x1:
        return "encrypted; unpack the archive and give the folder"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed in an unusual way; unpack the archive and give the folder"
    return ""
