"""The one error the `course` command reports in one line."""

from __future__ import annotations

from pathlib import Path


class CourseError(Exception):
    """Something in the repository or in the arguments is wrong.

    Args:
        message: what is wrong and what to do.
        path: the file, if there is one.
        line: the line in it, from 1.
    """

    def __init__(self, message: str, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message, self.path, self.line = message, path, line

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: " if self.path and self.line else ""
        place = place or (f"{self.path}: " if self.path else "")
        return f"{place}{self.message}"
