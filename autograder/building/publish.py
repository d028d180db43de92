"""Write the student repository: what students get, in a folder to push to where they clone it.

Everything is made and scanned for leaks before the first file is written. A file that has not
changed stays as it is, so that git shows only what has. ``.course-published`` in the folder names
the files that were written, with their hashes: those that are no longer published go, and
everything else there, git's own folder for one, is left alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import jinja2
import yaml

from autograder.building.build import stale, update_releases
from autograder.course import leaks
from autograder.course.compose import Built, compose
from autograder.course.config import Course
from autograder.course.master import Master
from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.inside import joining
from autograder.text import some_of

LISTING = ".course-published"
LICENCES = ("LICENSE", "LICENSE-TEXT.md")
# What the notebooks import or run in; graders need more.
STUDENT_PACKAGES = (
    "ipywidgets",
    "jupyterlab",
    "matplotlib",
    "scikit-image",
    "torch",
    "torchvision",
)
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Changes:
    """What publishing did, as paths in the student repository."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def publish(
    course: Course, dest: Path, names: list[str], say: Callable[[str], None], *, force: bool = False
) -> Changes:
    """Write the student repository, and bring nbgrader's release directory up to date.

    Args:
        course: the course.
        dest: the folder; it is made if it is not there.
        names: of the notebooks to publish.
        say: called with a line about each step.
        force: whether to overwrite files that are in the way.

    Raises:
        CourseError: notebooks/ is stale, something leaks, or files of the folder would be lost;
            then nothing is written.
    """
    _check_place(course, dest)
    built = [compose(course, name) for name in course.names]
    if lines := stale(course, built):
        raise CourseError(f"{lines[0]}; run `course build`, look at it, commit it, and try again")
    masters = [each.master for each in built]
    files = student_files(course, [each for each in built if each.master.name in names])
    refuse_leaks(files, masters)
    repository = Repository(dest)
    repository.check(files, force)
    update_releases(course, built, say)
    return repository.update(files)


def student_files(course: Course, built: list[Built]) -> dict[str, bytes]:
    """Return the files of the student repository, by path, with some of the notebooks.

    Raises:
        CourseError: a file is missing.
    """
    paths = [course.notebooks / f"{each.master.name}.ipynb" for each in built]
    paths += [course.notebooks / joining.FILE, course.root / "environment.yml"]
    paths += data_files(course)
    paths += [course.root / name for name in LICENCES if (course.root / name).is_file()]
    files = {}
    for path in paths:
        if not path.is_file():
            raise CourseError("students need this file, and it is missing", path)
        files[path.relative_to(course.root).as_posix()] = path.read_bytes()
    if "data/README.md" in files:
        files["data/README.md"] = _without_sections(files["data/README.md"], files)
    files["README.md"] = readme(course, [each.master for each in built]).encode()
    return files


def data_files(course: Course) -> list[Path]:
    """Return what the notebooks load and its README, without the scripts that made it.

    Folders in data/ are what the helper has downloaded.
    """
    found = sorted((course.data).glob("[!.]*"))
    return [path for path in found if path.is_file() and path.suffix != ".py"]


def _without_sections(text: bytes, files: dict[str, bytes]) -> bytes:
    """Return data/README.md without the sections of files that are not published."""
    first, *sections = re.split(r"^(?=## )", text.decode("utf-8"), flags=re.MULTILINE)
    kept = [s for s in sections if f"data/{s.splitlines()[0].removeprefix('## ')}" in files]
    return (first + "".join(kept)).rstrip("\n").encode() + b"\n"


def readme(course: Course, masters: list[Master]) -> str:
    """Return the student repository's README: the notebooks, their dates, how to start."""
    path = course.root / "environment.yml"
    try:
        environment = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = environment["name"]
        pip: list[str] = next(
            (d["pip"] for d in environment["dependencies"] if isinstance(d, dict)), []
        )
    except (yaml.YAMLError, KeyError, TypeError):
        raise CourseError(
            "it is not an environment of conda with name and dependencies", path
        ) from None
    needed = [each for each in pip if re.split(r"[<>=~! ]", each)[0] in STUDENT_PACKAGES]
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    ).get_template("student_readme.md.j2")
    return template.render(
        course=course,
        environment=name,
        needed=needed,
        notebooks=[(course.assignment(master.name), title_of(master)) for master in masters],
    )


def title_of(master: Master) -> str:
    """Return the heading of a notebook, without marks of Markdown."""
    first = next((line for line in master.cells[0].source.splitlines() if line.strip()), "")
    return first.lstrip("# ").strip() or master.name


def refuse_leaks(files: dict[str, bytes], masters: list[Master]) -> None:
    """Scan files in a folder of their own.

    Raises:
        CourseError: one shows what students must not see.
    """
    with tempfile.TemporaryDirectory(prefix="publish-") as folder:
        for name, data in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        try:
            leaks.scan(Path(folder), masters)
        except CourseError as error:
            where = error.path.relative_to(folder) if error.path else None
            raise CourseError(f"{error.message}; nothing is published", where) from None


class Repository:
    """The folder that students clone, and what an earlier ``course publish`` put there.

    Attributes:
        folder: where it is.
        known: the fingerprint of every file that was published, by path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, str] = {}
        listing = folder / LISTING
        if listing.is_file():
            try:
                self.known = dict(json.loads(listing.read_text(encoding="utf-8")))
            except (ValueError, TypeError):
                raise CourseError(
                    "it is not as `course publish` wrote it; restore it, or delete it and use "
                    "--force",
                    listing,
                ) from None

    def place(self, name: str) -> Path:
        """Return where a file is or goes.

        Raises:
            CourseError: a link or an odd name leads out of the folder.
        """
        path = self.folder / PurePosixPath(name)
        if ".." in path.parts or not path.parent.resolve().is_relative_to(self.folder.resolve()):
            raise CourseError(f"{name} leads out of the folder; nothing is published", self.folder)
        return path

    def check(self, files: dict[str, bytes], force: bool) -> None:
        """See that all files can be written, and that nobody else's work is lost.

        Args:
            files: what is to be published, by path.
            force: whether what somebody else wrote may be lost.

        Raises:
            CourseError: it would be; the message names the files.
        """
        lost = []
        for name in sorted(files.keys() | self.known.keys()):
            path = self.place(name)
            if path.is_dir():
                raise CourseError("a folder stands where a file goes; move it away", path)
            if path.is_file() or path.is_symlink():
                there = fingerprint(path.read_bytes()) if path.is_file() else None
                wanted = fingerprint(files[name]) if name in files else None
                if there not in (wanted, self.known.get(name)):
                    lost.append(name)
        if lost and not force:
            names = some_of(lost, SHOWN)
            raise CourseError(
                f"written or edited by hand, not by `course publish`: {names}; move it away, or "
                "overwrite it with --force",
                self.folder,
            )

    def update(self, files: dict[str, bytes]) -> Changes:
        """Write what differs and remove what is no longer published."""
        written, removed = [], []
        for name, data in files.items():
            if self._write(name, data):
                written.append(name)
        for name in sorted(self.known.keys() - files.keys()):
            path = self.place(name)
            if path.is_file() or path.is_symlink():
                path.unlink()
                removed.append(name)
                _remove_empty(path.parent, self.folder)
        listing = {name: fingerprint(files[name]) for name in sorted(files)}
        self._write(LISTING, (json.dumps(listing, indent=1) + "\n").encode())
        return Changes(tuple(written), tuple(removed), len(files) - len(written))

    def _write(self, name: str, data: bytes) -> bool:
        path = self.place(name)
        if path.is_file() and fingerprint(path.read_bytes()) == fingerprint(data):
            return False
        replace_file(path, data)
        return True


def fingerprint(data: bytes) -> str:
    """Return a hash of a file; line ends do not count, because git changes them on Windows."""
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _check_place(course: Course, dest: Path) -> None:
    """See that the folder is none of the instructor's.

    Raises:
        CourseError: it is.
    """
    place, root = dest.resolve(), course.root.resolve()
    if dest.exists() and not dest.is_dir():
        raise CourseError("this is a file; give a folder", dest)
    inside = place.is_relative_to(root) and not place.is_relative_to(root / "build")
    if inside or root.is_relative_to(place):
        raise CourseError(
            "this is the instructors' repository; give a folder outside it, such as a clone of "
            f"{course.repository}",
            dest,
        )
