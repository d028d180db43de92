"""The repository: where its rooms are, and what course.toml says."""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.inside import joining

PACKAGE = Path(__file__).resolve().parent.parent
GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


@dataclass(frozen=True)
class Assignment:
    """One notebook of the course.

    Attributes:
        name: such as 01_pytorch_basics.
        due: when it is due.
        points: what it is worth in the course; without it, what can be earned in it.
    """

    name: str
    due: datetime.datetime | None = None
    points: float | None = None

    @property
    def due_text(self) -> str:
        """When it is due, for people; "" if it never is."""
        return f"{self.due:%A, %d %B %Y, %H:%M} {self.due.tzname()}" if self.due else ""


@dataclass(frozen=True)
class Course:
    """The course and the folders of its repository.

    Attributes:
        root: the repository.
        title, term: shown to students.
        repository: what Colab clones.
        assignments: in course order.
    """

    root: Path
    title: str
    term: str
    repository: str
    assignments: tuple[Assignment, ...]

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def checks(self) -> Path:
        """The folder with a module of checks a notebook, called like its topic."""
        return self.root / "autograder" / "checks"

    @property
    def answers(self) -> Path:
        """The folder with a corpus a notebook, called like its topic."""
        return self.root / "tests" / "answers"

    @property
    def data(self) -> Path:
        """The folder of what the notebooks load; it need not be there."""
        return self.root / "data"

    @property
    def build(self) -> Path:
        return self.root / "build"

    @property
    def helper(self) -> str:
        """The text of course_helper.py, which students get beside the notebooks."""
        return joining.joined()

    def write_helper(self, folder: Path) -> None:
        """Write course_helper.py into a folder, beside which notebooks find it."""
        replace_file(folder / joining.FILE, self.helper)

    @property
    def names(self) -> list[str]:
        return [assignment.name for assignment in self.assignments]

    def colab(self, name: str) -> str:
        """Return the address that opens a notebook in Colab; "" if it cannot.

        Colab opens what is public on GitHub; there the branch must be called main.
        """
        found = GITHUB.fullmatch(self.repository)
        if not found:
            return ""
        place = f"{found[1]}/blob/main/notebooks/{name}.ipynb"
        return f"https://colab.research.google.com/github/{place}"

    def assignment(self, name: str) -> Assignment:
        """Return an assignment; ``01_pytorch_basics``, ``01`` and ``pytorch_basics`` all name it.

        Raises:
            CourseError: no such notebook.
        """
        name = Path(name).name.removesuffix(".ipynb").removesuffix(".py")
        for assignment in self.assignments:
            number, _, topic = assignment.name.partition("_")
            if name in (assignment.name, number, topic):
                return assignment
        known = ", ".join(self.names)
        raise CourseError(f"there is no notebook {name!r}; course.toml lists {known}")


def find_root(start: Path) -> Path:
    """Return the nearest folder from ``start`` upwards that holds course.toml.

    Raises:
        CourseError: there is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "course.toml").is_file():
            return folder
    raise CourseError(f"no course.toml in {start} or above; run `course` inside the repository")


def load_course(root: Path) -> Course:
    """Read and check course.toml.

    Raises:
        CourseError: a key is missing, unknown or of the wrong type.
    """
    path = root / "course.toml"
    try:
        # Editors on Windows may put a byte order mark before the text.
        text = path.read_text(encoding="utf-8-sig")
        table = tomllib.loads(text)
    except UnicodeDecodeError:
        raise CourseError("it is not UTF-8 text; save it as UTF-8", path) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise CourseError(str(error), path, int(line[1]) if line else None) from None
    for key in ("title", "term", "repository"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise CourseError(f'{key} = "..." is missing', path)
    unknown = set(table) - {"title", "term", "repository", "notebooks"}
    if unknown:
        raise CourseError(f"unknown key {sorted(unknown)[0]!r}", path, _line(text, unknown))
    entries = table.get("notebooks")
    if not isinstance(entries, list) or not entries:
        raise CourseError("list at least one notebook under [[notebooks]]", path)
    assignments = tuple(_assignment(entry, path, text) for entry in entries)
    names = [assignment.name for assignment in assignments]
    for name in names:
        if names.count(name) > 1:
            raise CourseError(f"{name} is listed twice", path, _line(text, {name}))
    return Course(root, table["title"], table["term"], table["repository"], assignments)


def _assignment(entry: object, path: Path, text: str) -> Assignment:
    if not isinstance(entry, dict):
        raise CourseError("write each notebook as a table under [[notebooks]]", path)
    name = entry.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"\d\d_[a-z0-9_]+", name):
        raise CourseError(
            f"a notebook's name looks like 01_pytorch_basics, not {name!r}",
            path,
            _line(text, {name}),
        )
    due = entry.get("due")
    if due is not None and not (isinstance(due, datetime.datetime) and due.tzinfo):
        raise CourseError(
            f"due of {name} must be a date and time with an offset, like 2027-02-12T23:59:00Z",
            path,
            _line(text, {name}),
        )
    points = entry.get("points")
    if points is not None and not _is_positive(points):
        raise CourseError(
            f"points of {name} must be a number above zero, like 10", path, _line(text, {name})
        )
    unknown = set(entry) - {"name", "due", "points"}
    if unknown:
        raise CourseError(f"unknown key {sorted(unknown)[0]!r}", path, _line(text, unknown))
    return Assignment(name, due, points)


def _is_positive(value: object) -> bool:
    """Tell whether a value of course.toml, which may be inf, nan or true, is a number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _line(text: str, words: set) -> int | None:
    """Return the first line that holds one of the words."""
    for number, line in enumerate(text.splitlines(), 1):
        if any(str(word) in line for word in words):
            return number
    return None
