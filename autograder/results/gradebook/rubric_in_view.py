"""Show rubric and model answer above each written answer in nbgrader's formgrader.

nbgrader_config.py names the preprocessor for every HTMLExporter, because formgrader offers
no other way in. Feedback goes through the same class; there, and everywhere else but on
formgrader's page of a submission, the preprocessor does nothing.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader.coursedir import CourseDirectory

from autograder.course.cells import grade_id
from autograder.course.master import (
    BEGIN,
    BEGIN_RUBRIC,
    END,
    END_RUBRIC,
    inside_regions,
    without_regions,
)

# Only the handler of formgrader's page gives these to an exporter.
OF_FORMGRADER = {"submission_id", "assignment_id", "notebook_id"}
# nbgrader's pages carry the styles of Bootstrap 3. Text after an empty line is Markdown again.
# The model answer is folded: with a long one the rubric is out of sight beside the points. Its
# triangle, which Bootstrap hides, shows that it can be unfolded.
PANEL = """\
<div class="panel panel-info course-rubric">
<div class="panel-heading">Rubric. Students do not see it.</div>
<div class="panel-body">

{rubric}

<details>
<summary style="display: list-item; cursor: pointer">Model answer</summary>

{answer}

</details>
</div>
</div>
"""


class RubricInView(Preprocessor):
    """Put the rubric of the source notebook above the answer of the submission."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return a notebook with a cell more above each written answer, in formgrader only.

        Args:
            nb: an autograded submission; it is not changed.
            resources: what the exporter was called with.
        """
        if not set(resources) >= OF_FORMGRADER:
            return nb, resources
        panels = self._panels(resources["assignment_id"], resources["notebook_id"])
        cells = []
        for cell in nb.cells:
            if grade_id(cell) in panels:
                cells.append(new_markdown_cell(panels[grade_id(cell)]))
            cells.append(cell)
        return NotebookNode(nb, cells=cells), resources

    def _panels(self, assignment: str, notebook: str) -> dict[str, str]:
        """Return what to show, by the id of the written answer; nothing if there is no source."""
        directory = CourseDirectory(parent=self)
        folder = directory.format_path(directory.source_directory, ".", assignment)
        path = Path(folder) / f"{notebook}.ipynb"
        if not path.is_file():
            self.log.warning("No rubric in view: there is no %s", path)
            return {}
        source = nbformat.read(path, as_version=4)
        return {
            grade_id(cell): panel(cell.source)
            for cell in source.cells
            if cell.cell_type == "markdown" and BEGIN_RUBRIC in cell.source
        }


def panel(source: str) -> str:
    """Return the Markdown of a panel with the rubric and the model answer.

    Args:
        source: of the cell in the source notebook, with its markers.
    """
    rubric = inside_regions(source, BEGIN_RUBRIC, END_RUBRIC)
    answer = without_regions(source, BEGIN_RUBRIC, END_RUBRIC)
    return PANEL.format(rubric=rubric.strip(), answer=inside_regions(answer, BEGIN, END).strip())
