"""Cells of a notebook file, and what their metadata say to graders."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from nbformat import NotebookNode


def nbgrader_settings(cell: NotebookNode) -> dict:
    """Return nbgrader's metadata of a released cell; {} if it has none."""
    return cell.metadata.get("nbgrader", {})


def grade_id(cell: NotebookNode) -> str:
    """Return the id by which nbgrader knows a cell; "" if it knows none."""
    return nbgrader_settings(cell).get("grade_id") or ""


def is_run(cell: NotebookNode) -> bool:
    """Tell whether graders run a cell."""
    return cell.cell_type == "code" and "skip-execution" not in cell.metadata.get("tags", ())


def with_answers(student: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Return a copy of a student notebook with answers typed into it.

    Args:
        student: the student copy.
        answers: from the id of an exercise or written question to the text of its cell.
    """
    notebook = copy.deepcopy(student)
    for cell in notebook.cells:
        key = grade_id(cell)
        if key in answers:
            cell.source = answers[key]
    return notebook
