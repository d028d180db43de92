"""Judge one student's submission again, with a note why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rich.console import Console

from autograder.commands.grade import find_handed_in, grade, last_run
from autograder.course.config import Course
from autograder.course.master import Master, load_master
from autograder.errors import CourseError
from autograder.intake.find import Submission
from autograder.results.gradebook.book import Book
from autograder.results.ledger import Ledger
from autograder.results.regrade_notes import Regrade, RegradeNotes
from autograder.results.result import Result
from autograder.text import some_of

MOST_NAMES = 8


def judge_again(
    course: Course,
    submissions: Path,
    out: Path,
    student: str,
    name: str,
    note: str,
    now: datetime,
    console: Console,
    workers: int,
) -> Regrade:
    """Judge one submission again and write all results as the last `course grade` did.

    What else is new or changed is judged too, as by `course grade`. Scores given by hand
    stay. It can be stopped at any moment; the next run goes on.

    Args:
        course: the course.
        submissions: as for `course grade`.
        out: the results' folder; something has been graded there.
        student: the id in the gradebook.
        name: of the notebook.
        note: why; the report and the student's feedback page show it.
        now: the time, with a zone.
        console: for progress and the table.
        workers: how many submissions are judged at a time.

    Returns:
        the record, with both scores.

    Raises:
        CourseError: there is no such submission, no note, or nothing was graded there.
    """
    if not note.strip():
        raise CourseError("say in --note why; the student reads it on the feedback page")
    names, settings = last_run(out, workers)
    if name not in names:
        raise CourseError(
            f"the last `course grade` there was not about {name}; grade it first", out
        )
    _refuse_unknown(find_handed_in(course, names, submissions), submissions, student, name)
    master = load_master(course, name)
    with Book(course, out) as book:
        before = _score(book, master, student)
    notes = RegradeNotes(out)
    notes.begin(Regrade(student, name, note.strip(), now.isoformat(), before))
    Ledger(out / "results").forget(name, student)
    grade(course, names, submissions, out, console, settings)
    return RegradeNotes(out).of(student, name)[-1]


def _refuse_unknown(found: list[Submission], place: Path, student: str, name: str) -> None:
    students = sorted({each.student for each in found if each.file and each.notebook == name})
    if student not in students:
        names = some_of(students, MOST_NAMES)
        raise CourseError(f"{student!r} has no {name} there; who has: {names}", place)


def _score(book: Book, master: Master, student: str) -> float | None:
    """Return the score that the gradebook has; None if the submission never was graded."""
    if student not in book.students(master.name):
        return None
    # The scores that stand there are wanted, whatever the last run said of the checks.
    unjudged = Result(student, master.name, "", problem="it is judged again")
    return sum(row.points for row in book.rows([master], [unjudged]))
