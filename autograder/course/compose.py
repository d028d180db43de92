"""Compose notebooks from a master: nbgrader's source, the student copy, the solution.

nbgrader's own preprocessors make the student copy from the source, here as in
``nbgrader generate_assignment``; the course adds a stub that names its exercise.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import (
    ClearSolutions,
    IncludeHeaderFooter,
    InstantiateTests,
    SaveCells,
)
from traitlets import Unicode

from autograder.checks import Check
from autograder.course.config import Assignment, Course
from autograder.course.master import (
    BEGIN_RUBRIC,
    END_RUBRIC,
    Cell,
    Master,
    load_master,
    without_markers,
    without_regions,
)
from autograder.text import in_points

ANSWER_HERE = "*Write your answer here.*"
COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
NEEDS_GRADEBOOK = (IncludeHeaderFooter, InstantiateTests, SaveCells)
LANGUAGE_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HELPER_NAMES = re.compile(
    r"\b(check|expect|expect_close|expect_equal|expect_written_by_hand|inside|parameter|plain"
    r"|numbers)\("
)


class NamedStubs(ClearSolutions):
    """nbgrader's ClearSolutions with a stub that names its exercise and its method."""

    text_stub = Unicode(ANSWER_HERE).tag(config=True)

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int):
        exercise = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        self.code_stub = {"python": stub(exercise)}
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.cell_type == "code":
            cell.source = with_methods_named(cell.source, exercise)
        return cell, resources


def stub(exercise: str) -> str:
    """Return the lines that stand in a student notebook instead of a solution region."""
    return (
        "# Replace the next line with your code.\n"
        f'raise NotImplementedError("{exercise} is not written yet.")'
    )


def with_methods_named(source: str, exercise: str) -> str:
    """Return the source of a class with the method's name in the stub of each method."""
    name, lines = exercise, []
    for line in source.splitlines():
        method = re.match(r" {4}def (\w+)\(", line)
        name = f"{exercise}.{method[1]}" if method else name
        lines.append(line.replace(f'("{exercise} is not written', f'("{name} is not written'))
    return "\n".join(lines)


def student_preprocessors() -> list[type]:
    """Return the preprocessors that make a student copy, for nbgrader's configuration."""
    defaults = GenerateAssignment.preprocessors.default_args[0]
    return [NamedStubs if kind is ClearSolutions else kind for kind in defaults]


def source_notebook(course: Course, master: Master) -> NotebookNode:
    """Return nbgrader's source notebook: solutions, rubrics, and hidden checks by name."""
    cells: list[NotebookNode] = []
    for number, cell in enumerate(master.cells):
        cells.append(_source_cell(cell))
        if cell.exercise:
            cells += _check_cells(master, cell.exercise)
        if number == 0:
            assignment = course.assignment(master.name)
            cells += [_due_cell(course, assignment, master), _setup_cell(course)]
    return _notebook(cells)


def student_notebook(source: NotebookNode) -> NotebookNode:
    """Return the student copy of a source notebook, as generate_assignment would."""
    notebook = copy.deepcopy(source)
    resources: dict = {}
    for kind in student_preprocessors():
        if kind not in NEEDS_GRADEBOOK:
            notebook, resources = kind().preprocess(notebook, resources)
    return notebook


def solution_notebook(course: Course, master: Master) -> NotebookNode:
    """Return the notebook with solutions and model answers, without checks and rubrics."""
    cells = []
    for cell in master.cells:
        source = without_markers(without_regions(cell.source, BEGIN_RUBRIC, END_RUBRIC))
        make = new_code_cell if cell.is_code else new_markdown_cell
        metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        cells.append(make(source.strip("\n"), metadata=metadata))
    return _notebook(cells)


@dataclass(frozen=True)
class Built:
    """What a master gives before anything is written to the repository."""

    master: Master
    source: NotebookNode
    student: NotebookNode
    solution: NotebookNode


def compose(course: Course, name: str) -> Built:
    """Parse a master and compose its notebooks in memory.

    Raises:
        CourseError: the master or its checks are wrong.
    """
    master = load_master(course, name)
    source = source_notebook(course, master)
    return Built(master, source, student_notebook(source), solution_notebook(course, master))


def dumps(notebook: NotebookNode) -> str:
    """Return the text of a notebook file as nbgrader writes it."""
    return nbformat.writes(notebook, version=4) + "\n"


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    for cell, name in zip(cells, _unique_ids(cells), strict=True):
        cell["id"] = name
    return new_notebook(cells=cells, metadata=copy.deepcopy(LANGUAGE_METADATA))


def _unique_ids(cells: list[NotebookNode]) -> Iterator[str]:
    """Yield cell ids that change only with their own cell, so that diffs stay small."""
    used: set[str] = set()
    for cell in cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        name = grade_id or hashlib.sha1(cell.source.encode()).hexdigest()[:12]
        while name in used:
            name += "x"
        used.add(name)
        yield name


def _source_cell(cell: Cell) -> NotebookNode:
    metadata: dict = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    if cell.exercise:
        metadata["nbgrader"] = _nbgrader(cell.exercise, solution=True)
    if cell.written:
        points = cell.metadata["points"]
        metadata["nbgrader"] = _nbgrader(cell.written, solution=True, points=points)
    make = new_code_cell if cell.is_code else new_markdown_cell
    return make(cell.source, metadata=metadata)


def _check_cells(master: Master, exercise: str) -> list[NotebookNode]:
    cells = []
    checks = master.checks_of(exercise)
    hidden = [key for key, check in checks.items() if check.hidden]
    for key, check in checks.items():
        if check.hidden:
            number = f"{hidden.index(key) + 1} of {len(hidden)}"
            text = hidden_cell_text(master.name, key, check, number)
        else:
            text = public_cell_text(check)
        metadata = {"nbgrader": _nbgrader(key, points=check.points)}
        cells.append(new_code_cell(text, metadata=metadata))
    return cells


def public_cell_text(check: Check) -> str:
    """Return the cell that shows and runs a public check."""
    names = sorted(set(HELPER_NAMES.findall(check.source)))
    note = '# inside("a.b") is the library\'s a.b, wherever your code runs.\n'
    points = in_points(check.points)
    return (
        f"# Public check of {check.exercise} ({points}). Run it; it cannot be edited.\n"
        f"{note if 'inside' in names else ''}"
        f"from course_helper import {', '.join(names)}\n\n\n{check.source.strip()}"
    )


def hidden_cell_text(notebook: str, key: str, check: Check, number: str) -> str:
    """Return the cell of a hidden check; nbgrader cuts its region from the student copy.

    The region names the check and does not hold it, because nbgrader's feedback
    shows the region.
    """
    return (
        f"# Hidden check {number} of {check.exercise} ({in_points(check.points)}). "
        "It runs when your notebook is graded.\n"
        "### BEGIN HIDDEN TESTS\n"
        "from autograder.judging.stock import judge_here\n\n"
        f'judge_here("{notebook}", "{key}", globals())\n'
        "### END HIDDEN TESTS"
    )


def _nbgrader(key: str, *, solution: bool = False, points: float | None = None) -> dict:
    graded = {"points": points} if points is not None else {}
    return {
        "grade": points is not None,
        "grade_id": key,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        **graded,
    }


def _due_cell(course: Course, assignment: Assignment, master: Master) -> NotebookNode:
    lines = [f"*{course.title}, {course.term}.*"]
    if assignment.due:
        lines.append(f"Due {assignment.due_text}.")
    written = sum(master.written.values())
    parts = f"{master.points:g} by checks" + (f", {written:g} for written answers" * bool(written))
    total = f"{master.points + written:g}"
    if assignment.points:
        lines.append(f"Worth {in_points(assignment.points)}. It is graded out of {total}: {parts}.")
    else:
        lines.append(f"{total} points: {parts}.")
    address = course.colab(assignment.name)
    badge = f"[![Open in Colab]({COLAB_BADGE})]({address})\n\n" if address else ""
    return new_markdown_cell(badge + "  \n".join(lines))


def _setup_cell(course: Course) -> NotebookNode:
    return new_code_cell(
        "# Set-up. In Colab this fetches the course files; elsewhere it does nothing.\n"
        "import os\n"
        "import subprocess\n"
        "import sys\n"
        "\n"
        'if "google.colab" in sys.modules and not os.path.exists("course_helper.py"):\n'
        '    if not os.path.exists("course"):\n'
        f'        address = "{course.repository}"\n'
        "        subprocess.run("
        '["git", "clone", "--quiet", "--depth", "1", address, "course"], check=True)\n'
        '    os.chdir("course/notebooks")\n'
        '    sys.path.insert(0, "")'
    )
