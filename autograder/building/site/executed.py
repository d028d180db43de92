"""Run the student copies as they are, and make pages of the course's web site of them.

What a page shows is what a student sees who has solved nothing: the figures of the provided
cells, and a line where a cell waits for an exercise. So no output can hold a solution.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder.building.build import run_notebook
from autograder.course.compose import Built, dumps
from autograder.course.config import Course
from autograder.errors import CourseError
from autograder.files import hash_of, replace_file
from autograder.judging.sandbox.kernels import warm_kernels
from autograder.text import in_points

# Runs first in the kernel: every figure then carries a text of what it shows, for those who
# do not see it. Jupyter keeps it as the metadata `alt` of the output.
DESCRIBE_FIGURES = '''\
from matplotlib.figure import Figure


def _describe(figure):
    """Return the titles, axis labels and legends of a figure in one line."""
    panels = [_describe_panel(axes) for axes in figure.axes]
    named = list(dict.fromkeys(panel for panel in panels if panel))
    count = f"Figure of {len(panels)} panels" if len(panels) > 1 else "Figure"
    title = figure.get_suptitle()
    return f"{count}: {'; '.join([title] * bool(title) + named)}" if named or title else count


def _describe_panel(axes):
    across, up = axes.get_xlabel(), axes.get_ylabel()
    drawn = " against ".join(label for label in (up, across) if label)
    legend = axes.get_legend()
    names = ", ".join(text.get_text() for text in legend.get_texts()) if legend else ""
    return ", ".join(part for part in (axes.get_title(), drawn, names) if part)


Figure._repr_mimebundle_ = lambda self, **kinds: ({}, {"image/png": {"alt": _describe(self)}})
'''
LONGEST_TEXT = 400  # letters of a figure's text; a screen reader cannot skim
CHECK_CELL = re.compile(r"# (Public|Hidden) check ")
REMOTE_PICTURE = re.compile(r"!\[([^\]]*)\]\(https?://[^)]*\)")


def run_all(
    course: Course, built: list[Built], say: Callable[[str], None]
) -> dict[str, NotebookNode]:
    """Return the student copies with the outputs that they have before anything is solved.

    Outputs are kept in build/site-runs/ and used again until the notebook, the helper or the
    data change.

    Raises:
        CourseError: a provided cell raised something else than that an exercise is missing.
    """
    kept = {each.master.name: _kept(course, each) for each in built}
    runs = {name: run for name, run in kept.items() if run is not None}
    new = [each for each in built if each.master.name not in runs]
    if new:
        say(f"running {len(new)} student notebooks")
        with warm_kernels(), ThreadPoolExecutor(os.cpu_count()) as pool:
            for each, run in zip(new, pool.map(lambda e: _run(course, e), new), strict=True):
                runs[each.master.name] = run
    return {each.master.name: runs[each.master.name] for each in built}


def _stamp(course: Course, built: Built) -> str:
    data = [p.read_bytes() for p in sorted((course.data).glob("*")) if p.is_file()]
    return hash_of(dumps(built.student), DESCRIBE_FIGURES, course.helper, *data)


def _place(course: Course, built: Built) -> Path:
    return course.build / "site-runs" / f"{built.master.name}.ipynb"


def _kept(course: Course, built: Built) -> NotebookNode | None:
    """Return an earlier run of this notebook if everything is as it was then."""
    try:
        run = nbformat.reads(_place(course, built).read_text(encoding="utf-8"), as_version=4)
    except (OSError, nbformat.reader.NotJSONError):
        return None
    return run if run.metadata.get("stamp") == _stamp(course, built) else None


def _run(course: Course, built: Built) -> NotebookNode:
    notebook = nbformat.from_dict(built.student)
    notebook.cells.insert(0, new_code_cell(DESCRIBE_FIGURES))
    run_notebook(course, notebook, "the student copy", built.master.path, allow_errors=True)
    del notebook.cells[0]
    local = json.dumps(str(course.data))[1:-1]
    text = dumps(notebook).replace(local, "data")
    notebook = nbformat.reads(text, as_version=4)
    _look_for_surprises(notebook, built)
    notebook.metadata["stamp"] = _stamp(course, built)
    replace_file(_place(course, built), dumps(notebook))
    return notebook


def _look_for_surprises(notebook: NotebookNode, built: Built) -> None:
    """Raise CourseError for a cell that fails for another reason than an unsolved exercise."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not _is_missing(output):
                raise CourseError(
                    f"in the student copy, cell {number} raises {output.ename}: "
                    f"{output.evalue[:200]}; wrap what needs a solution in `with waits_for(...)`",
                    built.master.path,
                )


def _is_missing(output: NotebookNode) -> bool:
    return output.ename in ("NotWrittenYet", "NotImplementedError", "NameError")


def page_of(run: NotebookNode, links: str) -> NotebookNode:
    """Return the notebook that the site shows for a run.

    Set-up is left out, a public check is folded, hidden checks of an exercise are one line.

    Args:
        run: the student copy with its outputs.
        links: Markdown that goes below the title.
    """
    cells: list[NotebookNode] = []
    hidden: list[NotebookNode] = []
    for cell in run.cells:
        if hidden and not cell.source.startswith("# Hidden check "):
            cells.append(_hidden_line(hidden))
            hidden = []
        if cell.source.startswith("# Hidden check "):
            hidden.append(cell)
        elif cell.cell_type == "markdown":
            cells.append(new_markdown_cell(REMOTE_PICTURE.sub(r"\1", cell.source)))
        elif "google.colab" not in cell.source:
            cells.append(_code_cell(cell))
    if hidden:
        cells.append(_hidden_line(hidden))
    if links:
        cells.insert(1, new_markdown_cell(links))
    page = nbformat.v4.new_notebook(cells=cells, metadata=run.metadata)
    page.metadata.pop("stamp", None)
    return page


def _hidden_line(hidden: list[NotebookNode]) -> NotebookNode:
    count = "One hidden check runs" if len(hidden) == 1 else f"{len(hidden)} hidden checks run"
    points = sum(cell.metadata.nbgrader.points for cell in hidden)
    worth = in_points(points)
    return new_markdown_cell(f"*{count} when the notebook is graded ({worth}).*")


def _code_cell(cell: NotebookNode) -> NotebookNode:
    source = cell.source
    page = new_code_cell(source)
    if CHECK_CELL.match(source):
        # The first line is "# Public check of one_hot (1 point). Run it; it cannot be edited."
        title = source.splitlines()[0].removeprefix("# ").partition(". ")[0]
        page.metadata = {
            "tags": ["hide-input"],
            "mystnb": {"code_prompt_show": title, "code_prompt_hide": title},
        }
        return page
    page.outputs = [_calm(output) for output in cell.outputs]
    texts = [
        output.metadata.get("image/png", {}).get("alt", "")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    if texts:
        alt = " ".join("; ".join(dict.fromkeys(texts)).split())
        if len(alt) > LONGEST_TEXT:
            alt = f"{alt[:LONGEST_TEXT].rpartition(' ')[0]} ..."
        page.metadata = {"mystnb": {"image": {"alt": alt}}}
    return page


def _calm(output: NotebookNode) -> NotebookNode:
    """Return an output for the site: a calm line instead of a traceback."""
    if output.output_type != "error":
        return output
    return new_output("stream", text="This cell waits for an exercise above.\n")


def first_figure(run: NotebookNode) -> tuple[str, str] | None:
    """Return the first figure of a run, base64 of a PNG, and its text; None if there is none."""
    for cell in run.cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                return png, output.metadata.get("image/png", {}).get("alt", "Figure")
    return None
