"""Canvas: all files in one folder, named NAME_NUMBER_SUBMISSION_FILE."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autograder.intake.listing import File
from autograder.intake.sources import Owner
from autograder.intake.systems.base import Handed, Listing, System

# A student chooses the end of a file's name, where another's may stand. So the first mark of the
# system counts: what stands before it comes from Canvas.
NAME = re.compile(
    r"(?:(?P<later>LATE_)?(?P<anonymous>anon_[A-Za-z0-9]{5})"
    r"|(?P<name>\w+?)_(?P<late>LATE_)?(?P<number>\d+))_\d{2,}_(?P<file>.+)",
    re.DOTALL,
)


class Canvas(System):
    """Its name with its number is a student's all year; "anon" stands for both if need be."""

    @classmethod
    def is_around(cls, top: str, inside: Listing) -> bool:
        return any(map(NAME.fullmatch, inside.top_files))

    def of(self, file: File) -> Sequence[Handed] | None:
        found = NAME.fullmatch(file.name)
        if not found or len(file.parts) > 1:
            return None
        name = found["anonymous"] or f"{found['name']}_{found['number']}"
        late = ("Canvas marks it as late.",) if found["late"] or found["later"] else ()
        return [Handed(Owner(name), file, found["file"], notes=late, labelled=True)]
