"""`course check`: the public checks of a notebook file, in a terminal.

The file is matched to the release and run like a submission that is graded, in a process of its
own; see autograder.judging.submission. Hidden checks do not run, so whoever reads the messages may
have written the notebook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import nbformat
from nbformat import NotebookNode

from autograder.checks import Check
from autograder.checks.shared.verdict import Verdict
from autograder.course.compose import compose
from autograder.course.config import Course
from autograder.errors import CourseError
from autograder.intake.catalogue import Catalogue
from autograder.intake.listing import File
from autograder.intake.matching import match
from autograder.judging.submission import Run, run_submission
from autograder.text import in_points, printable

UNSOLVED = ("stub", "missing")


@dataclass(frozen=True)
class Checked:
    """What came of a notebook file.

    Attributes:
        notebook: the full name of the notebook that it is.
        checks: its public checks, by id.
        cells: the cells that ran, in order.
        run: what came of them.
        notes: what was odd about the file and mended, a sentence each.
    """

    notebook: str
    checks: Mapping[str, Check]
    cells: list[NotebookNode]
    run: Run
    notes: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether every public check passes."""
        return all(verdict.passed for verdict in self.run.verdicts.values())


def check_file(course: Course, path: Path, name: str | None = None) -> Checked:
    """Run the public checks of a notebook file.

    Args:
        course: the course.
        path: the file; cells may have been added, moved or lost their metadata.
        name: the full name of the notebook that it is; without it the file tells.

    Raises:
        CourseError: the file cannot be read, or is no notebook of the course.
    """
    data = File((path.name,), path).read()
    name = name or which(course, path, data)
    built = compose(course, name)
    try:
        matched = match(data, built.student)
    except CourseError as error:
        raise CourseError(error.message, path) from None
    checks = {key: c for key, c in built.master.checks_by_id.items() if not c.hidden}
    run = run_submission(matched.notebook, checks)
    return Checked(name, checks, matched.notebook.cells, run, matched.notes + run.notes)


def which(course: Course, path: Path, data: bytes) -> str:
    """Return the full name of the notebook that a file is, by its name or else its content.

    Raises:
        CourseError: it cannot be told.
    """
    built = [course.notebooks / f"{name}.ipynb" for name in course.names]
    catalogue = Catalogue(
        {file.stem: nbformat.read(file, as_version=4) for file in built if file.is_file()}
    )
    named = catalogue.by_name(path.stem).notebook
    if named and (other := catalogue.mistaken_for(named, data)):
        raise CourseError(f"its name says {named}, its content {other}; use --notebook", path)
    name = named or catalogue.by_content(data)
    if not name:
        raise CourseError("cannot tell which notebook this is; use --notebook", path)
    return name


def lines(checked: Checked) -> Iterator[str]:
    """Yield what to print: what raised, every public check, and the sum."""
    for note in checked.notes:
        yield click.style(f"Note: {printable(note)}", fg="yellow")
    for number, text in checked.run.raised.items():
        first = next((x for x in checked.cells[number - 1].source.splitlines() if x.strip()), "")
        yield f"{click.style('!', fg='yellow', bold=True)} The cell that begins {printable(first)}"
        yield from _indented(text)
    verdicts = checked.run.verdicts
    for key, check in checked.checks.items():
        yield from _check(check, verdicts[key], bool(checked.run.raised))
    passed = sum(verdict.passed for verdict in verdicts.values())
    points = sum(verdicts[key].earned(check.points) for key, check in checked.checks.items())
    total = sum(check.points for check in checked.checks.values())
    yield (
        f"{checked.notebook}: {passed} of {len(verdicts)} public checks pass, {points:g} of "
        f"{total:g} points. Hidden checks run when the notebook is graded."
    )


def _check(check: Check, verdict: Verdict, something_raised: bool) -> Iterator[str]:
    title = f"{check.exercise}: {check.name.replace('_', ' ')}"
    worth = in_points(check.points)
    earned = verdict.earned(check.points)
    mark, colour = ("✓", "green") if verdict.passed else ("✗", "red")
    if verdict.kind in UNSOLVED:
        mark, colour = "–", "yellow"
    mark = click.style(mark, fg=colour, bold=True)
    yield f"{mark} {title} ({earned:g} of {worth})"
    if verdict.kind == "stub":
        yield f"  {check.exercise} is not written yet."
    elif verdict.kind == "missing":
        yield f"  {check.exercise} is not defined." + " See above what raised." * something_raised
    elif not verdict.passed:
        yield from _indented(verdict.message)


def _indented(text: str) -> Iterator[str]:
    """Yield a text from a student's process, indented, without what would steer a terminal."""
    for line in text.splitlines():
        yield f"  {printable(line)}"
