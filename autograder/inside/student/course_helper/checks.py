"""Checks: they are run with a limit, from one seed, and answer with a failure or none."""

from __future__ import annotations

import contextlib
import inspect
import io
import random
import sys
import warnings
from collections.abc import Callable, Mapping
from types import FunctionType

import torch

from autograder.inside.student.course_helper.failures import (
    CheckFailed,
    Failure,
    Mismatch,
    NotWrittenYet,
    StudentRaised,
    builtin_name,
    describe_error,
    is_stub,
)
from autograder.inside.student.course_helper.limits import TimeLimit, time_limit

CHECK_SECONDS = 10.0
# In a notebook the first optimiser imports half of torch in the middle of a check.
NOTEBOOK_CHECK_SECONDS = 20.0
# While others hold the cores a check's time is that of its process, for so long by the clock: for
# less than the 30 s that a cell has.
BUSY_FACTOR, BUSY_SECONDS = 2.5, 25.0


def check(
    exercise: str, *, points: float, hint: str, hidden: bool = False
) -> Callable[[FunctionType], None]:
    """Run the decorated function as a public check of an exercise, at once.

    The function's parameters are names that you define in this notebook. Nothing
    is returned; a failed check raises CheckFailed, which says what was called,
    what came back, what was expected, and a hint.

    Args:
        exercise: the name of the exercise.
        points: what the check is worth when the notebook is graded.
        hint: what to look at when the check fails.
        hidden: always False in a notebook; hidden checks run when you are graded.
    """

    def run(function: FunctionType) -> None:
        title = function.__name__.replace("_", " ")
        failure = run_check(function, function.__globals__, NOTEBOOK_CHECK_SECONDS)
        if failure is None:
            print(f"✓ {exercise}: {title} ({points:g} of {points:g} {_points(points)})")
            return
        kind = NotWrittenYet if failure.kind in ("stub", "missing") else CheckFailed
        lines = [f"✗ {exercise}: {title} (0 of {points:g} {_points(points)})", failure.text]
        if kind is CheckFailed:
            lines.append(f"Hint: {hint}")
        raise kind("\n".join(lines)) from None

    return run


def _points(points: float) -> str:
    return "point" if points == 1 else "points"


def run_check(
    function: Callable[..., object], names: Mapping[str, object], seconds: float = CHECK_SECONDS
) -> Failure | None:
    """Call a check with the objects its parameters name; return None if it passes.

    Warnings, and what the student's code prints to stderr, are dropped: nbgrader
    would count them as failure. torch, numpy and random are seeded first.

    Args:
        function: the check.
        names: mapping from a name to the student's object, such as ``globals()``.
        seconds: the limit. It holds in a main thread on Unix. On a busy machine it is one of CPU
            time; by the clock a check may then take up to 2.5 times as long, at most 25 s.
    """
    arguments = {}
    for name in inspect.signature(function).parameters:
        if name not in names:
            return Failure(
                "missing",
                f"{name} is not defined. Run the cell that defines it, then this one.",
            )
        arguments[name] = names[name]
    seed_everything(0)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            with time_limit(seconds, min(BUSY_FACTOR * seconds, BUSY_SECONDS)):
                function(**arguments)
    except Mismatch as error:
        return Failure("mismatch", str(error))
    except StudentRaised as error:
        return error.failure
    except (TimeLimit, KeyboardInterrupt):
        return Failure("timeout", f"It did not finish in {seconds:g} s. Is there an endless loop?")
    except BaseException as error:  # a student's sys.exit must not end the grading
        if is_stub(error):
            text = str(error) or f"{' or '.join(arguments)} is not written yet."
            return Failure("stub", f"{text} Write it in the cell above, run that, then this.")
        return Failure("error", describe_error(error), builtin_name(error))
    return None


def seed_everything(seed: int) -> None:
    """Seed torch, numpy (if it is loaded) and random."""
    # torch.manual_seed would also note, with a traceback, to seed CUDA when it is first used.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
