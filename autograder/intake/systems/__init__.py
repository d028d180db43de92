"""Whose a file is, by the names that learning-management systems give to files.

A system is a class in a module of its own, listed once below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograder.intake.listing import File
from autograder.intake.sources import Owner
from autograder.intake.systems.base import Handed, Listing, System
from autograder.intake.systems.blackboard import Blackboard
from autograder.intake.systems.canvas import Canvas
from autograder.intake.systems.flat import Flat
from autograder.intake.systems.gradescope import Gradescope
from autograder.intake.systems.moodle import Moodle
from autograder.intake.systems.tree import Tree

# In the order in which they are asked about a file. The last two take whatever is left.
SYSTEMS: tuple[type[System], ...] = (Gradescope, Moodle, Canvas, Blackboard, Flat, Tree)


def students_and_files(listing: Listing) -> tuple[list[Handed], list[Owner]]:
    """Return the files that were handed in, and all students, some of them more than once.

    Args:
        listing: the place, as it is.

    Raises:
        CourseError: what a system wrote there cannot be read, or may be a student's.
    """
    listing = without_wrapper(listing)
    systems = [system(listing) for system in SYSTEMS]
    added = frozenset().union(*(system.own_files for system in SYSTEMS))
    handed = [
        each for file in listing.files if file.name not in added for each in _of(file, systems)
    ]
    owners = [each.owner for each in handed]
    owners += [member for system in systems for member in system.members]
    # Without a download's names, folders are students, who may have handed in nothing.
    if not any(each.labelled for each in handed):
        tops = sorted(listing.top_folders)
        owners += [Owner(top) for top in tops if not any(each.made(top) for each in systems)]
    return handed, owners


def without_wrapper(listing: Listing) -> Listing:
    """Take away a folder around all the others, as archives often have one.

    Raises:
        CourseError: the folder may be a system's or a student's who claims so.
    """
    found = listing.inside()
    return found[1] if found and any(each.is_around(*found) for each in SYSTEMS) else listing


def _of(file: File, systems: Sequence[System]) -> Iterator[Handed]:
    """Yield what a file is, by the first system that knows."""
    answers = (system.of(file) for system in systems)
    yield from next((handed for handed in answers if handed is not None), ())
