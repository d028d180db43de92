"""What `course` does where click, which reads its arguments, cannot be imported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from autograder.commands import doctor, packages
from autograder.course.config import find_root
from autograder.errors import CourseError


def run(error: Exception) -> NoReturn:
    """Run `course doctor`, or say of any other command that click is missing; then exit.

    Args:
        error: what the import of click raised.
    """
    if sys.argv[1:] == ["doctor"]:
        try:
            sys.exit(0 if doctor.run(find_root(Path.cwd()), doctor.console()) else 1)
        except CourseError as wrong:
            print(f"course: {wrong}", file=sys.stderr)
            sys.exit(2)
    found = packages.culprit(error) or packages.Culprit("click", type(error).__name__)
    print(packages.message(found), file=sys.stderr)
    sys.exit(2)
