"""What all systems share: what a place holds, what a file handed in is, and what a system tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from autograder.intake.catalogue import Catalogue
from autograder.intake.listing import File
from autograder.intake.sources import Owner

NOTEBOOK_FILE = re.compile(r"(.+?)\.ipynb(?:\.txt|\.json)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Handed:
    """A file that a student handed in.

    Attributes:
        owner: whose it is.
        file: the file.
        name: what the student called it.
        submitted: when, if the source says so.
        notes: what a person should know.
        problem: why it cannot be graded.
        labelled: whether a download's outermost name says whose it is, so that folders are
            not students.
    """

    owner: Owner
    file: File
    name: str
    submitted: datetime | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""
    labelled: bool = False

    @property
    def stem(self) -> str | None:
        """The name without its suffix; None if it is not a notebook's."""
        suffixed = NOTEBOOK_FILE.fullmatch(self.name)
        return suffixed[1] if suffixed else None


@dataclass(frozen=True)
class Listing:
    """What a folder or an archive holds.

    Attributes:
        files: its files, wherever they are in it.
        folders: the paths of its folders.
        catalogue: the notebooks of the course.
        archived: whether it is an archive; a folder was chosen by a person, who means what
            stands in it to be students.
    """

    files: Sequence[File]
    folders: set[tuple[str, ...]]
    catalogue: Catalogue
    archived: bool

    @cached_property
    def tops(self) -> set[str]:
        """The names of what stands directly in it."""
        return {file.parts[0] for file in self.files} | self.top_folders

    @cached_property
    def top_files(self) -> list[str]:
        """The names of the files directly in it."""
        return [file.name for file in self.files if len(file.parts) == 1]

    @cached_property
    def top_folders(self) -> set[str]:
        """The names of the folders directly in it."""
        return {parts[0] for parts in self.folders}

    def inside(self) -> tuple[str, Listing] | None:
        """Return the name of the one folder around all the rest, and the rest, if there is one."""
        if len(self.tops) != 1 or self.top_files:
            return None
        files = [replace(file, parts=file.parts[1:]) for file in self.files]
        folders = {parts[1:] for parts in self.folders if len(parts) > 1}
        (top,) = self.tops
        return top, replace(self, files=files, folders=folders)


class System:
    """Tells whose the files of one kind of download are; each system is a class below.

    Attributes:
        own_files: the names of files that the system adds, which nobody handed in.
        members: the students whom it names itself, whether they handed in anything or not.

    Args:
        listing: the place, without a folder around all the rest.

    Raises:
        CourseError: what the system wrote there cannot be read.
    """

    own_files: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, listing: Listing) -> None:
        self.catalogue = listing.catalogue
        self.members: Sequence[Owner] = ()

    @classmethod
    def is_around(cls, top: str, inside: Listing) -> bool:
        """Tell whether a folder around all the rest is none of the students' but the system's.

        Args:
            top: how the folder is called.
            inside: what is in it.

        Raises:
            CourseError: it may be the system's or a student's who claims so.
        """
        return False

    def made(self, folder: str) -> bool:
        """Tell whether the system made a folder, so that it is not called after its student."""
        return False

    def of(self, file: File) -> Sequence[Handed] | None:
        """Return what a file is: a student's, each one's of a group, or nothing that counts.

        Returns:
            None if it is not the system's to tell.
        """
        raise NotImplementedError
