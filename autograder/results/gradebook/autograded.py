"""The autograded notebook: a submission whose check cells say how they went."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader import utils

from autograder.checks.shared.verdict import Verdict
from autograder.course.cells import grade_id, is_run
from autograder.course.master import Master
from autograder.errors import CourseError
from autograder.inside.student.course_helper import CheckFailed

NO_RESPONSE = "No response."


@dataclass(frozen=True)
class Marks:
    """What nbgrader's SaveAutoGrades reads from an autograded notebook.

    Attributes:
        scores: by the id of a check or written answer; None if a person must grade it.
        comments: by the id of an exercise or written answer; None if there is none.
    """

    scores: dict[str, float | None]
    comments: dict[str, str | None]


def graded_notebook(notebook: NotebookNode, verdicts: Mapping[str, Verdict]) -> NotebookNode:
    """Return the submission as ``nbgrader autograde`` would leave it.

    A failed check has its message as an error, in the form that CheckFailed has in
    Jupyter; a passed one has no output. The cells that run are numbered as a new kernel
    would number them.

    Args:
        notebook: the normalised submission; it is not changed.
        verdicts: on the checks, by id.
    """
    cells, count = [], 0
    used: set[str] = set()
    free = (name for n in itertools.count() if (name := f"cell-{n}") not in used)
    for cell in notebook.cells:
        cell = NotebookNode(cell)  # shallow: only whole fields are replaced below
        if not cell.get("id") or cell.id in used:
            cell["id"] = next(free)
        used.add(cell.id)
        # A half of a surrogate pair, which JSON can hold, has no checksum and no file.
        cell.source = cell.source.encode("utf-8", "replace").decode()
        if is_run(cell):
            count += 1
            verdict = verdicts.get(grade_id(cell)) if utils.is_grade(cell) else None
            outputs = _outputs_of(verdict) if verdict else _numbered(cell.outputs, count)
            cell.update(execution_count=count, outputs=outputs)
        cells.append(cell)
    return NotebookNode({**notebook, "cells": cells})


def text_of(notebook: NotebookNode) -> str:
    """Return the text of a notebook file, one line a cell.

    That is a fifth of the time that nbformat's writer takes, which also validates.
    """
    rest = {key: value for key, value in notebook.items() if key != "cells"}
    cells = ",\n".join(json.dumps(c, ensure_ascii=False, sort_keys=True) for c in notebook.cells)
    return f'{{"cells": [\n{cells}\n],\n{json.dumps(rest, ensure_ascii=False)[1:]}\n'


def _outputs_of(verdict: Verdict) -> list[NotebookNode]:
    if verdict.passed:
        return []
    error = CheckFailed(verdict.message)
    fields = {"ename": "CheckFailed", "evalue": str(error)}
    return [NotebookNode(output_type="error", traceback=error._render_traceback_(), **fields)]


def _numbered(outputs: list[NotebookNode], count: int) -> list[NotebookNode]:
    return [
        NotebookNode({**output, "execution_count": count})
        if output.output_type == "execute_result"
        else output
        for output in outputs
    ]


def marks_of(graded: NotebookNode, master: Master, verdicts: Mapping[str, Verdict]) -> Marks:
    """Return the scores and comments that nbgrader would read from a graded notebook.

    Args:
        graded: made by graded_notebook.
        master: the notebook's master.
        verdicts: on its checks, by id.

    Raises:
        CourseError: a cell of the master's checks, exercises or questions is missing.
    """
    marks = Marks({}, {})
    for cell in graded.cells:
        if utils.is_grade(cell):
            marks.scores[grade_id(cell)] = _score(cell, verdicts.get(grade_id(cell)))
        if utils.is_solution(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
            marks.comments[grade_id(cell)] = NO_RESPONSE if untouched else None
    for key in _missing(marks, master):
        raise CourseError(f"the notebook has lost its cell {key}; normalise it before it is stored")
    return marks


def _score(cell: NotebookNode, verdict: Verdict | None) -> float | None:
    """Return the points of a check by its verdict, and what nbgrader gives for an answer."""
    if verdict is None:
        return utils.determine_grade(cell)[0]
    return verdict.earned(float(cell.metadata.nbgrader.points))


def _missing(marks: Marks, master: Master) -> Iterator[str]:
    yield from (k for k in (*master.checks_by_id, *master.written) if k not in marks.scores)
    yield from (k for k in (*master.exercises, *master.written) if k not in marks.comments)
