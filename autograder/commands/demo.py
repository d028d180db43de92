"""`course demo`: a made-up class, from masters to a table of scores."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console

from autograder.building.build import build
from autograder.commands.grade import grade
from autograder.commands.prove import solutions
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import Course
from autograder.course.corpus import Answer, load_answers
from autograder.course.dependencies import needed_for
from autograder.course.master import Master
from autograder.results.result import Row

MISTAKEN = ("dana", "emre", "fatima")
# The commonest mistakes, where a corpus has them; else the first wrong answers take their place.
COMMONEST = ("mse_broadcasts", "channels_first_view", "step_never_clears")
LOOPING = """\
def {name}(*anything):
    while True:
        pass
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


def mistakes_of(corpus: list[Answer]) -> dict[str, Answer]:
    """Return up to three wrong answers, to different exercises if there are so many, by student."""
    wrong = [answer for answer in corpus if not answer.right]
    firsts = {answer.exercise: answer for answer in reversed(wrong)}
    common = {answer.name: answer for answer in wrong if answer.name in COMMONEST}
    chosen = [common[name] for name in COMMONEST if name in common]
    chosen += [*firsts.values(), *wrong]
    by_name = {answer.name: answer for answer in chosen}
    return dict(zip(MISTAKEN, by_name.values(), strict=False))


def sample_class(master: Master, corpus: list[Answer]) -> list[Student]:
    """Return the made-up class."""
    perfect = solutions(master)
    everything = frozenset(check.name for check in master.checks)
    otherwise = {a.exercise: a.source for a in corpus if a.right}
    words = dict.fromkeys(master.written, "An answer in my own words.")
    return [
        Student("ada", "perfect", perfect | words, frozenset()),
        Student("bruno", "perfect, written differently", perfect | otherwise | words, frozenset()),
        Student("chen", "untouched", {}, everything),
        *(
            Student(
                student,
                f"mistake: {answer.name}",
                perfect | {answer.exercise: answer.source},
                frozenset(answer.fails),
            )
            for student, answer in mistakes_of(corpus).items()
        ),
        *_broken(master, perfect),
    ]


def _broken(master: Master, perfect: dict[str, str]) -> Iterator[Student]:
    """Yield students whose cell of one exercise raises or never ends; it costs that exercise."""
    alone = _used_by_no_other(master)
    for exercise in alone[len(alone) // 2 :][:1]:
        raising = {exercise: f"print(undefined_name)  # raises\n\n{perfect[exercise]}"}
        story = f"raises in the cell of {exercise}"
        yield Student("goran", story, perfect | raising, _all_of(master, exercise))
    for exercise in alone[:1]:
        endless = {exercise: LOOPING.format(name=exercise)}
        story = f"endless loop in {exercise}"
        yield Student("hana", story, perfect | endless, _all_of(master, exercise))


def _used_by_no_other(master: Master) -> list[str]:
    """Return the functions of which only their own checks make use; those with few checks first."""
    sources = [cell.source for cell in master.cells if cell.is_code]
    found = []
    for cell in master.cells:
        if not cell.exercise or not cell.source.lstrip().startswith("def "):
            continue
        number = sources.index(cell.source)
        users = {c.exercise for c in master.checks if number in needed_for(c.parameters, sources)}
        if users == {cell.exercise}:
            found.append(cell.exercise)
    return sorted(found, key=lambda exercise: len(master.checks_of(exercise)))


def _all_of(master: Master, exercise: str) -> frozenset[str]:
    return frozenset(check.name for check in master.checks_of(exercise).values())


def run(course: Course, console: Console) -> None:
    """Build everything, grade a class in the first notebook, and compare with the stories.

    Exits with code 1 if a score is not the documented one.

    Raises:
        CourseError: the course has no corpus for that notebook, which the class is made of.
    """
    name = course.names[0]
    built = compose(course, name)
    corpus = load_answers(course, name)
    console.print("[bold]Building the course[/bold]")
    build(course, course.names, lambda line: console.print(f"  {line}"))
    students = sample_class(built.master, corpus)
    place = course.build / "demo"
    submissions = place / "submissions"
    shutil.rmtree(submissions, ignore_errors=True)
    for student in students:
        path = submissions / student.name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(dumps(with_answers(built.student, student.answers)), encoding="utf-8")
    console.print(f"[bold]Grading {len(students)} submissions[/bold]")
    rows = grade(course, [name], submissions, place, console)
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
