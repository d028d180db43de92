"""Find the submissions as they come: nbgrader's tree, a plain tree, or a download.

Known are, each as a folder or as a zip archive:

- nbgrader's ``submitted/``: ``STUDENT/NOTEBOOK/NOTEBOOK.ipynb`` with ``timestamp.txt``;
- a folder a student: ``STUDENT/NOTEBOOK.ipynb``;
- a flat folder of files that name notebook and student: ``NOTEBOOK_STUDENT.ipynb``;
- Canvas: ``leejohn_LATE_12345_67890_NOTEBOOK-2.ipynb``, without LATE if in time, with
  ``anon_x1y2z`` for name and number if anonymous;
- Moodle: ``John Lee_12345_assignsubmission_file_/NOTEBOOK.ipynb`` (newer ones without
  the last underscore), or flat, with another underscore for the slash;
- Blackboard: ``ASSIGNMENT_jlee_attempt_2026-11-01-12-00-00_NOTEBOOK.ipynb``;
- Gradescope's export: ``submission_123/NOTEBOOK.ipynb`` and ``submission_metadata.yml``.

A student chooses what is in their folder and what their file is called. So whose it is, only
the outermost folder tells, or of a flat download the first mark of the system in the name;
and when, the outermost ``timestamp.txt``.

Which student: Canvas's name with its number (both stay the same all year), Blackboard's
user name, Moodle's name (its number changes with every assignment and serves only to
tell two of one name apart), Gradescope's student id, else e-mail address, else name (people
of whom it is the same are told apart, with a note); a group's submission counts for each of
the group. Times without a zone are taken as UTC, as nbgrader does.

Which notebook: the file name tells, else the name of its folder, else the content. A
file whose content is another notebook's has a problem that says so.

A student who is there without the notebook asked for (``only``) gets a submission with
that problem, as do students who handed in files but no notebook at all. An empty folder
says nothing if no notebook is asked for. Files beside notebooks are ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from nbformat import NotebookNode

from autograder.errors import CourseError
from autograder.intake.catalogue import Catalogue, Named
from autograder.intake.listing import File, list_files
from autograder.intake.sources import give_ids
from autograder.intake.systems import students_and_files
from autograder.intake.systems.base import Handed, Listing
from autograder.text import some_of

MOST_NAMES = 3
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz")


@dataclass(frozen=True)
class Submission:
    """What a student handed in for one notebook.

    Attributes:
        student: the id in the gradebook; a safe file name.
        notebook: its full name, such as 04_convolution_filtering; "" if it cannot be told.
        place: where it comes from, for messages.
        submitted: when, in UTC, if the source says so.
        notes: what a person should know, a sentence each.
        problem: why it cannot be graded, else "". A file of the right name that begins like
            that notebook is not read to its end, so read() may still find it damaged.
        file: what read() reads; None if there is nothing.
    """

    student: str
    notebook: str
    place: str
    submitted: datetime | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""
    file: File | None = field(default=None, repr=False)

    def read(self) -> bytes:
        """Return the notebook file.

        Raises:
            CourseError: it is too large, cannot be read, or there is none.
        """
        if self.problem or self.file is None:
            raise CourseError(self.problem or "there is no file")
        return self.file.read()


def find_submissions(
    place: Path, releases: Mapping[str, NotebookNode], only: str | None = None
) -> list[Submission]:
    """Return the submissions of a folder or a zip archive, by student and notebook.

    Args:
        place: the folder or archive.
        releases: the student copies of all notebooks of the course, by full name.
        only: the full name of the one notebook to grade; the others are left out.

    Raises:
        CourseError: the place is missing or cannot be read, or holds no such notebook.
    """
    catalogue = Catalogue(releases)
    listed, folders = list_files(place)
    handed, owners = students_and_files(Listing(listed, folders, catalogue, place.is_file()))
    students = give_ids(owners)
    by_owner = defaultdict(list)
    for each in handed:
        by_owner[each.owner].append(each)
    contents = _Contents(catalogue)
    found: list[Submission] = []
    for owner, student in students.items():
        found += _of_student(student, by_owner[owner], contents, only)
    if not any(each.file for each in found):
        raise CourseError(_nothing(listed, only), place)
    return sorted(found, key=lambda each: (each.student, each.notebook))


def _nothing(files: Sequence[File], only: str | None) -> str:
    """Return the message for a place without any notebook."""
    if len(files) == 1 and files[0].name.lower().endswith(ARCHIVES):
        return f"no notebook in it, only {files[0].name}; give that archive itself"
    what = f"no submission of {only} in it" if only else "no notebook in it"
    return f"{what}; give a folder with STUDENT/NOTEBOOK.ipynb, or a download as it is"


class _Contents:
    """What the contents of files tell; every file is read once, and its bytes are not kept.

    A class hands in gigabytes, so a submission reads its file again when it is graded. A group's
    file is each member's, and one that only its content tells is not looked into again.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._told: dict[File, str | CourseError | None] = {}

    def notebook_in(self, file: File, called: str | None = None) -> str | None:
        """Return which notebook a file holds, or None if it cannot be told.

        Args:
            file: the file.
            called: the notebook that its name or folder tells, if they do; it is that one
                unless it clearly holds another.

        Raises:
            CourseError: it is too large or cannot be read.
        """
        if file not in self._told:
            self._told[file] = self._look(file, called)
        told = self._told[file]
        if isinstance(told, CourseError):
            raise told
        return told

    def _look(self, file: File, called: str | None) -> str | CourseError | None:
        catalogue = self.catalogue
        try:
            if called is None:
                return catalogue.by_content(file.read())
            # Most files are what they are called, and say so at once.
            data = file.read(enough=partial(catalogue.begins_as, called))
        except CourseError as error:
            return error
        return catalogue.mistaken_for(called, data) or called


@dataclass(frozen=True)
class _Version:
    """One of a student's notebooks.

    Attributes:
        handed: the file.
        named: what its name tells.
        notebook: which one it is, or None.
        certainty: 2 if the file name tells it, 1 if something else does.
    """

    handed: Handed
    named: Named
    notebook: str | None
    certainty: int

    @property
    def order(self) -> tuple:
        """What makes a version a later one than another."""
        file = self.handed.file
        named = self.named
        return (self.certainty, named.version, file.changed, named.copied, file.member, file.parts)


def _of_student(
    student: str, handed: Sequence[Handed], contents: _Contents, only: str | None
) -> Iterator[Submission]:
    """Yield the submissions of one student.

    Args:
        student: the id.
        handed: all files that are theirs.
        contents: tells what the files hold.
        only: the one to grade, or None.
    """
    versions = [_version(each, contents) for each in handed if each.stem is not None]
    told: dict[str, list[_Version]] = defaultdict(list)
    untold = [each for each in versions if each.notebook is None]
    for each in versions:
        if each.notebook is not None and only in (None, each.notebook):
            told[each.notebook].append(each)
    for notebook, group in told.items():
        # With one notebook asked for, a file nobody can tell may have been meant for it.
        aside = _aside(untold) if only else ()
        yield _submission(student, notebook, group, contents, aside)
    if untold and not (only and told):
        yield _untold(student, only, untold)
    elif not told and (only or (handed and not versions)):
        yield _missing(student, only, handed)


def _version(handed: Handed, contents: _Contents) -> _Version:
    """Tell which notebook a file is."""
    catalogue = contents.catalogue
    named = catalogue.by_name(handed.stem or "")
    if named.notebook:
        return _Version(handed, named, named.notebook, 2)
    for folder in reversed(handed.file.parts[:-1]):
        if folder in catalogue.releases:
            return _Version(handed, named, folder, 1)
    try:
        notebook = contents.notebook_in(handed.file)
    except CourseError as error:
        problem = handed.problem or error.message
        return _Version(replace(handed, problem=problem), named, None, 1)
    return _Version(handed, named, notebook, 1)


def _last(group: Sequence[_Version]) -> _Version:
    """Return the version that counts: the last one by time, else by number, else by change."""
    times = [each.handed.submitted for each in group]
    if all(times) and len(set(times)) > 1:
        return max(group, key=lambda each: (each.handed.submitted, each.order))
    return max(group, key=lambda each: each.order)


def _submission(
    student: str,
    notebook: str,
    group: Sequence[_Version],
    contents: _Contents,
    aside: tuple[str, ...],
) -> Submission:
    """Return a student's submission of one notebook."""
    handed = _last(group).handed
    notes = handed.notes
    if len(group) > 1:
        name = handed.file.name
        notes += (f"{len(group)} versions were handed in; the last one ({name}) counts.",)
    problem = handed.problem
    if not problem:
        try:
            other = contents.notebook_in(handed.file, called=notebook)
            if other != notebook:
                problem = f"this is not {notebook} (it looks like {other}); ask for the right file"
        except CourseError as error:
            problem = error.message
    return Submission(
        student,
        notebook,
        handed.file.place,
        handed.submitted,
        (*notes, *aside),
        problem,
        handed.file,
    )


def _aside(untold: Sequence[_Version]) -> tuple[str, ...]:
    if not untold:
        return ()
    names = some_of([each.handed.file.name for each in untold], MOST_NAMES)
    return (f"Left out, because it is no notebook of the course: {names}.",)


def _untold(student: str, only: str | None, untold: Sequence[_Version]) -> Submission:
    """Return the submission that says that nobody can tell what was handed in."""
    last = _last(untold).handed
    names = some_of([each.handed.file.name for each in untold], MOST_NAMES)
    problem = last.problem or (
        f"neither name nor content tells which notebook of the course this is: {names}; "
        "rename it like the notebook"
    )
    place, notes = last.file.place, last.notes
    return Submission(student, only or "", place, last.submitted, notes, problem, last.file)


def _missing(student: str, only: str | None, handed: Sequence[Handed]) -> Submission:
    """Return the submission that says that there is no notebook."""
    others = [each for each in handed if each.stem is None and not each.name.endswith(".py")]
    problem = f"there is no {only}.ipynb" if only else "there is no notebook"
    if others:
        problem += f", only {some_of([each.name for each in others], MOST_NAMES)}"
    if any(each.name.lower().endswith(ARCHIVES) for each in others):
        problem += "; unpack the archive there"
    reasons = [each.file.problem for each in others if each.file.problem]
    place = others[0].file.place if others else student
    return Submission(student, only or "", place, problem=reasons[0] if reasons else problem)
