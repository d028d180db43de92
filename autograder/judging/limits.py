"""A time limit for the cells of an IPython kernel that has none of its own."""

from __future__ import annotations

import contextlib

from IPython import get_ipython

from autograder.inside.student.course_helper import time_limit


def limit_cells(seconds: float) -> None:
    """Make every later cell of this kernel raise TimeLimit after this many seconds."""
    running = contextlib.ExitStack()
    events = get_ipython().events
    events.register("pre_run_cell", lambda info: running.enter_context(time_limit(seconds)))
    events.register("post_run_cell", lambda result: running.close())
