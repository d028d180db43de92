"""An otter plugin: cells get a time limit, and checks run where they stand.

Stock otter has neither. Without a limit an endless loop hangs the grading; and it
runs all checks at the end, so that a name used again later breaks an earlier check,
which nbgrader would have passed.
"""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from otter.plugins import AbstractOtterPlugin

from autograder.inside.limits import CELL_SECONDS


class CourseRules(AbstractOtterPlugin):  # type: ignore[misc]  # otter has no types
    """Prepare a submission; ``plugin_config`` maps a check's id to its exercise."""

    def before_execution(self, submission: NotebookNode) -> NotebookNode:
        """Limit every cell, and run tests after an exercise's last check, in place of its cells."""
        exercises: dict[str, str] = self.plugin_config["exercises"]
        last_cells = {}
        for cell in submission.cells:
            check = cell.metadata.get("nbgrader", {}).get("grade_id")
            if check in exercises:
                cell.source = ""  # a check counts the first time it runs, as in nbgrader
                last_cells[exercises[check]] = cell
        for exercise, cell in last_cells.items():
            cell.metadata["otter"] = {"tests": [exercise]}
        package_folder = str(Path(__file__).resolve().parents[2])
        first = new_code_cell(
            f"import sys\nsys.path.insert(0, {package_folder!r})\n"
            "from autograder.judging.stock import limit_cells\n"
            f"limit_cells({CELL_SECONDS})"
        )
        submission.cells.insert(0, first)
        return submission
