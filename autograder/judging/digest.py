"""What makes a kept result stale: a hash of all that decides about points."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from autograder.checks import files_of
from autograder.course.config import PACKAGE
from autograder.files import files_below, hash_of

# The rooms that a submission passes on its way from a file to its verdicts.
ROOMS = ("intake", "course", "judging", "inside")


def rules_digest(checks: Path, notebook: str) -> str:
    """Return a hash of all that decides about points besides submission, release and data.

    Args:
        checks: the folder of the course's modules of checks.
        notebook: such as 01_pytorch_basics.
    """
    paths = [path for room in ROOMS for path in files_below(PACKAGE / room)]
    paths += sorted(PACKAGE.glob("*.py"))
    paths += files_of(PACKAGE / "checks", notebook)
    if checks.resolve() != PACKAGE / "checks":
        paths += files_of(checks, notebook)
    versions = f"{torch.__version__} {platform.python_version()}"
    return hash_of(versions, *(part for p in paths for part in (p.name, p.read_bytes())))


def engine_digest() -> str:
    """Return a hash of what runs and judges a notebook's cells, without any notebook's checks."""
    rooms = (PACKAGE / "judging", PACKAGE / "inside", PACKAGE / "checks" / "shared")
    paths = [path for room in rooms for path in files_below(room)]
    paths += [PACKAGE / "checks" / "__init__.py", *sorted(PACKAGE.glob("*.py"))]
    return hash_of(*(part for p in paths for part in (p.name, p.read_bytes())))


def data_digest(data: Path) -> str:
    """Return a hash of a folder of data."""
    return hash_of(*(path.read_bytes() for path in sorted(data.glob("*")) if path.is_file()))
