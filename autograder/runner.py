"""Run a submission in a second process and judge it here, check by check.

This is the trusted way to grade: no expected value reaches the student's process.
`course prove` uses it.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping

from nbformat import NotebookNode

from autograder.checks import Check
from autograder.judge import Verdict, judge
from autograder.remote import Session, StudentGone
from autograder.student.course_helper import StudentRaised, TimeLimit, student_side

CELL_SECONDS = 30.0
CHECK_SECONDS = 60.0  # of all calls of a check; one call has Session's limit


def with_answers(student: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Return a copy of a student notebook with answers typed into it.

    Args:
        student: the student copy.
        answers: from the id of an exercise or written question to the text of its cell.
    """
    notebook = copy.deepcopy(student)
    for cell in notebook.cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        if key in answers:
            cell.source = answers[key]
    return notebook


def run_submission(notebook: NotebookNode, checks: Mapping[str, Check]) -> dict[str, Verdict]:
    """Run the code cells in order and judge each check where its cell stands.

    Cells tagged skip-execution are skipped, as by the stock graders. A cell that
    raises, loops or ends the process costs what depends on it.

    Args:
        notebook: the submission.
        checks: the checks by id; one whose cell is gone is judged at the end.

    Returns:
        the verdicts by id.
    """
    verdicts: dict[str, Verdict] = {}
    with Session() as session:
        for cell in notebook.cells:
            key = cell.metadata.get("nbgrader", {}).get("grade_id")
            if key in checks:
                verdicts[key] = _judge_remotely(session, checks[key])
            elif cell.cell_type == "code" and "skip-execution" not in cell.metadata.get("tags", []):
                _execute(session, cell.source)
        for key, check in checks.items():
            if key not in verdicts:
                verdicts[key] = _judge_remotely(session, check)
    return verdicts


def _execute(session: Session, source: str) -> None:
    # The checks that need the cell will say what happened.
    with contextlib.suppress(TimeLimit, StudentGone, StudentRaised):
        session.execute(source, CELL_SECONDS)


def _judge_remotely(session: Session, check: Check) -> Verdict:
    token = student_side.set(session)
    try:
        session.begin_check()
        return judge(check, session, CHECK_SECONDS)
    except StudentGone as gone:
        return Verdict(False, "error", str(gone), str(gone))
    finally:
        student_side.reset(token)
