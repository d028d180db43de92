"""The rows of nbgrader's gradebook that hold submissions: read and written in few statements.

nbgrader's own functions find every grade by a join of seven tables and commit after each.
These use its tables and load whole submissions.
"""

from __future__ import annotations

from collections.abc import Iterator

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    GradeCell,
    Notebook,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.orm import Session, load_only

from autograder.checks.shared.verdict import is_full
from autograder.course.master import Master
from autograder.errors import CourseError
from autograder.results.feedback import Graded
from autograder.results.gradebook.autograded import Marks
from autograder.results.gradebook.database import Database
from autograder.results.result import Result, Row

GRADED, COMMENTED = ("GradeCell", "TaskCell"), ("SolutionCell", "TaskCell")
LATE = "late penalty"
BROKEN = "A later hand-in could not be graded; these are the points of the one before. "


class Scores:
    """What the gradebook has for one notebook, read at once, and the rows it makes.

    Args:
        master: the notebook's master.
        database: the gradebook.
    """

    def __init__(self, master: Master, database: Database) -> None:
        self.master, self.checks = master, master.checks_by_id
        self.maxima = {k: c.points for k, c in self.checks.items()} | master.written
        student, name = SubmittedAssignment.student_id, master.name
        columns = (student, BaseCell.name, Grade.score, Grade.needs_manual_grade, is_graded())
        grades = (
            notebooks_named(name, *columns)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .join(BaseCell.__table__, BaseCell.id == Grade.cell_id)
        )
        late = notebooks_named(name, student, SubmittedNotebook.late_submission_penalty)
        found, penalties = database.run(
            lambda session: (session.execute(grades).all(), session.execute(late).all())
        )
        self.penalties = {student: penalty for student, penalty in penalties if penalty}
        self.graded = {student for student, *_, has_score in found if has_score}
        self.grades: dict[str, dict[str, tuple[float, bool]]] = {}
        for student, key, score, needs, _ in found:
            self.grades.setdefault(student, {})[key] = (score, needs)

    def rows(self, result: Result) -> Iterator[Row]:
        """Yield the rows of one student.

        Args:
            result: what grading gave.

        Raises:
            CourseError: the submission is not in the gradebook.
        """
        mine = self.grades.get(result.student, {})
        if not result.problem and not self.maxima.keys() <= mine.keys():
            raise CourseError(f"{result.student} is not in the gradebook for {self.master.name}")
        whose = (result.student, self.master.name)
        for key, maximum in self.maxima.items():
            points, needs = mine.get(key, (0, False))
            status, message = self._status(result, key, points, needs)
            yield Row(*whose, *self._names(key), points, maximum, status, message)
        penalty = self.penalties.get(result.student)
        if penalty:
            yield Row(*whose, LATE, LATE, -penalty, 0, "late", "")

    def _status(self, result: Result, key: str, points: float, needs: bool) -> tuple[str, str]:
        if result.problem:
            earlier = BROKEN if result.student in self.graded else ""
            return "broken", earlier + result.problem
        if key in self.master.written:
            return ("needs grading" if needs else "graded"), ""
        if is_full(points, self.maxima[key]):
            return "passed", ""
        return "failed", result.verdicts[key].message

    def _names(self, key: str) -> tuple[str, str]:
        if key in self.checks:
            return self.checks[key].exercise, self.checks[key].name
        return key, "written answer"


def graded_of(session: Session, name: str, students: list[str]) -> dict[str, Graded]:
    """Return what the gradebook says about submissions of a notebook, by student.

    Args:
        session: on the gradebook.
        name: of the notebook.
        students: whose; those without a submission are left out.
    """
    student = SubmittedAssignment.student_id
    late = notebooks_named(name, student, SubmittedNotebook.late_submission_penalty)
    graded = {key: Graded({}, {}, penalty or 0) for key, penalty in session.execute(late)}
    scores = (
        notebooks_named(name, student, GradeCell.name, Grade.score, GradeCell.max_score)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .join(GradeCell, GradeCell.id == Grade.cell_id)
    )
    for key, cell, score, maximum in session.execute(scores):
        graded[key].scores[cell] = (score, maximum)
    comments = (
        notebooks_named(name, student, BaseCell.name, Comment.comment)
        .join(Comment, Comment.notebook_id == SubmittedNotebook.id)
        .join(BaseCell.__table__, BaseCell.id == Comment.cell_id)
    )
    for key, cell, comment in session.execute(comments):
        graded[key].comments[cell] = comment
    return {key: graded[key] for key in students if key in graded}


def notebooks_named(name: str, *columns):
    """Return the query of some columns for all submissions of a notebook."""
    return (
        select(*columns)
        .select_from(SubmittedNotebook)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == Notebook.assignment_id)
        .where(Notebook.name == name, Assignment.name == name)
    )


def is_graded():
    """Return the condition that a grade has a score, by the autograder or by hand."""
    return or_(Grade.auto_score.is_not(None), Grade.manual_score.is_not(None))


def cells_in(session: Session, name: str) -> set[tuple[str, str]]:
    """Return kind and id of the cells that the gradebook has of a notebook."""
    notebook = (
        select(Notebook.id)
        .join(Assignment, Assignment.id == Notebook.assignment_id)
        .where(Notebook.name == name, Assignment.name == name)
        .scalar_subquery()
    )
    base = select(BaseCell.type, BaseCell.name).where(BaseCell.notebook_id == notebook)
    source = select(SourceCell.name).where(SourceCell.notebook_id == notebook)
    found = {(kind, key) for kind, key in session.execute(base)}
    return found | {("SourceCell", key) for key in session.scalars(source)}


def cells_of(source: NotebookNode) -> set[tuple[str, str]]:
    """Return kind and id of the cells that nbgrader saves of a source notebook."""
    kinds = {"GradeCell": utils.is_grade, "SolutionCell": utils.is_solution}
    found = set()
    for cell in source.cells:
        mine = {(kind, cell.metadata.nbgrader.grade_id) for kind, has in kinds.items() if has(cell)}
        found |= mine | {("SourceCell", key) for _, key in mine}
    return found


def add_student(session: Session, student: str) -> None:
    """Make a student known to the gradebook; what it knows already stays."""
    if session.scalar(select(Student.id).where(Student.id == student)) is None:
        session.add(Student(id=student))


def find_or_add_submission(session: Session, name: str, student: str) -> SubmittedAssignment:
    """Return a student's submission, made with its notebooks if there was none.

    Args:
        session: on the gradebook.
        name: of the notebook and its assignment.
        student: who is known to the gradebook.

    Raises:
        CourseError: the gradebook does not know the assignment.
    """
    # nbgrader's objects have columns that sum up whole tables: load only what is needed.
    fields = load_only(Assignment.id, Assignment.duedate)
    assignment = session.scalar(select(Assignment).options(fields).where(Assignment.name == name))
    if assignment is None:
        raise CourseError(f"the gradebook does not know {name}; prepare it first")
    mine = SubmittedAssignment
    fields = load_only(mine.id, mine.assignment_id, mine.student_id, mine.timestamp, mine.extension)
    is_mine = and_(mine.assignment_id == assignment.id, mine.student_id == student)
    submission = session.scalar(select(mine).options(fields).where(is_mine))
    if submission is None:
        submission = mine(id=new_uuid(), assignment_id=assignment.id, student_id=student)
        session.add(submission)
        notebooks = select(Notebook.id).where(Notebook.assignment_id == assignment.id)
        session.add_all(
            SubmittedNotebook(id=new_uuid(), notebook_id=key, assignment_id=submission.id)
            for key in session.scalars(notebooks)
        )
        session.flush()
    return submission


def save_marks(
    session: Session, submission: SubmittedAssignment, name: str, marks: Marks
) -> SubmittedNotebook:
    """Write the grades and comments of a submitted notebook, as SaveAutoGrades does.

    Args:
        session: on the gradebook.
        submission: the student's.
        name: of the notebook.
        marks: what to write; a cell without a mark needs a look by hand.

    Returns:
        the submitted notebook. If mark_broken had flagged it, it is so no longer.
    """
    fields = load_only(
        SubmittedNotebook.id,
        SubmittedNotebook.notebook_id,
        SubmittedNotebook.flagged,
        SubmittedNotebook.late_submission_penalty,
    )
    notebook = session.scalars(
        notebooks_named(name, SubmittedNotebook)
        .options(fields)
        .where(SubmittedNotebook.assignment_id == submission.id)
    ).one()
    columns = select(BaseCell.id, BaseCell.type, BaseCell.name)
    cells = session.execute(columns.where(BaseCell.notebook_id == notebook.notebook_id)).all()
    _save_grades(session, notebook.id, [(i, k) for i, kind, k in cells if kind in GRADED], marks)
    was_broken = _save_comments(
        session, notebook.id, [(i, k) for i, kind, k in cells if kind in COMMENTED], marks
    )
    if was_broken:
        notebook.flagged = False
    return notebook


def _save_grades(
    session: Session, notebook_id: str, cells: list[tuple[str, str]], marks: Marks
) -> None:
    columns = select(
        Grade.cell_id, Grade.id, Grade.auto_score, Grade.manual_score, Grade.needs_manual_grade
    ).where(Grade.notebook_id == notebook_id)
    old = {row.cell_id: row for row in session.execute(columns)}
    new, changed = [], []
    for cell_id, key in cells:
        row, score = old.get(cell_id), marks.scores.get(key)
        needs = score is None or (row is not None and row.manual_score is not None)
        values = {"auto_score": score, "needs_manual_grade": needs}
        if row is None:
            new.append({"cell_id": cell_id, "notebook_id": notebook_id, **values})
        elif (row.auto_score, row.needs_manual_grade) != (score, needs):
            changed.append({"id": row.id, **values})
    _write(session, Grade, new, changed)


def _save_comments(
    session: Session, notebook_id: str, cells: list[tuple[str, str]], marks: Marks
) -> bool:
    """Write the automatic comments; tell whether mark_broken had left one."""
    columns = select(Comment.cell_id, Comment.id, Comment.auto_comment)
    found = session.execute(columns.where(Comment.notebook_id == notebook_id))
    old = {row.cell_id: row for row in found}
    new, changed = [], []
    for cell_id, key in cells:
        row, comment = old.get(cell_id), marks.comments.get(key)
        if row is None:
            new.append({"cell_id": cell_id, "notebook_id": notebook_id, "auto_comment": comment})
        elif row.auto_comment != comment:
            changed.append({"id": row.id, "auto_comment": comment})
    _write(session, Comment, new, changed)
    return any((row.auto_comment or "").startswith(BROKEN) for row in old.values())


def _write(
    session: Session, kind: type[Grade | Comment], new: list[dict], changed: list[dict]
) -> None:
    if new:
        session.execute(insert(kind.__table__), [{"id": new_uuid(), **row} for row in new])
    if changed:
        session.execute(update(kind), changed)


def flag(session: Session, notebook_id: str, key: str, comment: str) -> None:
    """Mark a submitted notebook: a flag, a look by hand everywhere, and a comment.

    Args:
        session: on the gradebook.
        notebook_id: of the submitted notebook.
        key: the id of the exercise whose cell gets the comment.
        comment: the comment; one made by hand hides it.
    """
    mine = update(SubmittedNotebook).where(SubmittedNotebook.id == notebook_id)
    session.execute(mine.values(flagged=True))
    grades = update(Grade).where(Grade.notebook_id == notebook_id)
    session.execute(grades.values(needs_manual_grade=True))
    cells = select(BaseCell.id).where(BaseCell.name == key, BaseCell.type == "SolutionCell")
    comments = update(Comment).where(Comment.notebook_id == notebook_id, Comment.cell_id.in_(cells))
    session.execute(comments.values(auto_comment=comment))
