"""A tree of folders, one for each student: nbgrader's ``submitted/``, or a person's."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.errors import CourseError
from autograder.intake.listing import File
from autograder.intake.sources import Owner
from autograder.intake.systems.base import NOTEBOOK_FILE, Handed, Listing, System
from autograder.intake.systems.times import utc_time

TIMESTAMP = "timestamp.txt"


class Tree(System):
    """Tells students by the outermost folders, and the times by what nbgrader writes there."""

    own_files = frozenset({TIMESTAMP})

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self.times = {file.parts[:-1]: file for file in listing.files if file.name == TIMESTAMP}

    @classmethod
    def is_around(cls, top: str, inside: Listing) -> bool:
        if top == "submitted":
            return True
        # Archives often have a folder around all students, who are no notebooks themselves.
        return (
            inside.archived
            and len(inside.top_folders) > 1
            and not any(map(NOTEBOOK_FILE.fullmatch, inside.top_files))
            and not any(inside.catalogue.by_name(name).notebook for name in inside.top_folders)
        )

    def of(self, file: File) -> Sequence[Handed] | None:
        if len(file.parts) == 1:
            return None
        # The outermost one is the collector's; students may put others into what they hand in.
        folders = (file.parts[:depth] for depth in range(1, len(file.parts)))
        stamp = next((self.times[folder] for folder in folders if folder in self.times), None)
        time = None
        notes: tuple[str, ...] = ()
        if stamp:
            try:
                time = utc_time(stamp.read()[:100].decode("ascii").strip())
            except (CourseError, UnicodeDecodeError):
                time = None
            if time is None:
                notes = ("Its timestamp.txt does not hold a time.",)
        return [Handed(Owner(file.parts[0]), file, file.name, time, notes)]
