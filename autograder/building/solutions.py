"""Hand out solutions: the executed notebook and a page, without hidden checks and rubrics."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import latex2mathml.converter
import nbformat
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from autograder.building import build
from autograder.course import leaks
from autograder.course.compose import dumps
from autograder.course.config import Assignment, Course
from autograder.course.master import load_master
from autograder.errors import CourseError
from autograder.files import replace_file

SUFFIX = "_solution"
WITHOUT_SCRIPTS = """\
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


def release_solutions(
    course: Course,
    names: list[str],
    folder: Path,
    now: datetime,
    say: Callable[[str], None],
    *,
    force: bool = False,
) -> list[Path]:
    """Write the solutions of some notebooks for students.

    A solution that is missing in build/solutions, or not what the master gives, is run
    first. Nothing is written if one of the notebooks may not be released.

    Args:
        course: the course.
        names: of the notebooks.
        folder: gets NAME_solution.ipynb and NAME_solution.html of each.
        now: the time, with a zone.
        say: called with a line about each slow step.
        force: release before the due date, or without one.

    Returns:
        the files.

    Raises:
        CourseError: a notebook is not due yet, a solution does not run or leaks, or the
            folder cannot be used.
    """
    if course.notebooks.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise CourseError("students get this folder with every notebook; choose another", folder)
    if not force:
        for name in names:
            refuse_before_due(course.assignment(name), now)
    built = build.build_solutions(course, names, say)
    masters = [load_master(course, name) for name in course.names]
    texts = {}
    for each in built:
        name = each.master.name
        notebook = for_students(course, build.executed_solution(course, name))
        texts[f"{name}{SUFFIX}.ipynb"] = dumps(notebook)
        texts[f"{name}{SUFFIX}.html"] = as_page(notebook, f"{name}: solution")
        leaks.scan_solution(notebook, name, masters)
    try:
        for file, text in texts.items():
            replace_file(folder / file, text)
    except OSError as error:
        raise CourseError(f"cannot be written: {error.strerror}", folder) from None
    return [folder / file for file in texts]


def for_students(course: Course, notebook: NotebookNode) -> NotebookNode:
    """Return the executed notebook with a line that says what it is, without local paths."""
    text = json.dumps(notebook).replace(json.dumps(str(course.root) + os.sep)[1:-1], "")
    notebook = nbformat.from_dict(json.loads(text))
    note = f"*Solution with model answers. {course.title}, {course.term}.*"
    notebook.cells.insert(1, new_markdown_cell(note, id="solution"))
    return notebook


def refuse_before_due(assignment: Assignment, now: datetime) -> None:
    """Refuse to release what students may still hand in.

    Raises:
        CourseError: the notebook is due later than ``now``, or nobody knows when.
    """
    name, due = assignment.name, assignment.due
    if due is None:
        raise CourseError(
            f"{name} has no due date in course.toml, so nothing says that everybody has handed "
            "in; give it one, or add --force"
        )
    if now <= due:
        raise CourseError(
            f"{name} is due {due:%A, %d %B %Y, %H:%M} {due.tzname()}; release its solution "
            "after that, or add --force"
        )


def as_page(notebook: NotebookNode, title: str) -> str:
    """Return a notebook as one HTML page that needs nothing from the network."""
    page, _ = PageExporter().from_notebook_node(notebook, {"metadata": {"name": title}})
    return page


class PageExporter(HTMLExporter):
    """nbconvert's page, without its scripts, with formulas as MathML and all pictures in it."""

    raw_template = WITHOUT_SCRIPTS

    def __init__(self, **options) -> None:
        chosen = {
            "embed_images": True,
            "exclude_anchor_links": True,
            "exclude_input_prompt": True,
            "exclude_output_prompt": True,
        }
        super().__init__(**chosen, **options)

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """Return the HTML of a Markdown text."""
        attachments = context.get("cell", {}).get("attachments", {})
        return MarkdownWithMath(MathMLRenderer(escape=False, attachments=attachments)).render(
            source
        )


class MathMLRenderer(IPythonRenderer):
    """nbconvert's renderer, which leaves formulas to MathJax; this one writes MathML."""

    def block_math(self, body: str) -> str:
        return f"<p>{latex2mathml.converter.convert(body, display='block')}</p>"

    def inline_math(self, body: str) -> str:
        return latex2mathml.converter.convert(body)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")
