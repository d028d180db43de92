"""Begin a notebook: a master, its checks, its corpus and its entry in course.toml."""

from __future__ import annotations

import datetime
import keyword
import re
from collections.abc import Mapping
from pathlib import Path

import jinja2

from autograder.course.config import Course
from autograder.errors import CourseError
from autograder.files import replace_file

TEMPLATES = Path(__file__).resolve().parent / "templates"
UNTIL_DUE = datetime.timedelta(days=14)


def new_notebook(course: Course, name: str) -> list[Path]:
    """Write a small notebook that `course build` and `course prove` accept as it is.

    It has one exercise with a public and two hidden checks, right and wrong answers, and a
    written question, to be replaced piece by piece.

    Args:
        course: the course.
        name: such as 10_attention_maps: the next number and a topic.

    Returns:
        the files; course.toml is the last, and changed last.

    Raises:
        CourseError: the name cannot be used, or one of the files is there.
    """
    _check_name(course, name)
    files = notebook_files(course, name)
    for path in (*files, course.notebooks / f"{name}.ipynb"):
        if path.exists():
            raise CourseError("this file is there already; choose another name", path)
    toml = course.root / "course.toml"
    files[toml] = toml.read_text(encoding="utf-8").rstrip() + "\n\n" + _entry(course, name)
    for path, text in files.items():
        replace_file(path, text)
    return [*files]


def notebook_files(course: Course, name: str) -> dict[Path, str]:
    """Return the texts of a small notebook's master, checks and corpus, by path."""
    number, _, topic = name.partition("_")
    values = {"number": number, "seed": int(number), "title": topic.replace("_", " ").capitalize()}
    paths = {
        "master.py.j2": course.solutions / f"{name}.py",
        "checks.py.j2": course.checks / f"{topic}.py",
        "answers.py.j2": course.answers / f"{topic}.py",
    }
    return {path: rendered(template, values) for template, path in paths.items()}


def rendered(template: str, values: Mapping[str, object]) -> str:
    """Return the text that a template gives with some values."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


def _check_name(course: Course, name: str) -> None:
    """Raise CourseError if a new notebook cannot be called so."""
    numbers = [other.partition("_")[0] for other in course.names]
    following = f"{int(max(numbers)) + 1:02}"
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise CourseError(
            f"a notebook's name is a number and a topic in small letters, such as "
            f"{following}_attention_maps, not {name!r}"
        )
    number, _, topic = name.partition("_")
    if keyword.iskeyword(topic):
        raise CourseError(f"{topic!r} is a word of Python and cannot name a module of checks")
    if number <= max(numbers):
        raise CourseError(
            f"the course has notebooks up to {max(numbers)}; the next one is {following}_{topic}"
        )


def _entry(course: Course, name: str) -> str:
    """Return the lines of course.toml, with a due date to take up: two weeks after the last."""
    last = course.assignments[-1].due or datetime.datetime(2030, 1, 31, 23, 59, tzinfo=datetime.UTC)
    due = (last + UNTIL_DUE).isoformat().replace("+00:00", "Z")
    return f'[[notebooks]]\nname = "{name}"\n# due = {due}\n'
