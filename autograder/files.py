"""Files that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from autograder.errors import CourseError

LOCK_SECONDS = 600
# What nbgrader's exchange leaves beside a collected notebook. It is copied along, because
# `nbgrader release_feedback` asks for it beside the feedback.
OF_EXCHANGE = ("timestamp.txt", "submission_secret.txt")


def hash_of(*parts: str | bytes) -> str:
    """Return a hash of some texts, of which each counts by itself."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Return every file of a folder and the folders in it, in order, but what Python compiles."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]


def module_at(name: str, path: Path) -> ModuleType:
    """Return a module read from a file that no import would find.

    Args:
        name: what it is called in sys.modules, where inspect looks for the source of a class.
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        SyntaxError: it is not valid Python; whatever else it may raise comes through, too.
    """
    loader = SourceFileLoader(name, str(path))
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def replace_file(path: Path, data: str | bytes, mode: int = 0o666) -> None:
    """Write a file in one step: whoever reads it sees the old text or the new one.

    Args:
        path: the file; its folder is made if it is not there.
        data: the bytes, or a text. What UTF-8 cannot hold (half of a surrogate pair,
            which JSON from a student can) becomes a question mark.
        mode: the permissions, less what the umask takes.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own, so that two processes do not write into one file.
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.touch(mode)
        new.write_bytes(data)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def copy_marks(source: Path, target: Path) -> None:
    """Copy what nbgrader's exchange has left in a folder, if it has, to the next step's folder."""
    for name in OF_EXCHANGE:
        if (source / name).is_file():
            replace_file(target / name, (source / name).read_bytes())


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock that other processes wait for; it ends with this process, however that ends.

    The lock is SQLite's, which works alike on Linux, macOS and Windows.

    Args:
        path: a file of its own for the lock, in a folder that is there; it stays empty.

    Raises:
        CourseError: another process held it for ten minutes, or it cannot be made.
    """
    try:
        lock = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
        with contextlib.closing(lock):
            lock.execute("BEGIN EXCLUSIVE")
            yield
    except sqlite3.OperationalError as error:
        hint = "; is another `course` at work here?" if "locked" in str(error) else ""
        raise CourseError(f"{error}{hint}", path) from None
