"""nbgrader's gradebook and course directory, filled from results.

What stands there afterwards is what ``nbgrader autograde`` would have put there, so that
formgrader, ``nbgrader generate_feedback`` and ``nbgrader export`` show it as their own.
nbgrader's preprocessors query and commit once a cell; here a submission is one transaction
of about a dozen statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Assignment, Grade, SubmittedAssignment, SubmittedNotebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import and_, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from traitlets.config import Config

from autograder.course.compose import dumps, source_notebook, student_notebook
from autograder.course.config import Course
from autograder.course.master import Master
from autograder.errors import CourseError
from autograder.files import copy_marks, exclusive, replace_file
from autograder.inside import joining
from autograder.results.feedback import write_feedback
from autograder.results.gradebook import course_directory
from autograder.results.gradebook.autograded import graded_notebook, marks_of, text_of
from autograder.results.gradebook.database import Database, absolute_url, without_password
from autograder.results.gradebook.rows import (
    BROKEN,
    Scores,
    add_student,
    cells_in,
    cells_of,
    find_or_add_submission,
    flag,
    graded_of,
    is_graded,
    notebooks_named,
    save_marks,
)
from autograder.results.regrade_notes import RegradeNotes
from autograder.results.result import Result, Row

T = TypeVar("T")


class Book:
    """An nbgrader course directory and its gradebook, open for results.

    Use it as a context manager, one a run, in the process that coordinates.

    Args:
        course: the course.
        out: the course directory; it is made if it is not there.
        url: where the gradebook is: any SQLAlchemy URL that nbgrader takes. It is written
            into the directory's nbgrader_config.py, for nbgrader's own programs; with a
            password in it only its owner can read that file. Without it an earlier run's
            choice holds, else it is gradebook.db in ``out``.

    Raises:
        CourseError: the gradebook cannot be opened; the message says why.
    """

    def __init__(self, course: Course, out: Path, url: str | None = None) -> None:
        self.course, self.out = course, out.resolve()
        self._composed: dict[str, tuple[NotebookNode, NotebookNode]] = {}
        course_directory.quieten()
        config = self.out / "nbgrader_config.py"
        before = (config.read_bytes(), config.stat().st_mode) if config.is_file() else None
        try:
            self._open(absolute_url(url, Path.cwd()) if url else None)
        except CourseError:
            # A gradebook that cannot be opened is not the choice of later runs.
            config.unlink(missing_ok=True)
            if before:
                replace_file(config, *before)
            raise

    def _open(self, url: str | None) -> None:
        course_directory.write_config(self.course, self.out, url)
        self._config, self._directory, self._late = self._configured()
        used = absolute_url(self._directory.db_url, self.out)
        if url and make_url(used) != make_url(url):
            raise CourseError(
                f"nbgrader_config_local.py names the gradebook {without_password(used)}; "
                "take that line out, or ask for no other gradebook",
                self.out,
            )
        self._database = Database(used, self._directory.course_id)

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_) -> None:
        self._database.close()

    def own_settings(self) -> bytes:
        """Return the instructor's own settings, on which late penalties depend; b"" if none."""
        path = self.out / "nbgrader_config_local.py"
        return path.read_bytes() if path.is_file() else b""

    def release(self, master: Master) -> NotebookNode:
        """Return the student copy of a notebook."""
        return self._compose(master)[1]

    def _compose(self, master: Master) -> tuple[NotebookNode, NotebookNode]:
        """Return source and release of a notebook; the last step takes a moment."""
        if master.name not in self._composed:
            source = source_notebook(self.course, master)
            self._composed[master.name] = source, student_notebook(source)
        return self._composed[master.name]

    def prepare(self, master: Master) -> None:
        """Put a notebook's source and release, its checks and its due date in place.

        What is in place stays untouched, also a due date set in formgrader if course.toml
        names none. Two runs that do this at once wait for one another.

        Raises:
            CourseError: checks came or went since submissions were graded here.
        """
        source, release = self._compose(master)
        with exclusive(self.out / ".preparing"):
            if not self._is_prepared(master.name, source, release):
                self.refuse_other_cells(master)
                folder = self.out / "source" / master.name
                self.course.write_helper(folder)
                replace_file(folder / f"{master.name}.ipynb", dumps(source))
                course_directory.generate_release(self.course, master.name, self.out)
        self._set_due_date(master.name)

    def store(
        self,
        master: Master,
        result: Result,
        notebook: NotebookNode,
        submitted: datetime | None,
        original: bytes | None = None,
    ) -> None:
        """Put the grades of one submission in place: gradebook rows and autograded notebook.

        The rows become what nbgrader's SaveAutoGrades and AssignLatePenalties make them.
        Scores, extra credit and comments given by hand stay; a cell with a score by hand
        is marked for another look, as by nbgrader. The files are replaced within the
        transaction, just before it ends: if the process is killed there, files are new
        and rows old until the submission is stored again. So note a submission as done
        only after this has returned.

        Args:
            master: the notebook's master; it is prepared.
            result: what grading gave.
            notebook: the normalised submission; it is not changed.
            submitted: when it was handed in; without a zone it is UTC. If it is None, the
                time in submitted/ or else in the gradebook holds.
            original: the file as handed in, for submitted/; by default the normalised
                notebook.

        Raises:
            CourseError: result and notebook do not fit the master, or the gradebook or
                the folder cannot be written.
        """
        name, student = master.name, result.student
        missing = [key for key in master.checks_by_id if key not in result.verdicts]
        if missing:
            raise CourseError(f"the result of {student} has no verdict on {missing[0]}")
        graded = graded_notebook(notebook, result.verdicts)
        marks = marks_of(graded, master, result.verdicts)
        text = text_of(graded)
        handed_in = self._folder("submitted", student, name)
        stamp = utils.parse_utc(submitted)
        known_stamp = stamp or self._stamp_in(handed_in)
        if original is None:
            original = text_of(notebook).encode("utf-8", "replace")

        def work(session: Session) -> None:
            add_student(session, student)
            submission = find_or_add_submission(session, name, student)
            submission.timestamp = known_stamp or submission.timestamp
            row = save_marks(session, submission, name, marks)
            self._set_late_penalty(submission, row)
            session.flush()
            _hand_in(handed_in / f"{name}.ipynb", original, stamp)
            autograded = self._folder("autograded", student, name)
            replace_file(autograded / f"{name}.ipynb", text)
            copy_marks(handed_in, autograded)

        self._write(work)

    def mark_broken(self, master: Master, result: Result, original: bytes | None = None) -> bool:
        """Show in the gradebook that a submission could not be graded.

        If an earlier hand-in was graded, its scores and its notebook stay, but not in
        silence: the submission is flagged, its cells need a look by hand, and a comment
        says why. store() takes these marks away again. If none was graded, the gradebook
        knows the student and has no points, and formgrader lists the hand-in as not
        graded.

        Args:
            master: the notebook's master; it is prepared.
            result: says what the problem is.
            original: the file as handed in, if there is one.

        Returns:
            whether the scores of an earlier hand-in stay.

        Raises:
            CourseError: the gradebook or the folder cannot be written.
        """
        path = self._folder("submitted", result.student, master.name) / f"{master.name}.ipynb"

        def work(session: Session) -> bool:
            add_student(session, result.student)
            earlier = session.scalar(
                notebooks_named(master.name, SubmittedNotebook.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .where(SubmittedAssignment.student_id == result.student, is_graded())
                .limit(1)
            )
            if earlier:
                flag(session, earlier, master.exercises[0], BROKEN + result.problem)
            elif original is not None:
                _hand_in(path, original, None)
            return earlier is not None

        return self._write(work)

    def rows(self, masters: Iterable[Master], results: Iterable[Result]) -> Iterator[Row]:
        """Yield what students got, check by check, as the gradebook has it now.

        Scores by hand count. A late penalty is a row of its own with points below zero, so
        that the points of a student's rows add up to the score that nbgrader shows. A
        submission that could not be graded has the points that the gradebook has: of an
        earlier hand-in, else none.

        Args:
            masters: the masters of the results' notebooks.
            results: of the submissions, in the order wanted.

        Raises:
            CourseError: a submission is not in the gradebook.
        """
        scores = {m.name: Scores(m, self._database) for m in masters}
        for result in results:
            yield from scores[result.notebook].rows(result)

    def students(self, name: str) -> set[str]:
        """Return the students who have a submission of a notebook in the gradebook."""
        query = notebooks_named(name, SubmittedAssignment.student_id)
        return set(self._database.run(lambda session: session.scalars(query).all()))

    def feedback(self, master: Master, students: list[str]) -> dict[str, str]:
        """Write nbgrader's feedback pages of students whose submissions are stored.

        Args:
            master: the notebook's master.
            students: their ids.

        Returns:
            for each student without a page the reason; empty if all went well.
        """
        graded = self._database.run(lambda session: graded_of(session, master.name, students))
        notes = RegradeNotes(self.out)
        for student, each in graded.items():
            graded[student] = replace(each, regrades=notes.of(student, master.name))
        failed = {s: "it is not in the gradebook" for s in students if s not in graded}
        return failed | write_feedback(self._config, master.name, graded)

    def _configured(self) -> tuple[Config, CourseDirectory, AssignLatePenalties]:
        try:
            config = course_directory.load_config(self.out)
            directory, late = CourseDirectory(config=config), AssignLatePenalties(config=config)
            late.init_plugin()
        except Exception as error:  # whatever an instructor's file may raise
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise CourseError(reason, self.out / "nbgrader_config_local.py") from None
        return config, directory, late

    def _is_prepared(self, name: str, source: NotebookNode, release: NotebookNode) -> bool:
        path = course_directory.release(self.out, name)
        wanted = {
            self.out / "source" / name / f"{name}.ipynb": dumps(source),
            path: dumps(release),
            path.with_name(joining.FILE): self.course.helper,
        }
        if any(not p.is_file() or p.read_text("utf-8") != text for p, text in wanted.items()):
            return False
        # The files may be there and the gradebook be another one, or only half filled.
        return self._database.run(lambda session: cells_in(session, name)) == cells_of(source)

    def refuse_other_cells(self, master: Master) -> None:
        """Refuse what nbgrader refuses, but before anything is graded or removed.

        Raises:
            CourseError: checks came or went since submissions were graded here.
        """
        name, source = master.name, source_notebook(self.course, master)

        def work(session: Session) -> bool:
            used = session.execute(notebooks_named(name, SubmittedNotebook.id).limit(1)).first()
            return used is not None and cells_in(session, name) != cells_of(source)

        if self._database.run(work):
            raise CourseError(
                f"exercises or checks of {name} came or went since submissions were graded "
                "here; grade into another folder",
                self.out,
            )

    def _set_due_date(self, name: str) -> None:
        due = utils.parse_utc(self.course.assignment(name).due)
        if due:
            is_other = and_(Assignment.name == name, Assignment.duedate.is_distinct_from(due))
            change = update(Assignment).where(is_other).values(duedate=due)
            self._database.run(lambda session: session.execute(change))

    def _folder(self, step: str, student: str, name: str) -> Path:
        if not student.isprintable() or set(student) & set("/\\") or student in ("", ".", ".."):
            raise CourseError(f"{student!r} cannot be a student's id; rename the folder")
        return Path(self._directory.format_path(step, student, name))

    def _stamp_in(self, folder: Path) -> datetime | None:
        """Return the time of an earlier hand-in that nbgrader or a run before left there."""
        try:
            return self._directory.get_existing_timestamp(str(folder))
        except (ValueError, AttributeError):  # its own report of a bad one fails
            path = folder / "timestamp.txt"
            raise CourseError("this is no time; mend it or take it away", path) from None

    def _write(self, work: Callable[[Session], T]) -> T:
        try:
            return self._database.run(work)
        except OSError as error:
            path = Path(error.filename) if error.filename else self.out
            raise CourseError(f"cannot be written: {error.strerror}", path) from None

    def _set_late_penalty(
        self, submission: SubmittedAssignment, notebook: SubmittedNotebook
    ) -> None:
        """Do what nbgrader's AssignLatePenalties does, by its plugin and its bounds."""
        if not self._late.enabled:
            return
        penalty, seconds = None, submission.total_seconds_late
        if seconds > 0:
            plugin = self._late.plugin_inst
            try:
                penalty = plugin.late_submission_penalty(
                    submission.student_id, notebook.score, seconds
                )
            except Exception as error:  # a plugin may be anybody's
                reason = f"{type(plugin).__name__} failed: {type(error).__name__}: {error}"
                raise CourseError(reason) from error
        if penalty is not None:
            penalty = self._late._check_late_penalty(notebook, penalty)
        notebook.late_submission_penalty = penalty


def _hand_in(path: Path, original: bytes, stamp: datetime | None) -> None:
    """Put a submission where nbgrader looks for those handed in; leave an equal one alone."""
    if not path.is_file() or path.read_bytes() != original:
        replace_file(path, original)
    if stamp:
        replace_file(path.with_name("timestamp.txt"), f"{stamp:%Y-%m-%d %H:%M:%S.%f} UTC")
