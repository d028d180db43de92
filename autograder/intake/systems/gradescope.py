"""Gradescope's export: a folder for each submission, and a table of whose it is."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import yaml

from autograder.errors import CourseError
from autograder.intake.listing import File
from autograder.intake.sources import Owner, safe_name
from autograder.intake.systems.base import Handed, Listing, System
from autograder.intake.systems.times import utc_time

METADATA = "submission_metadata.yml"
EXPORT = re.compile(r"assignment_\d+_export")

# What Gradescope says of a student: student id, e-mail address and name, "" for what is missing.
Person = tuple[str, str, str]


class Gradescope(System):
    """Tells students by their student ids, else e-mail addresses, else names.

    Attributes:
        metadata: what the table says, by folder.
        people: all students that it names, by what it says of them.
    """

    own_files = frozenset({METADATA})

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing)
        self.metadata: dict[str, Any] = {}
        for file in listing.files:
            if file.parts == (METADATA,):
                self.metadata = _read_metadata(file)
        entries = self.metadata.values()
        self.people = _owners(person for entry in entries for person in _submitters(entry))
        self.members = list(self.people.values())

    @classmethod
    def is_around(cls, top: str, inside: Listing) -> bool:
        exported = next((file for file in inside.files if file.parts == (METADATA,)), None)
        # A lone student can write such a file, but does not choose how their own folder is called.
        if exported and not EXPORT.match(top):
            place = replace(exported, parts=(top, METADATA)).place
            raise CourseError(
                f"{place}: if the folder with this file is an export of Gradescope, "
                "give that folder itself; if it is a student's, remove the file"
            )
        return exported is not None

    def made(self, folder: str) -> bool:
        return folder in self.metadata

    def of(self, file: File) -> Sequence[Handed] | None:
        if not self.made(file.parts[0]):
            return None
        entry = self.metadata[file.parts[0]]
        group = [self.people[person] for person in _submitters(entry)]
        time = utc_time(entry.get(":created_at") if isinstance(entry, dict) else None)
        if not group:
            notes: tuple[str, ...] = (f"{METADATA} does not say whose {file.parts[0]} is.",)
            return [Handed(Owner(file.parts[0]), file, file.name, time, notes)]
        handed = []
        for owner in group:
            others = ", ".join(other.name for other in group if other != owner)
            notes = (f"Handed in together with {others}.",) if others else ()
            if owner.number:
                notes += (
                    f"Gradescope gives several people the id {owner.name}; "
                    f"see in {METADATA} whose {file.parts[0]} is.",
                )
            handed.append(Handed(owner, file, file.name, time, notes))
        return handed


_SafeLoader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """YAML's safe loader (the quick one where there is one), for what Ruby writes."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    """Read an object of Ruby as the plain data it is written as."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    raise yaml.constructor.ConstructorError(None, None, "no such node", node.start_mark)


_Loader.add_multi_constructor("!ruby/", _plain)


def _read_metadata(file: File) -> dict[str, Any]:
    """Return what Gradescope's export says of each of its folders.

    Raises:
        CourseError: the file cannot be read.
    """
    try:
        text = file.read()
    except CourseError as error:
        raise CourseError(f"{file.place}: {error.message}") from None
    try:
        metadata = yaml.load(text, Loader=_Loader)
        return {str(key): entry for key, entry in metadata.items()}
    except (yaml.YAMLError, AttributeError, ValueError, TypeError, RecursionError):
        raise CourseError(
            f"{file.place} is not as Gradescope writes it; export the submissions again"
        ) from None


def _submitters(entry: object) -> list[Person]:
    """Return the students of one entry of Gradescope's metadata."""
    given = entry.get(":submitters") if isinstance(entry, dict) else None
    people = []
    for person in given if isinstance(given, list) else []:
        if isinstance(person, dict):
            values = [person.get(key) for key in (":sid", ":email", ":name")]
            sid, email, name = ("" if value is None else str(value) for value in values)
            people += [(sid, email, name)] if sid or email or name else []
    return people


def _owners(people: Iterable[Person]) -> dict[Person, Owner]:
    """Return each person as an owner, with a number if others would get the same id.

    One's student id may be another's e-mail address, which must not make them one student.
    """
    namesakes: dict[str, list[tuple[Person, str]]] = defaultdict(list)
    for person in dict.fromkeys(people):
        name = next(filter(None, person))
        namesakes[safe_name(name).casefold()].append((person, name))
    owners: dict[Person, Owner] = {}
    for group in namesakes.values():
        for person, name in group:
            # It stays the same all year, and is too long to find a name that gets another's.
            number = hashlib.sha256(repr(person).encode()).hexdigest()[:16]
            owners[person] = Owner(name, number if len(group) > 1 else "")
    return owners
