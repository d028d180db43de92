"""`course demo`: a made-up class, from masters to a table of scores."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass

from rich.console import Console

from autograder.building import build
from autograder.commands.grade import grade
from autograder.commands.prove import solutions
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import Course
from autograder.course.corpus import Answer, load_answers
from autograder.course.master import Master
from autograder.results.result import Row

NOTEBOOK = "01_pytorch_basics"
# Three of the commonest mistakes: names of wrong answers in the corpus.
MISTAKES = {
    "dana": "mse_broadcasts",
    "emre": "channels_first_view",
    "fatima": "step_never_clears",
}
LOOPING = """\
def one_hot(labels, classes):
    row = 0
    while row < len(labels):
        pass  # forgot row += 1
"""


@dataclass(frozen=True)
class Student:
    """A made-up student: what was typed into the notebook and what score that must give.

    Attributes:
        name: of the student.
        story: what the student did.
        answers: from exercise to the text of its cell; others stay stubs.
        fails: names of the checks that must fail.
    """

    name: str
    story: str
    answers: dict[str, str]
    fails: frozenset[str]


def sample_class(master: Master, corpus: list[Answer]) -> list[Student]:
    """Return the made-up class."""
    perfect = solutions(master)
    everything = frozenset(check.name for check in master.checks)
    otherwise = {a.exercise: a.source for a in corpus if a.right}
    by_name = {answer.name: answer for answer in corpus}
    mistakes = {student: by_name[name] for student, name in MISTAKES.items()}
    words = dict.fromkeys(master.written, "An answer in my own words.")
    stopped = perfect | {
        "channels_first": "print(undefined_name)  # raises\n\n" + perfect["channels_first"]
    }
    looping = perfect | {"one_hot": LOOPING}
    return [
        Student("ada", "perfect", perfect | words, frozenset()),
        Student("bruno", "perfect, written differently", otherwise | words, frozenset()),
        Student("chen", "untouched", {}, everything),
        *(
            Student(
                student,
                f"mistake: {answer.name}",
                perfect | {answer.exercise: answer.source},
                frozenset(answer.fails),
            )
            for student, answer in mistakes.items()
        ),
        Student("goran", "raises in a middle cell", stopped, _all_of(master, "channels_first")),
        Student("hana", "endless loop in one_hot", looping, _all_of(master, "one_hot")),
    ]


def _all_of(master: Master, exercise: str) -> frozenset[str]:
    return frozenset(check.name for check in master.checks_of(exercise).values())


def run(course: Course, console: Console) -> None:
    """Build everything, grade the class, print the table, and compare with the stories.

    Exits with code 1 if a score is not the documented one.
    """
    console.print("[bold]Building the course[/bold]")
    build.build(course, course.names, lambda line: console.print(f"  {line}"))
    built = compose(course, NOTEBOOK)
    students = sample_class(built.master, load_answers(course, NOTEBOOK))
    place = course.build / "demo"
    submissions = place / "submissions"
    shutil.rmtree(submissions, ignore_errors=True)
    for student in students:
        path = submissions / student.name / f"{NOTEBOOK}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(dumps(with_answers(built.student, student.answers)), encoding="utf-8")
    console.print(f"[bold]Grading {len(students)} submissions[/bold]")
    rows = grade(course, [NOTEBOOK], submissions, place, console)
    wrong = [student for student in students if not _as_documented(student, rows)]
    for student in students:
        state = "[red]NOT as documented[/red]" if student in wrong else "as documented"
        console.print(f"  {student.name:7} {student.story}: {state}", soft_wrap=True)
    if wrong:
        sys.exit(1)


def _as_documented(student: Student, rows: list[Row]) -> bool:
    mine = [row for row in rows if row.student == student.name and row.check != "written answer"]
    failed = {row.check for row in mine if not row.is_full}
    return failed == student.fails and all(row.points == 0 for row in mine if row.check in failed)
