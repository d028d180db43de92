"""Moodle: a folder or a file for each student, named NAME_NUMBER_assignsubmission_file_."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autograder.intake.listing import File
from autograder.intake.sources import Owner
from autograder.intake.systems.base import Handed, Listing, System

# Moodle leaves no underscore in a name.
NAME = re.compile(
    r"(?P<name>[^_]+)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)


class Moodle(System):
    """Tells students by their names; its number changes with every assignment."""

    @classmethod
    def is_around(cls, top: str, inside: Listing) -> bool:
        return any(map(NAME.fullmatch, inside.tops))

    def of(self, file: File) -> Sequence[Handed] | None:
        # Only the outermost name is Moodle's; students make folders within theirs.
        found = NAME.fullmatch(file.parts[0])
        if not found:
            return None
        name = file.name if len(file.parts) > 1 else found["file"] or file.name
        return [Handed(Owner(found["name"], found["number"]), file, name, labelled=True)]
