"""Run checks inside the student's kernel, for the stock graders nbgrader and otter.

Here student code and checks share a process, so a hostile submission can win
points; honest ones get the same score as from every other grader.
"""

from __future__ import annotations

import contextlib
import io

import torch._dynamo  # noqa: F401  # seconds that the first optimiser would take from a check
from IPython import get_ipython

from autograder.checks import checks_by_id
from autograder.inside.student.course_helper import CheckFailed, time_limit
from autograder.judging.judge import judge


def judge_here(notebook: str, key: str, names: dict[str, object]) -> None:
    """Judge one check on the objects in a namespace.

    What the student's code prints is dropped: it could show the check's inputs.

    Args:
        notebook: such as 01_pytorch_basics.
        key: the check's id.
        names: the student's namespace.

    Raises:
        CheckFailed: the check failed; the message may be shown to the student.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        verdict = judge(checks_by_id(notebook)[key], names)
    if not verdict.passed:
        raise CheckFailed(verdict.message) from None


def limit_cells(seconds: float) -> None:
    """Make every later cell of this kernel raise TimeLimit after this many seconds."""
    running = contextlib.ExitStack()
    events = get_ipython().events
    events.register("pre_run_cell", lambda info: running.enter_context(time_limit(seconds)))
    events.register("post_run_cell", lambda result: running.close())
