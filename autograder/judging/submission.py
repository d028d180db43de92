"""Run a submission in a second process and judge it here, check by check.

This is the trusted way to grade: no expected value reaches the student's process.
`course grade` and `course prove` use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.checks import Check
from autograder.checks.shared.verdict import Verdict
from autograder.course.cells import grade_id, is_run
from autograder.inside.limits import CELL_SECONDS, CHECK_TOTAL_SECONDS
from autograder.inside.student.course_helper import Failure, StudentRaised, TimeLimit, student_side
from autograder.judging.judge import failed, judge
from autograder.judging.sandbox.fork_client import Used
from autograder.judging.session import GONE, StudentGone, StudentProcess


@dataclass(frozen=True)
class Run:
    """What came of running and judging a submission.

    Attributes:
        verdicts: by the id of the check.
        used: what the student's process has used.
        notes: what an instructor should know, a sentence each.
        raised: what cells have raised, by the number of the cell, from 1; empty where hidden
            checks ran.
    """

    verdicts: dict[str, Verdict]
    used: Used
    notes: tuple[str, ...]
    raised: dict[int, str]


def run_submission(notebook: NotebookNode, checks: Mapping[str, Check]) -> Run:
    """Run the code cells in order and judge each check where its cell stands.

    Cells tagged skip-execution are skipped, as by the stock graders. A cell that
    raises, loops or ends the process costs what depends on it.

    Args:
        notebook: the submission.
        checks: the checks by id; one whose cell is gone is judged at the end.
    """
    verdicts: dict[str, Verdict] = {}
    notes: list[str] = []
    raised: dict[int, str] = {}
    guarded = any(check.hidden for check in checks.values())
    with StudentProcess() as session:
        for number, cell in enumerate(notebook.cells, 1):
            key = grade_id(cell)
            gone = session.gone
            if key in checks:
                verdicts[key] = _judge_remotely(session, checks[key], guarded)
            elif is_run(cell):
                notes += _execute(session, cell.source, number, None if guarded else raised)
            if session.gone and not gone:
                notes.append(f"Its process ended at cell {number}; the checks after that fail.")
        for key, check in checks.items():
            if key not in verdicts:
                verdicts[key] = _judge_remotely(session, check, guarded)
    if session.used.killed:
        notes.append(f"It was ended because it used too much {session.used.killed}.")
    return Run(verdicts, session.used, tuple(notes), raised)


def _execute(
    session: StudentProcess, source: str, number: int, raised: dict[int, str] | None
) -> list[str]:
    """Run a cell; return what to tell of it. The checks that need the cell say what is missing."""
    try:
        if not session.execute(source, CELL_SECONDS) and raised is not None:
            raised[number] = session.problem()
    except TimeLimit:
        return [f"Cell {number} did not finish in {CELL_SECONDS:g} s."]
    except (StudentGone, StudentRaised, NotImplementedError):
        pass
    return []


def _judge_remotely(session: StudentProcess, check: Check, guarded: bool) -> Verdict:
    token = student_side.set(session)
    try:
        session.begin_check(check.parameters, CHECK_TOTAL_SECONDS)
        return judge(check, session, CHECK_TOTAL_SECONDS, guarded=guarded)
    except StudentGone:
        return Verdict("error", GONE, GONE)
    except (StudentRaised, NotImplementedError) as problem:  # only a tampered process raises here
        return failed(check, Failure("error", str(problem), "Exception"), guarded=guarded)
    except TimeLimit:
        return Verdict("timeout", GONE, GONE)
    finally:
        student_side.reset(token)
