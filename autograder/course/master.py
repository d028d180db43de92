"""Masters: the jupytext percent scripts in solutions/ that everything is built from.

A master is a notebook with the answers in it. Its cells say what they are by the
metadata on their first line:

    # %% exercise="mse_loss"
        A code cell that defines the function or class mse_loss. Between the lines
        ``### BEGIN SOLUTION`` and ``### END SOLUTION`` stands what students write.
        The cells of its checks follow it in the student notebook.
    # %% [markdown] points=3 written="why"
        The model answer to a written question, between the same two lines, and in
        it the rubric, between ``### BEGIN RUBRIC`` and ``### END RUBRIC``.
    # %% tags=["skip-execution"]
        An exploration cell that graders do not run.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from autograder.checks import Check, load_checks, number_checks, topic_of
from autograder.course.config import Course
from autograder.errors import CourseError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_RUBRIC, END_RUBRIC = "### BEGIN RUBRIC", "### END RUBRIC"
KNOWN_METADATA = {"exercise", "written", "points", "tags"}
KNOWN_TAGS = {"skip-execution"}


@dataclass(frozen=True)
class Cell:
    """One cell of a master: its text, its metadata and the line where it starts."""

    source: str
    is_code: bool
    metadata: dict
    line: int

    @property
    def exercise(self) -> str | None:
        """The id of the exercise that the cell solves, if it does."""
        return self.metadata.get("exercise")

    @property
    def written(self) -> str | None:
        """The id of the written question that the cell answers, if it does."""
        return self.metadata.get("written")


@dataclass(frozen=True)
class Master:
    """A parsed and checked master with its checks.

    Attributes:
        name: such as 01_pytorch_basics.
        path: the script.
        cells: in order.
        checks: in order of the exercises; ids are unique.
    """

    name: str
    path: Path
    cells: tuple[Cell, ...]
    checks: tuple[Check, ...]

    @property
    def exercises(self) -> list[str]:
        """The ids of the exercises, in order."""
        return [cell.exercise for cell in self.cells if cell.exercise]

    @property
    def written(self) -> dict[str, float]:
        """The points of the written questions, by id."""
        return {cell.written: cell.metadata["points"] for cell in self.cells if cell.written}

    @property
    def points(self) -> float:
        """The points of all checks, without the written questions."""
        return sum(check.points for check in self.checks)

    def checks_of(self, exercise: str) -> dict[str, Check]:
        """Return the checks of one exercise by id, public ones first."""
        mine = {k: c for k, c in self._numbered.items() if c.exercise == exercise}
        return dict(sorted(mine.items(), key=lambda item: item[1].hidden))

    @cached_property
    def _numbered(self) -> dict[str, Check]:
        return number_checks(list(self.checks))

    @cached_property
    def checks_by_id(self) -> dict[str, Check]:
        """All checks by id, in the order in which the notebook runs them."""
        return {key: c for name in self.exercises for key, c in self.checks_of(name).items()}


def load_master(course: Course, name: str) -> Master:
    """Parse a master and its checks.

    Raises:
        CourseError: anything about them is wrong; it names the file and the line.
    """
    path = course.solutions / f"{name}.py"
    if not path.is_file():
        raise CourseError("this master does not exist, but course.toml lists it", path)
    cells = parse_cells(path)
    for cell in cells:
        _check_cell(cell, path)
    ids = [cell.exercise or cell.written for cell in cells if cell.exercise or cell.written]
    for cell in cells:
        key = cell.exercise or cell.written
        if key and ids.count(key) > 1:
            raise CourseError(f"the id {key!r} is used twice", path, cell.line)
    exercises = [cell.exercise for cell in cells if cell.exercise]
    checks = _load_checks(course, name, exercises)
    return Master(name, path, tuple(cells), tuple(checks))


def parse_cells(path: Path) -> list[Cell]:
    """Split a percent script into cells.

    Raises:
        CourseError: the script is not valid Python or its first cell has no marker.
    """
    text = path.read_text(encoding="utf-8")
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise CourseError(f"not valid Python: {error.msg}", path, error.lineno) from None
    notebook: NotebookNode = jupytext.reads(text, fmt="py:percent")
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line.startswith("# %%")]
    if len(lines) != len(notebook.cells):
        raise CourseError("there is text before the first cell; start it with # %%", path, 1)
    return [
        Cell(cell.source, cell.cell_type == "code", _own_metadata(cell), line)
        for cell, line in zip(notebook.cells, lines, strict=True)
    ]


def _own_metadata(cell: NotebookNode) -> dict:
    """Return the metadata of a cell without what jupytext adds about blank lines."""
    return {key: value for key, value in cell.metadata.items() if not key.startswith("lines_to_")}


def regions(source: str, begin: str, end: str) -> list[tuple[int, int]]:
    """Return first and last line (from 0) of the marked regions in a text.

    Raises:
        ValueError: the markers do not pair up; its argument is the line.
    """
    found, start = [], None
    for number, line in enumerate(source.splitlines()):
        if line.strip() == begin:
            if start is not None:
                raise ValueError(number)
            start = number
        elif line.strip() == end:
            if start is None:
                raise ValueError(number)
            found.append((start, number))
            start = None
    if start is not None:
        raise ValueError(start)
    return found


def without_regions(source: str, begin: str, end: str) -> str:
    """Return the text without the marked regions and their markers."""
    dropped = {n for first, last in regions(source, begin, end) for n in range(first, last + 1)}
    return "\n".join(line for n, line in enumerate(source.splitlines()) if n not in dropped)


def inside_regions(source: str, begin: str, end: str) -> str:
    """Return the text in the marked regions, without their markers."""
    lines = source.splitlines()
    found = [
        line for first, last in regions(source, begin, end) for line in lines[first + 1 : last]
    ]
    return "\n".join(found)


def without_markers(source: str) -> str:
    """Return the text without the lines that mark solutions."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def _check_cell(cell: Cell, path: Path) -> None:
    unknown = set(cell.metadata) - KNOWN_METADATA
    if unknown:
        known = ", ".join(sorted(KNOWN_METADATA))
        raise CourseError(
            f"unknown cell metadata {sorted(unknown)[0]!r}; known are {known}", path, cell.line
        )
    tags = set(cell.metadata.get("tags", [])) - KNOWN_TAGS
    if tags:
        raise CourseError(f"unknown tag {sorted(tags)[0]!r}", path, cell.line)
    for begin, end in ((BEGIN, END), (BEGIN_RUBRIC, END_RUBRIC)):
        try:
            regions(cell.source, begin, end)
        except ValueError as error:
            line = cell.line + 1 + error.args[0]
            raise CourseError(f"{begin} and {end} do not pair up", path, line) from None
    solved = bool(regions(cell.source, BEGIN, END))
    if solved and not (cell.exercise or cell.written):
        raise CourseError(
            "a solution region needs exercise=... or written=... in its cell", path, cell.line
        )
    if cell.exercise:
        _check_exercise(cell, path, solved)
    if cell.written:
        _check_written(cell, path, solved)
    if "points" in cell.metadata and not cell.written:
        raise CourseError("points belong to a written question or to a check", path, cell.line)


def _check_exercise(cell: Cell, path: Path, solved: bool) -> None:
    if not cell.is_code or not str(cell.exercise).isidentifier():
        raise CourseError(
            f"exercise={cell.exercise!r} must name what its code cell defines", path, cell.line
        )
    definitions = ast.parse(cell.source).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    if len(definitions) != 1 or not isinstance(definitions[0], kinds):
        raise CourseError(
            f"the cell of {cell.exercise} must hold one function or class and nothing else",
            path,
            cell.line,
        )
    definition = definitions[0]
    if definition.name != cell.exercise:
        raise CourseError(f"the cell of {cell.exercise} defines {definition.name}", path, cell.line)
    if not ast.get_docstring(definition):
        raise CourseError(f"{cell.exercise} has no docstring", path, cell.line)
    if not solved:
        raise CourseError(f"{cell.exercise} has no solution region", path, cell.line)


def _check_written(cell: Cell, path: Path, solved: bool) -> None:
    if cell.is_code:
        raise CourseError("a written question is a markdown cell", path, cell.line)
    points = cell.metadata.get("points")
    if not isinstance(points, (int, float)) or points <= 0:
        raise CourseError(f"{cell.written} has no points=...", path, cell.line)
    if not solved or not regions(cell.source, BEGIN_RUBRIC, END_RUBRIC):
        raise CourseError(f"{cell.written} needs a model answer and a rubric", path, cell.line)


def _load_checks(course: Course, name: str, exercises: list[str]) -> list[Check]:
    path = course.solutions / f"{name}.py"
    module = course.checks / f"{topic_of(name)}.py"
    if not module.is_file():
        raise CourseError("there is no such file with its checks", module)
    try:
        checks = load_checks(name, course.checks)
    except SyntaxError as error:
        raise CourseError(
            f"not valid Python: {error.msg}", Path(error.filename or module), error.lineno
        ) from None
    for check in checks:
        _check_check(check, [check.name for check in checks], exercises)
    for exercise in exercises:
        for hidden, word in ((False, "public"), (True, "hidden")):
            if not any(c.exercise == exercise and c.hidden is hidden for c in checks):
                raise CourseError(f"{exercise} has no {word} check", path)
    return checks


def _check_check(check: Check, names: list[str], exercises: list[str]) -> None:
    where, line = check.place
    if names.count(check.name) > 1:
        raise CourseError(f"two checks are called {check.name}", where, line)
    if check.exercise not in exercises:
        raise CourseError(
            f"{check.name} checks {check.exercise!r}, which is no exercise", where, line
        )
    until = exercises[: exercises.index(check.exercise) + 1]
    for parameter in check.parameters:
        if parameter not in until:
            raise CourseError(
                f"{check.name} uses {parameter!r}, which no exercise up to "
                f"{check.exercise} defines",
                where,
                line,
            )
    if not isinstance(check.points, (int, float)) or check.points <= 0:
        raise CourseError(f"{check.name} has no points=...", where, line)
    if not check.hint:
        raise CourseError(f"{check.name} has no hint=...", where, line)
