"""Grade a class: find the submissions, judge them on all cores, and write the results.

The submissions are matched to the released notebook (autograder.intake.matching), judged outside of
Jupyter (autograder.judging.pool), and their grades put into nbgrader's gradebook
(autograder.results.gradebook).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from autograder.course.compose import dumps, source_notebook, student_notebook
from autograder.course.config import Course
from autograder.course.master import Master, load_master
from autograder.errors import CourseError
from autograder.files import hash_of, replace_file
from autograder.intake.find import Submission, find_submissions
from autograder.intake.matching import match
from autograder.judging import pool
from autograder.judging.digest import data_digest, rules_digest
from autograder.judging.sandbox import fork_client
from autograder.results.exports import write_canvas, write_csv, write_gradescope
from autograder.results.gradebook.book import Book
from autograder.results.ledger import Ledger
from autograder.results.mistakes import find_mistakes, write_page
from autograder.results.regrade_notes import RegradeNotes
from autograder.results.report import write_report
from autograder.results.result import Result, Row
from autograder.text import printable

OLDER = "Kept results of an older version are there; those submissions will be judged again."
LONG_TABLE = 60  # students; the table of more is not printed


@dataclass(frozen=True)
class Settings:
    """How a class is graded.

    Attributes:
        workers: how many submissions are judged at a time on this machine.
        scheduler: the address of a Dask scheduler whose workers judge instead.
        gradebook: the URL of the gradebook; None is the one in the results' folder.
        feedback: whether to write nbgrader's feedback pages.
        roster: a gradebook exported from Canvas, whose ids canvas.csv then carries.
        gradescope: whether to write a results.json a submission, as Gradescope reads it.
    """

    workers: int = os.cpu_count() or 1
    scheduler: str | None = None
    gradebook: str | None = None
    feedback: bool = True
    roster: Path | None = None
    gradescope: bool = False


@dataclass
class Job:
    """One submission on its way from the file to the gradebook.

    Attributes:
        submission: as it was found.
        original: the file.
        notebook: the submission, matched to the release.
        notes: what finding and matching say of it.
        task: what a worker gets.
    """

    submission: Submission
    original: bytes
    notebook: NotebookNode
    notes: tuple[str, ...]
    task: pool.Task


@dataclass
class RunResults:
    """What has come of the submissions of a run."""

    results: list[Result] = field(default_factory=list)
    judged: dict[str, list[str]] = field(default_factory=dict)  # by notebook, the students


class Class:
    """The submissions of a class and where their grades go.

    Args:
        course: the course.
        book: the gradebook.
        ledger: what is done.
        masters: of the notebooks that are graded, by name.
    """

    def __init__(
        self,
        course: Course,
        book: Book,
        ledger: Ledger,
        masters: dict[str, Master],
    ) -> None:
        self.course, self.book, self.ledger, self.masters = course, book, ledger, masters
        self.texts: dict[str, str] = {}  # of the releases
        self.prepared: set[str] = set()
        self.rules = {name: rules_digest(course.checks, name) for name in masters}
        self.data = data_digest(course.data)
        self.own_settings = book.own_settings()
        self.entered = {name: book.students(name) for name in masters}

    def prepare(self, name: str) -> None:
        """Put a notebook in place before its first result; the workers judge meanwhile."""
        if name not in self.prepared:
            self.book.prepare(self.masters[name])
            self.prepared.add(name)

    def digest_of(self, submission: Submission, original: bytes) -> str:
        """Return a hash of all that a submission's grades depend on."""
        name = submission.notebook
        if name not in self.texts:
            self.texts[name] = dumps(self.book.release(self.masters[name]))
        due = self.course.assignment(name).due
        rest = f"{self.texts[name]}{due}{submission.submitted}{self.rules[name]}"
        return hash_of(original, rest, self.data, self.own_settings)

    def jobs(self, submissions: list[Submission]) -> Iterator[Job | Result]:
        """Yield what is to be judged, and a result for what cannot be, or is known."""
        for submission in submissions:
            student, name = submission.student, submission.notebook
            original = None
            try:
                original = submission.read()
                digest = self.digest_of(submission, original)
                matched = match(original, self.book.release(self.masters[name]))
            except CourseError as error:
                yield self.refuse(submission, error.message, original)
                continue
            notes = submission.notes + matched.notes
            known = self.ledger.find(name, student, digest)
            if known and student in self.entered[name]:
                yield replace(known, notes=notes + known.notes)
                continue
            text = json.dumps(code_of(matched.notebook))
            task = pool.Task(
                student, name, digest, self.rules[name], self.course.checks.resolve(), text
            )
            yield Job(submission, original, matched.notebook, notes, task)

    def refuse(self, submission: Submission, problem: str, original: bytes | None) -> Result:
        """Enter a submission that cannot be graded."""
        name, problem = submission.notebook, printable(problem)
        result = Result(
            submission.student, name, digest="", problem=problem, notes=submission.notes
        )
        self.prepare(name)
        self.ledger.forget(name, submission.student)
        if self.book.mark_broken(self.masters[name], result, original):
            note = "The grades of an earlier hand-in stay in the gradebook."
            result = replace(result, notes=(*result.notes, note))
        return result

    def enter(self, job: Job, result: Result) -> Result:
        """Put a result into the gradebook and note it as done.

        Args:
            job: the submission.
            result: what judging gave, with no other notes than its own.

        Returns:
            the result with the notes of this run, too.
        """
        whole = replace(result, notes=job.notes + result.notes)
        if result.problem:
            submission = replace(job.submission, notes=whole.notes)
            return self.refuse(submission, result.problem, job.original)
        submitted: datetime | None = job.submission.submitted
        master = self.masters[result.notebook]
        self.prepare(master.name)
        self.book.store(master, result, job.notebook, submitted, job.original)
        # If the run ends before it writes the new page, no page is better than the old score.
        feedback_page(self.book.out, result.student, master.name).unlink(missing_ok=True)
        self.ledger.store(result)
        return whole


def code_of(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook without outputs and pictures, which do not matter to its checks."""
    kept = ("cell_type", "metadata", "source")
    return NotebookNode(cells=[{key: cell[key] for key in kept} for cell in notebook.cells])


def released_notebooks(course: Course) -> dict[str, NotebookNode]:
    """Return the student copies as they were released, by name; composed if there is no file."""
    notebooks = {}
    for name in course.names:
        path = course.notebooks / f"{name}.ipynb"
        notebooks[name] = (
            nbformat.read(path, as_version=4)
            if path.is_file()
            else student_notebook(source_notebook(course, load_master(course, name)))
        )
    return notebooks


def find_handed_in(course: Course, names: list[str], submissions: Path) -> list[Submission]:
    """Return what is handed in there, of these notebooks and of what cannot be told.

    Raises:
        CourseError: there is nothing of these notebooks.
    """
    only = names[0] if len(names) == 1 else None
    found = find_submissions(submissions, released_notebooks(course), only)
    handed_in = {submission.notebook for submission in found}
    if not handed_in & {"", *names}:
        raise CourseError(
            f"no submission of {', '.join(names)} in it, only of {', '.join(sorted(handed_in))}",
            submissions,
        )
    return found


class Rate(ProgressColumn):
    """Shows how many submissions a minute are graded."""

    def render(self, task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{60 * speed:.0f}/min" if speed else "")


def grade(
    course: Course,
    names: list[str],
    submissions: Path,
    out: Path,
    console: Console,
    settings: Settings | None = None,
) -> list[Row]:
    """Grade every submission and write the results.

    Args:
        course: the course.
        names: of the notebooks; files of others are left out.
        submissions: a folder or a zip archive; see autograder.intake.find.
        out: the results; becomes an nbgrader course directory.
        console: for progress and the table.
        settings: how.

    Returns:
        the rows of grades.csv.

    Raises:
        CourseError: there is nothing to grade, or ``out`` cannot be used.
    """
    settings = settings or Settings()
    with contextlib.ExitStack() as running:
        if not settings.scheduler:
            running.enter_context(fork_client.warm_graders(course.data))
        found = find_handed_in(course, names, submissions)
        handed_in = {submission.notebook for submission in found}
        masters = {name: load_master(course, name) for name in names if name in handed_in}
        book = running.enter_context(Book(course, out, settings.gradebook))
        remember_run(out, names, settings)
        for master in masters.values():
            book.refuse_other_cells(master)
        klass = Class(course, book, Ledger(out / "results"), masters)
        placed = sorted((s for s in found if s.notebook in masters), key=lambda s: s.notebook)
        done = _grade_all(klass, placed, console, settings)
        rows = list(book.rows(masters.values(), done.results))
        unplaced = [s for s in found if not s.notebook]
        rows += [Row(s.student, "", "", "", 0, 0, "broken", s.problem) for s in unplaced]
        RegradeNotes(out).finish(rows)
        _write_all(course, masters, done, rows, out, settings, console)
        if settings.feedback:
            _write_feedback(book, masters, done, out, console)
    write_page(course, find_mistakes(course, list(masters.values()), done.results, out), out)
    # Last: the report links what lies beside it.
    write_report(course, list(masters.values()), done.results, rows, out / "report.html")
    _tell(masters, done, unplaced, rows, out, console)
    return rows


def remember_run(out: Path, names: list[str], settings: Settings) -> None:
    """Note what this run is about, so that a regrade writes the same results."""
    run = {
        "notebooks": names,
        "feedback": settings.feedback,
        "roster": str(settings.roster.resolve()) if settings.roster else None,
        "gradescope": settings.gradescope,
    }
    replace_file(out / "last_run.json", json.dumps(run, indent=1))


def last_run(out: Path, workers: int) -> tuple[list[str], Settings]:
    """Return the notebooks and the settings of the last run into a folder.

    Raises:
        CourseError: there was none.
    """
    path = out / "last_run.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        roster = Path(run["roster"]) if run["roster"] else None
        settings = Settings(
            workers, feedback=run["feedback"], roster=roster, gradescope=run["gradescope"]
        )
        return run["notebooks"], settings
    except FileNotFoundError:
        raise CourseError("nothing was graded there; run `course grade` first", out) from None
    except (ValueError, KeyError, TypeError):
        raise CourseError("not what `course grade` wrote; run that again", path) from None


def _grade_all(
    klass: Class, submissions: list[Submission], console: Console, settings: Settings
) -> RunResults:
    """Judge what is new and enter it; return what came of every submission."""
    done = RunResults()
    waiting: dict[pool.Task, Job] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("grading", total=len(submissions))

        def tasks() -> Iterator[pool.Task]:
            told = False
            for job in klass.jobs(submissions):
                if klass.ledger.met_older and not told:
                    console.print(OLDER, soft_wrap=True)
                    told = True
                if isinstance(job, Result):
                    done.results.append(job)
                    progress.advance(bar)
                else:
                    waiting[job.task] = job
                    yield job.task

        todo = tasks()
        if first := next(todo, None):
            with _workers(settings) as client:
                _tell_isolation(client, console)
                for task, result in pool.judge_all(client, itertools.chain([first], todo)):
                    entered = klass.enter(waiting.pop(task), result)
                    done.results.append(entered)
                    done.judged.setdefault(task.notebook, []).append(task.student)
                    progress.advance(bar)
    known = len(done.results) - sum(map(len, done.judged.values()))
    if done.judged and known:
        console.print(f"{known} of {len(submissions)} are as they were and not judged again")
    done.results.sort(key=lambda result: (result.student, result.notebook))
    return done


def _workers(settings: Settings):
    if settings.scheduler:
        return pool.workers_at(settings.scheduler)
    return pool.workers_here(settings.workers)


def _tell_isolation(client, console: Console) -> None:
    """Say what submissions are not kept away from."""
    missing = client.run(fork_client.missing_isolation).values()
    for line in dict.fromkeys(itertools.chain(*missing)):
        console.print(f"[yellow]not isolated from[/yellow] {line}", soft_wrap=True)


def _write_all(
    course: Course,
    masters: dict[str, Master],
    done: RunResults,
    rows: list[Row],
    out: Path,
    settings: Settings,
    console: Console,
) -> None:
    write_csv(rows, out / "grades.csv")
    gradable = [row for row in rows if row.notebook]
    worth = {a.name: a.points for a in course.assignments if a.points}
    for line in write_canvas(gradable, settings.roster, out / "canvas.csv", worth):
        if settings.roster:
            console.print(f"canvas.csv: {line}", markup=False, soft_wrap=True)
    if settings.gradescope:
        rows_of: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in gradable:
            rows_of[row.student, row.notebook].append(row)
        for result in done.results:
            mine = rows_of[result.student, result.notebook]
            path = out / "gradescope" / result.student / result.notebook / "results.json"
            write_gradescope(masters[result.notebook], result, mine, path)


def _write_feedback(
    book: Book, masters: dict[str, Master], done: RunResults, out: Path, console: Console
) -> None:
    """Write the feedback pages of what was judged, and those that are not there."""
    for name, master in masters.items():
        judged = set(done.judged.get(name, ()))
        students = [
            result.student
            for result in done.results
            if result.notebook == name
            and not result.problem
            and (result.student in judged or not feedback_page(out, result.student, name).is_file())
        ]
        if students:
            with console.status(f"feedback of {name}: {len(students)} pages"):
                for student, reason in book.feedback(master, students).items():
                    console.print(f"[red]no feedback for {student}:[/red] {escape(reason)}")


def feedback_page(out: Path, student: str, name: str) -> Path:
    """Return the path of a student's feedback."""
    return out / "feedback" / student / name / f"{name}.html"


def _tell(
    masters: dict[str, Master],
    done: RunResults,
    unplaced: list[Submission],
    rows: list[Row],
    out: Path,
    console: Console,
) -> None:
    for name, master in masters.items():
        mine = [row for row in rows if row.notebook == name]
        students = len({row.student for row in mine})
        if students <= LONG_TABLE:
            console.print(f"{name}: points of the checks")
            console.print(score_table(master, mine, console.width))
        else:
            console.print(f"{name}: {students} submissions; their points are in report.html")
    judged_or_not: list[Result | Submission] = [*done.results, *unplaced]
    for refused in judged_or_not:
        if refused.problem:
            said = f"[red]{refused.student} could not be graded:[/red]"
            console.print(f"{said} {escape(refused.problem)}", soft_wrap=True)
    for title, path in (
        ("grades", out / "grades.csv"),
        ("for Canvas", out / "canvas.csv"),
        ("class report", out / "report.html"),
    ):
        console.print(f"{title + ':':14}{as_typed(path)}")


def as_typed(path: Path) -> str:
    """Return a path as one would type it in the working folder."""
    return os.path.relpath(path)


def score_table(master: Master, rows: list[Row], width: int) -> Table:
    """Return the table of students by exercise, with totals of the checks.

    Args:
        master: the notebook's master.
        rows: of the notebook.
        width: of the console in characters; the exercises are left out if it is too narrow.
    """
    maxima = {e: sum(c.points for c in master.checks_of(e).values()) for e in master.exercises}
    students = list(dict.fromkeys(row.student for row in rows))
    needed = max(map(len, students), default=0) + sum(5 + len(f"{m:g}") for m in maxima.values())
    shown = maxima if needed + 20 <= width else {}
    # Non-breaking spaces: a number stays with its exercise.
    items = (f"{n}\u00a0{e}\u00a0({m:g})" for n, (e, m) in enumerate(shown.items(), 1))
    table = Table(
        caption="  ".join(items),
        caption_justify="left",
    )
    table.add_column("student", no_wrap=True)
    for number, maximum in enumerate(shown.values(), 1):
        table.add_column(f"{number}\n/{maximum:g}", justify="right", no_wrap=True)
    table.add_column(f"total\n/{master.points:g}", justify="right", no_wrap=True)
    table.add_column("%", justify="right", no_wrap=True)
    for student in students:
        mine = [row for row in rows if row.student == student and row.exercise in maxima]
        scores = [sum(row.points for row in mine if row.exercise == e) for e in shown]
        total = sum(row.points for row in mine)
        cells = [f"{score:g}" for score in (*scores, total)]
        table.add_row(student, *cells, f"{100 * total / master.points:.0f}")
    return table
