"""Grade a class with stock nbgrader, in a course directory of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from autograder import nbgrader_course
from autograder.compose import dumps, source_notebook
from autograder.course import Course
from autograder.errors import CourseError
from autograder.exports import write_csv
from autograder.master import Master, load_master
from autograder.results import Row
from autograder.warm_kernels import warm_kernels


def grade(
    course: Course,
    name: str,
    submissions: Path,
    out: Path,
    console: Console,
    *,
    warm: bool = True,
) -> list[Row]:
    """Grade every submission and write the results.

    Args:
        course: the course.
        name: of the notebook.
        submissions: a folder with a folder a student.
        out: the results; becomes an nbgrader course directory.
        console: for progress and the table.
        warm: fork the kernels from one that has imported torch; else start each anew.

    Returns:
        the rows of grades.csv.

    Raises:
        CourseError: there is nothing to grade, or ``out`` cannot be used.
    """
    master = load_master(course, name)
    found = find_submissions(submissions, name)
    prepare(course, master, out)
    graded = Ledger(out / "graded.json")
    broken = {s: f"there is no {name}.ipynb" for s, path in found.items() if path is None}
    digests = {s: fingerprint(master, path, out) for s, path in found.items() if path}
    todo = [s for s, digest in digests.items() if not graded.holds(s, digest, out, name)]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    if len(todo) < len(digests):
        console.print(f"{len(digests) - len(todo)} of {len(digests)} are graded already")
    kernels = warm_kernels() if warm and todo else contextlib.nullcontext()
    with kernels, Progress(*columns, console=console) as progress:
        api = nbgrader_course.open_api(out)
        for student in progress.track(todo, description=f"grading {name}"):
            try:
                grade_one(api, name, student, found[student], out)
                graded.store(student, digests[student])
            except CourseError as error:
                broken[student] = error.message
    rows = list(read_rows(master, out, list(found), broken))
    write_csv(rows, out / "grades.csv")
    console.print(score_table(master, rows))
    for student, reason in broken.items():
        console.print(f"[red]{student} could not be graded:[/red] {reason}")
    console.print(f"grades:    {shown(out / 'grades.csv')}")
    console.print(f"feedback:  {shown(out / 'feedback')}/STUDENT/{name}/{name}.html")
    return rows


def shown(path: Path) -> str:
    """Return a path as one would type it in the working folder."""
    return os.path.relpath(path)


def find_submissions(folder: Path, name: str) -> dict[str, Path | None]:
    """Return the notebook of every student, by student; None if the folder has none.

    Raises:
        CourseError: the folder is missing or holds no such notebook.
    """
    if not folder.is_dir():
        raise CourseError("there is no such folder of submissions", folder)
    found: dict[str, Path | None] = {}
    for student in sorted(path for path in folder.iterdir() if path.is_dir()):
        places = (student / f"{name}.ipynb", student / name / f"{name}.ipynb")
        found[student.name] = next((path for path in places if path.is_file()), None)
    if not any(found.values()):
        raise CourseError(f"no STUDENT/{name}.ipynb in this folder", folder)
    return found


def prepare(course: Course, master: Master, out: Path) -> None:
    """Make ``out`` an nbgrader course directory that knows the assignment.

    Raises:
        CourseError: nbgrader refuses, because a graded assignment has changed.
    """
    name = master.name
    source = out / "source" / name
    source.mkdir(parents=True, exist_ok=True)
    nbgrader_course.write_config(course, out)
    text = dumps(source_notebook(course, master))
    path = source / f"{name}.ipynb"
    shutil.copy(course.helper, source)
    release = nbgrader_course.release(out, name)
    if release.is_file() and path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.write_text(text, encoding="utf-8")
    nbgrader_course.generate_release(course, name, out)


class Ledger:
    """What has been graded: by student, the hash of the submission and of the checks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}

    def holds(self, student: str, digest: str, out: Path, name: str) -> bool:
        """Tell whether this very submission is graded and its feedback is there."""
        feedback = out / "feedback" / student / name / f"{name}.html"
        return self.hashes.get(student) == digest and feedback.is_file()

    def store(self, student: str, digest: str) -> None:
        self.hashes[student] = digest
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.hashes, indent=1))
        new.replace(self.path)


def fingerprint(master: Master, path: Path, out: Path) -> str:
    """Return a hash of all that a submission's grades depend on."""
    release = nbgrader_course.release(out, master.name)
    digest = hashlib.sha256(path.read_bytes() + release.read_bytes())
    for check in master.checks:
        digest.update(f"{check.source}{check.points}{check.hint}{check.hidden}".encode())
    return digest.hexdigest()


def grade_one(api: NbGraderAPI, name: str, student: str, path: Path, out: Path) -> None:
    """Grade one submission and write its feedback.

    Raises:
        CourseError: the file is no notebook, or nbgrader could not grade it.
    """
    autograde(api, name, student, path, out)
    result = api.generate_feedback(name, student, force=True)
    if not result["success"]:
        raise CourseError(f"nbgrader's feedback: {nbgrader_course.reason(result)}")


def autograde(api: NbGraderAPI, name: str, student: str, path: Path, out: Path) -> None:
    """Hand a submission in to the course directory and run ``nbgrader autograde`` on it.

    Raises:
        CourseError: the file is no notebook, or nbgrader could not grade it.
    """
    data = path.read_bytes()
    try:
        nbformat.validate(nbformat.reads(data.decode("utf-8"), as_version=4))
    except Exception as error:  # whatever a broken file makes nbformat raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CourseError(f"not a notebook: {reason[0][:200]}") from None
    place = out / "submitted" / student / name
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.ipynb").write_bytes(data)
    result = api.autograde(name, student, force=True)
    if not result["success"]:
        raise CourseError(f"nbgrader: {nbgrader_course.reason(result)}")


def read_rows(
    master: Master, out: Path, students: list[str], broken: dict[str, str]
) -> Iterator[Row]:
    """Yield the rows of all students from nbgrader's gradebook and autograded notebooks."""
    name = master.name
    checks = master.checks_by_id
    maxima = {key: check.points for key, check in checks.items()} | master.written
    with Gradebook(f"sqlite:///{out.resolve() / 'gradebook.db'}") as gradebook:
        for student in students:
            if student in broken:
                for key, maximum in maxima.items():
                    exercise, check = _names(checks, key)
                    yield Row(student, name, exercise, check, 0, maximum, "broken", broken[student])
                continue
            messages = read_messages(out / "autograded" / student / name / f"{name}.ipynb")
            grades = gradebook.find_submission_notebook(name, name, student).grades
            by_key = {each.name: each for each in grades}
            for key, maximum in maxima.items():
                exercise, check = _names(checks, key)
                each = by_key[key]
                status = "passed" if each.score == maximum else "failed"
                if key in master.written:
                    status = "needs grading" if each.needs_manual_grade else "graded"
                message = messages.get(key, "")
                yield Row(student, name, exercise, check, each.score, maximum, status, message)


def _names(checks: dict, key: str) -> tuple[str, str]:
    return (checks[key].exercise, checks[key].name) if key in checks else (key, "written answer")


def read_messages(path: Path) -> dict[str, str]:
    """Return what failed check cells of an autograded notebook say, by check id."""
    messages = {}
    for cell in nbformat.read(path, as_version=4).cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        for output in cell.get("outputs", []):
            if key and output.output_type == "error":
                messages[key] = str(output.evalue or output.ename)
    return messages


def score_table(master: Master, rows: list[Row]) -> Table:
    """Return the table of students by exercise, with totals of the checks."""
    maxima = {e: sum(c.points for c in master.checks_of(e).values()) for e in master.exercises}
    # Non-breaking spaces: a number stays with its exercise.
    items = (f"{n}\u00a0{e}\u00a0({m:g})" for n, (e, m) in enumerate(maxima.items(), 1))
    table = Table(
        title=f"{master.name}: points by exercise",
        caption="  ".join(items),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("student", no_wrap=True)
    for number, maximum in enumerate(maxima.values(), 1):
        table.add_column(f"{number}\n/{maximum:g}", justify="right", no_wrap=True)
    table.add_column(f"total\n/{master.points:g}", justify="right", no_wrap=True)
    table.add_column("%", justify="right", no_wrap=True)
    for student in dict.fromkeys(row.student for row in rows):
        mine = [row for row in rows if row.student == student and row.exercise in maxima]
        scores = [sum(row.points for row in mine if row.exercise == e) for e in maxima]
        total = sum(scores)
        cells = [f"{score:g}" for score in (*scores, total)]
        table.add_row(student, *cells, f"{100 * total / master.points:.0f}")
    return table
