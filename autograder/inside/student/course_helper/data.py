"""Where the data files lie."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class DataError(Exception):
    """A data file is missing or damaged; the message says what to do."""


def data_folders() -> list[Path]:
    """Return the folders searched for data, nearest first.

    They are ``$COURSE_DATA`` if set, then ``data/`` and ``shared/data/`` in the
    working folder, in the folder of this file, and in every folder above these.
    """
    folders = [Path(os.environ["COURSE_DATA"])] if os.environ.get("COURSE_DATA") else []
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            folders += [folder / "data", folder / "shared" / "data"]
    return list(dict.fromkeys(folders))


def _is_file(path: Path) -> bool:
    # Path.is_file raises PermissionError below a folder that is closed to this user.
    return os.path.isfile(path)  # noqa: PTH113


def _course_file(name: str, sha256: str) -> Path:
    """Return the path of a data file that comes with the course.

    Raises:
        DataError: it is missing or damaged.
    """
    candidates = [folder / name for folder in data_folders()]
    path = next((path for path in candidates if _is_file(path)), None)
    if path is None:
        raise DataError(
            f"{name} was not found in data/ here or in a folder above. Keep the notebook "
            "in the course folder, or set the environment variable COURSE_DATA to the folder "
            f"that holds {name}."
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(
            f"{path} is damaged or not the course's file (its SHA-256 differs). "
            "Fetch data/ from the course repository again."
        )
    return path
