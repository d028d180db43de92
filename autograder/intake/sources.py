"""Whose a file is, by the names that learning-management systems give to files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from autograder.errors import CourseError
from autograder.intake.catalogue import Catalogue
from autograder.intake.listing import File

NOTEBOOK_FILE = re.compile(r"(.+?)\.ipynb(?:\.txt|\.json)?", re.IGNORECASE | re.DOTALL)
METADATA = "submission_metadata.yml"
GRADESCOPE = re.compile(r"assignment_\d+_export")
# A student chooses the end of a file's name, where another's may stand. So the first mark of a
# system counts: what stands before it comes from the system or the instructor.
CANVAS = re.compile(
    r"(?:(?P<later>LATE_)?(?P<anonymous>anon_[A-Za-z0-9]{5})"
    r"|(?P<name>\w+?)_(?P<late>LATE_)?(?P<number>\d+))_\d{2,}_(?P<file>.+)",
    re.DOTALL,
)
ATTEMPT = r"_attempt_(?P<time>\d{4}(?:-\d\d){5})_"
BLACKBOARD = re.compile(rf".*?_(?P<name>[^_]+){ATTEMPT}(?P<file>.+)", re.DOTALL)
# Moodle leaves no underscore in a name.
MOODLE = re.compile(
    r"(?P<name>[^_]+)_(?P<number>\d+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
NO_NAME = re.compile(r"({0}(_{0})*)?".format(r"(v?\d{1,2}|final|new|done|solved|solution)"), re.I)
TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(\S*)")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)

# What Gradescope says of a student: student id, e-mail address and name, "" for what is missing.
Person = tuple[str, str, str]


@dataclass(frozen=True)
class Owner:
    """A student as the source knows them: a name, and a number that tells namesakes apart."""

    name: str
    number: str = ""


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


def without_wrapper(
    files: list[File], folders: set[tuple[str, ...]], archive: Catalogue | None
) -> tuple[list[File], set[tuple[str, ...]]]:
    """Take away a folder around all the others, as archives often have one.

    Args:
        files, folders: what there is.
        archive: the notebooks of the course if it is an archive; a folder was chosen by
            a person, who means what stands in it to be students.

    Raises:
        CourseError: the folder may be Gradescope's export or a student's who claims so.
    """
    tops = {file.parts[0] for file in files} | {parts[0] for parts in folders}
    if len(tops) != 1 or any(len(file.parts) == 1 for file in files):
        return files, folders
    inside = {parts[1] for parts in folders if len(parts) > 1}
    direct = [file.name for file in files if len(file.parts) == 2]
    exported = next((file for file in files if file.parts[1:] == (METADATA,)), None)
    # A lone student can write such a file, but does not choose how their own folder is called.
    if exported and not all(map(GRADESCOPE.match, tops)):
        raise CourseError(
            f"{exported.place}: if the folder with this file is an export of Gradescope, "
            "give that folder itself; if it is a student's, remove the file"
        )
    wrapped = (
        exported is not None
        or any(CANVAS.fullmatch(name) or BLACKBOARD.fullmatch(name) for name in direct)
        or any(MOODLE.fullmatch(name) for name in (*direct, *inside))
        or tops == {"submitted"}
    )
    if archive and len(inside) > 1 and not any(map(NOTEBOOK_FILE.fullmatch, direct)):
        wrapped = wrapped or not any(archive.by_name(name).notebook for name in inside)
    if not wrapped:
        return files, folders
    return (
        [replace(file, parts=file.parts[1:]) for file in files],
        {parts[1:] for parts in folders if len(parts) > 1},
    )


class Sources:
    """Tells whose each file is, by the names that the sources give to files.

    Attributes:
        metadata: of Gradescope's export, by folder.
        members: all students that it names, by what it says of them.
    """

    def __init__(self, files: Sequence[File], catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.metadata: dict[str, Any] = {}
        self.times = {file.parts[:-1]: file for file in files if file.name == "timestamp.txt"}
        for file in files:
            if file.parts == (METADATA,):
                self.metadata = _gradescope_metadata(file)
        entries = self.metadata.values()
        self.members = _owners(person for entry in entries for person in _submitters(entry))

    def of(self, file: File) -> Iterator[Handed]:
        """Yield what a file is: nothing, a student's, or a group's."""
        if file.name in ("timestamp.txt", METADATA):
            return
        if file.parts[0] in self.metadata:
            yield from self._of_gradescope(file)
            return
        handed = self._of_moodle(file)
        if handed is None and len(file.parts) == 1:
            handed = self._of_canvas(file) or self._of_blackboard(file) or self._of_flat(file)
        elif handed is None:
            handed = self._of_tree(file)
        if handed is not None:
            yield handed

    def _of_gradescope(self, file: File) -> Iterator[Handed]:
        entry = self.metadata[file.parts[0]]
        group = [self.members[person] for person in _submitters(entry)]
        time = _time(entry.get(":created_at") if isinstance(entry, dict) else None)
        for owner in group:
            others = ", ".join(other.name for other in group if other != owner)
            notes = (f"Handed in together with {others}.",) if others else ()
            if owner.number:
                notes += (
                    f"Gradescope gives several people the id {owner.name}; "
                    f"see in {METADATA} whose {file.parts[0]} is.",
                )
            yield Handed(owner, file, file.name, time, notes)
        if not group:
            notes = (f"{METADATA} does not say whose {file.parts[0]} is.",)
            yield Handed(Owner(file.parts[0]), file, file.name, time, notes)

    def _of_moodle(self, file: File) -> Handed | None:
        # Only the outermost name is Moodle's; students make folders within theirs.
        found = MOODLE.fullmatch(file.parts[0])
        if not found:
            return None
        name = file.name if len(file.parts) > 1 else found["file"] or file.name
        return Handed(Owner(found["name"], found["number"]), file, name, labelled=True)

    def _of_canvas(self, file: File) -> Handed | None:
        found = CANVAS.fullmatch(file.name)
        if not found:
            return None
        name = found["anonymous"] or f"{found['name']}_{found['number']}"
        late = ("Canvas marks it as late.",) if found["late"] or found["later"] else ()
        return Handed(Owner(name), file, found["file"], notes=late, labelled=True)

    def _of_blackboard(self, file: File) -> Handed | None:
        found = BLACKBOARD.fullmatch(file.name)
        if not found:
            return None
        try:
            time = datetime.strptime(found["time"], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
        except ValueError:
            time = None
        notes = ()
        if re.search(ATTEMPT, found["file"]):
            what = "a name that looks like Blackboard's for another attempt"
            notes = (f"Handed in under {what}: {found['file']}.",)
        return Handed(Owner(found["name"]), file, found["file"], time, notes, labelled=True)

    def _of_flat(self, file: File) -> Handed | None:
        """Take a file of a flat folder: beside the notebook's name stands the student's."""
        handed = Handed(Owner(""), file, file.name, labelled=True)
        if handed.stem is None:
            # A student's folder that is a link is listed as a file that cannot be read.
            folder = file.problem and "." not in file.name
            return Handed(Owner(file.name), file, file.name) if folder else None
        rest = self.catalogue.by_name(handed.stem).rest
        if NO_NAME.fullmatch(rest):
            problem = "the file name does not say whose it is; add the student's name to it"
            return replace(handed, owner=Owner(handed.stem), problem=problem)
        return replace(handed, owner=Owner(rest))

    def _of_tree(self, file: File) -> Handed:
        # The outermost one is the collector's; students may put others into what they hand in.
        folders = (file.parts[:depth] for depth in range(1, len(file.parts)))
        stamp = next((self.times[folder] for folder in folders if folder in self.times), None)
        time, notes = None, ()
        if stamp:
            try:
                time = _time(stamp.read()[:100].decode("ascii").strip())
            except (CourseError, UnicodeDecodeError):
                time = None
            if time is None:
                notes = ("Its timestamp.txt does not hold a time.",)
        return Handed(Owner(file.parts[0]), file, file.name, time, notes)


class _GradescopeLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML's safe loader (the quick one where there is one), for what Ruby writes."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    """Read an object of Ruby as the plain data it is written as."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_GradescopeLoader.add_multi_constructor("!ruby/", _plain)


def _gradescope_metadata(file: File) -> dict[str, Any]:
    """Return what Gradescope's export says of each of its folders.

    Raises:
        CourseError: the file cannot be read.
    """
    try:
        text = file.read()
    except CourseError as error:
        raise CourseError(f"{file.place}: {error.message}") from None
    try:
        metadata = yaml.load(text, Loader=_GradescopeLoader)
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


def _time(value: object) -> datetime | None:
    """Return a time of a source in UTC, or None if it is none.

    nbgrader's own function takes an offset for seconds, so it is not used.
    """
    if isinstance(value, dict):  # a Rails time: the same moment twice, and a zone
        value = value.get("utc") or value.get("time")
    try:
        time = _parsed(value) if isinstance(value, str) else value
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
        return None


def _parsed(text: str) -> datetime:
    """Return the time that a text gives, with the zone it names.

    Raises:
        KeyError, OSError, ValueError: it gives none, or nobody knows the zone.
    """
    found = TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(text)
    time, zone = found.groups()
    if not zone or zone in ("Z", "UTC", "GMT"):
        return datetime.fromisoformat(time)
    if zone[0] in "+-":
        return datetime.fromisoformat(time + zone)
    return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone))


def give_ids(owners: Sequence[Owner]) -> dict[Owner, str]:
    """Return an id for each student; different ones are never the same on any system."""
    namesakes: dict[str, list[Owner]] = defaultdict(list)
    for owner in dict.fromkeys(owners):
        namesakes[safe_name(owner.name).casefold()].append(owner)
    ids: dict[Owner, str] = {}
    for group in namesakes.values():
        for owner in group:
            name = safe_name(owner.name)
            # The name that needed no change keeps it; the others get what stays the same.
            if len(group) > 1 and (owner.number or name != owner.name):
                mark = hashlib.sha256(owner.name.encode()).hexdigest()[:6]
                name += f"_{owner.number or mark}"
            ids[owner] = name
    return _told_apart(ids)


def _told_apart(ids: dict[Owner, str]) -> dict[Owner, str]:
    """Return ids of which no two differ only in case, or not at all."""
    used: set[str] = set()
    apart: dict[Owner, str] = {}
    for owner, name in sorted(ids.items(), key=lambda item: (item[0].name, item[0].number)):
        tries = 0
        while name.casefold() in used:
            tries += 1
            text = f"{owner.name}/{owner.number}/{tries}"
            name = f"{ids[owner]}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
        used.add(name.casefold())
        apart[owner] = name
    return apart


def safe_name(name: str) -> str:
    """Return a name as a file or folder can be called on every system.

    Letters of all alphabets stay; spaces and signs become underscores.
    """
    letters = []
    for letter in unicodedata.normalize("NFC", name):
        mark = unicodedata.category(letter).startswith("M")
        letters.append(letter if letter.isalnum() or mark or letter in "_.@-" else "_")
    safe = re.sub(r"_{2,}", "_", "".join(letters)).strip("_.-")[:60].rstrip("_.-") or "student"
    return f"{safe}_" if RESERVED.fullmatch(safe) else safe
