"""The nbgrader course directory: its configuration and its release."""

from __future__ import annotations

import ast
import logging
import re
import warnings
from pathlib import Path

from nbgrader import utils
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader

from autograder.checks import FOLDER
from autograder.course.config import Course
from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.inside.limits import CELL_SECONDS
from autograder.text import telling_line

CONFIG = '''\
"""Configuration of nbgrader. Built by `course build`; edit nbgrader_config_local.py instead."""

import os
from pathlib import Path

from autograder.course.compose import student_preprocessors

# Where the kernels find the checks, unless the course has moved.
if Path({checks!r}).is_dir():
    os.environ[{variable!r}] = {checks!r}

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course_id!r}
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
{gradebook}\
c.GenerateAssignment.preprocessors = student_preprocessors()
# A check has its own limit, 10 or 20 s; this one is for the student's cells.
c.Execute.timeout = {seconds}
c.Execute.extra_arguments = ["--IPKernelApp.log_level=CRITICAL"]
c.OverwriteCells.add_missing_cells = True
# Rubrics above the written answers in formgrader, and only there.
c.HTMLExporter.preprocessors = ["autograder.results.gradebook.rubric_in_view.RubricInView"]

local = Path(__file__).with_name("nbgrader_config_local.py")
if local.is_file():
    exec(local.read_text(encoding="utf-8"))
'''


def folder(course: Course) -> Path:
    """Return the course directory that `course build` keeps."""
    return course.build / "nbgrader"


def write_config(course: Course, place: Path | None = None, url: str | None = None) -> None:
    """Write nbgrader_config.py into a course directory.

    Args:
        course: the course.
        place: the course directory, by default the built one.
        url: of the gradebook. Without it the one that the file names stays, so that no
            run forgets where an earlier one put the grades; a new file names none, which
            means gradebook.db in the course directory.
    """
    path = (place or folder(course)) / "nbgrader_config.py"
    url = url or configured_gradebook(path)
    course_id = "".join(letter if letter.isalnum() else "_" for letter in course.title.lower())
    text = CONFIG.format(
        course_id=course_id,
        seconds=CELL_SECONDS,
        checks=str(course.checks.resolve()),
        variable=FOLDER,
        gradebook=f"c.CourseDirectory.db_url = {url!r}\n" if url else "",
    )
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        secret = url and make_url(url).password
        replace_file(path, text, mode=0o600 if secret else 0o666)


def configured_gradebook(path: Path) -> str | None:
    """Return the URL of the gradebook that our nbgrader_config.py names, if it names one."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    line = re.search(r"^c\.CourseDirectory\.db_url = (.+)$", text, re.MULTILINE)
    return ast.literal_eval(line[1]) if line else None


def load_config(place: Path) -> Config:
    """Return the configuration of a course directory, the instructor's own part included."""
    return PyFileConfigLoader("nbgrader_config.py", path=str(place.resolve())).load_config()


def quieten() -> None:
    """Silence what nbgrader logs; failures are told by their own messages."""
    # nbgrader's own use of SQLAlchemy; nothing that a person who grades could mend.
    warnings.filterwarnings("ignore", category=SAWarning)
    for noisy in ("nbgrader", "traitlets"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def release(place: Path, name: str) -> Path:
    """Return the path of a notebook's release in a course directory."""
    return place / "release" / name / f"{name}.ipynb"


def open_api(place: Path) -> NbGraderAPI:
    """Return nbgrader's Python interface to a course directory."""
    config = load_config(place)
    quieten()
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def generate_release(course: Course, name: str, place: Path | None = None) -> None:
    """Run ``nbgrader generate_assignment``: the release, and the checks in the gradebook.

    The due date of course.toml goes into the gradebook, too; without one what an instructor
    has set in formgrader stays.

    Raises:
        CourseError: nbgrader refused, for instance to change a graded assignment.
    """
    api = open_api(place or folder(course))
    result = api.generate_assignment(name, force=True)
    if not result["success"]:
        raise CourseError(f"nbgrader generate_assignment {name} failed: {reason(result)}")
    if due := utils.parse_utc(course.assignment(name).due):
        with api.gradebook as gradebook:
            gradebook.update_or_create_assignment(name, duedate=due)


def reason(result: dict) -> str:
    """Return the telling line of what nbgrader's interface gives for a failure."""
    return telling_line(result.get("error") or result.get("log") or "")
