"""Blackboard: all files in one folder, named ASSIGNMENT_USER_attempt_TIME_FILE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from autograder.intake.listing import File
from autograder.intake.sources import Owner
from autograder.intake.systems.base import Handed, Listing, System

ATTEMPT = r"_attempt_(?P<time>\d{4}(?:-\d\d){5})_"
# A student chooses the end of a file's name, where another's may stand. So the first mark of the
# system counts: what stands before it comes from Blackboard or the instructor.
NAME = re.compile(rf".*?_(?P<name>[^_]+){ATTEMPT}(?P<file>.+)", re.DOTALL)


class Blackboard(System):
    """Tells students by their user names, and when they handed in each attempt."""

    @classmethod
    def is_around(cls, top: str, inside: Listing) -> bool:
        return any(map(NAME.fullmatch, inside.top_files))

    def of(self, file: File) -> Sequence[Handed] | None:
        found = NAME.fullmatch(file.name)
        if not found or len(file.parts) > 1:
            return None
        try:
            time = datetime.strptime(found["time"], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
        except ValueError:
            time = None
        notes: tuple[str, ...] = ()
        if re.search(ATTEMPT, found["file"]):
            what = "a name that looks like Blackboard's for another attempt"
            notes = (f"Handed in under {what}: {found['file']}.",)
        return [Handed(Owner(found["name"]), file, found["file"], time, notes, labelled=True)]
