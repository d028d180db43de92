"""Why a check failed, and how it is told."""

from __future__ import annotations

import contextlib
import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class CheckFailed(AssertionError):
    """A check failed. Jupyter shows the message alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        # Pages such as nbgrader's feedback cut long lines off.
        wrap = textwrap.TextWrapper(88, subsequent_indent="    ", break_long_words=False)
        return [part for line in str(self).splitlines() for part in wrap.wrap(line) or [""]]


class NotWrittenYet(CheckFailed, NotImplementedError):
    """The exercise of a check is still the stub that the notebook came with."""


@dataclass(frozen=True)
class Failure:
    """Why a check failed.

    Attributes:
        kind: "missing", "stub", "mismatch", "error" or "timeout".
        text: what happened, for somebody who may see the check's inputs.
        error: for kind "error" the name of the built-in exception, else "".
    """

    kind: str
    text: str
    error: str = ""


class StudentRaised(Exception):
    """The student's code raised in another process; ``failure`` tells what."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class Mismatch(AssertionError):
    """What came back is not what was expected."""


def is_stub(error: BaseException) -> bool:
    """Tell a stub's exception from torch's, which also raises NotImplementedError."""
    text = str(error)
    return isinstance(error, NotImplementedError) and (
        not text or text.endswith("is not written yet.")
    )


def builtin_name(error: BaseException) -> str:
    """Name the nearest built-in class: a student's own class name could carry data."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def describe_error(error: BaseException, *passed_over: str) -> str:
    """Say what was raised and in which lines, except those of libraries and given files."""
    text = f"  it raised   {type(error).__name__}: {error}"
    own = Path(__file__).parent if __package__ else Path(__file__)  # it may be a part of a package
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.line
        and own not in (Path(frame.filename), Path(frame.filename).parent)
        and frame.filename not in passed_over
        and "site-packages" not in frame.filename
    ]
    calls = [f"  line {frame.lineno} of {frame.name}:  {frame.line}" for frame in frames]
    return "\n".join([text, *calls])


@contextlib.contextmanager
def waits_for(*exercises: str) -> Iterator[None]:
    """Run a cell that uses your solutions; say so calmly while one is not written yet.

    Args:
        exercises: the names of the exercises whose functions the cell calls.
    """
    try:
        yield
    except (NotImplementedError, NameError) as error:
        missing = isinstance(error, NameError) and error.name in exercises
        if not missing and not is_stub(error):
            raise
        print(f"This cell waits for {', '.join(exercises)}. Solve that first, then run it again.")
