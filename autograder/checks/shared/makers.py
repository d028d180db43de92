"""Make hidden checks of kinds that many exercises need, a line or two each.

    keeps_device("pad2d", "pads_on_the_device_of_the_image", lambda: (numbers(4, 3, seed=4), 2))

A maker takes the exercise, the name of the check, and a function that makes the arguments of
a call: a tuple of them, or the only one. They are made anew whenever the check runs. The hint
has a default where one fits most exercises; ``points`` is 1 if it is not given.

Public checks are written out, because students read them, and so is whatever checks more than
its kind. A module can have a maker of its own, made of ``hidden``, for what its exercises share.
"""

from __future__ import annotations

import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from autograder.checks import Check
from autograder.checks.shared.common import expect_device_of_input, expect_raises
from autograder.inside.student.course_helper import (
    expect_close,
    expect_equal,
    expect_written_by_hand,
)

Inputs = Callable[[], object]


@dataclass(frozen=True)
class MadeCheck(Check):
    """A check that a maker has made: its source is the call of the maker.

    Attributes:
        text: the lines of the module with that call.
        file, line: where they stand.
    """

    text: str
    file: Path
    line: int

    @property
    def source(self) -> str:
        return self.text

    @property
    def place(self) -> tuple[Path, int]:
        return self.file, self.line


def hidden(
    exercise: str, name: str, test: Callable[[object], None], *, hint: str, points: float = 1
) -> None:
    """Register a hidden check in the module that is being loaded.

    Args:
        exercise: its id, which is the only one of the student's names that the check uses.
        name: of the check.
        test: called with what the student has written for the exercise.
        hint, points: see Check.
    """

    def function(**names: object) -> None:
        test(names[exercise])

    parameter = inspect.Parameter(exercise, inspect.Parameter.KEYWORD_ONLY)
    # inspect looks for this first; mypy knows a function without it.
    function.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    module = _module_that_calls()
    made = MadeCheck(exercise, name, points, hint, True, function, *_call_in(module))
    module.f_globals.setdefault("CHECKS", []).append(made)


def _module_that_calls() -> FrameType:
    frame = inspect.currentframe()
    while frame and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is None:
        raise RuntimeError("checks are made while their module is loaded")
    return frame


def _call_in(module: FrameType) -> tuple[str, Path, int]:
    """Return the text of the call that a module is making, in whole lines, and its place."""
    file, first = module.f_code.co_filename, module.f_lineno
    _, last, _, _ = list(module.f_code.co_positions())[module.f_lasti // 2]
    linecache.checkcache(file)  # the author edits it
    lines = linecache.getlines(file, module.f_globals)[first - 1 : last]
    return textwrap.dedent("".join(lines)), Path(file), first


def _made(inputs: Inputs) -> tuple:
    arguments = inputs()
    return arguments if isinstance(arguments, tuple) else (arguments,)


def keeps_device(
    exercise: str,
    name: str,
    inputs: Inputs,
    *,
    of: str = "the input",
    hint: str | None = None,
    points: float = 1,
) -> None:
    """The result lies on the device of the tensors that go in; ``of`` names them in the hint."""
    default = f"The result is on another device than {of}. A new tensor is made on the CPU unless "
    hidden(
        exercise,
        name,
        lambda it: expect_device_of_input(it, *_made(inputs)),
        hint=hint or f"{default}you say otherwise.",
        points=points,
    )


def keeps_double_precision(
    exercise: str,
    name: str,
    inputs: Inputs,
    *,
    hint: str = "float64 came in and another dtype went out. A new tensor is float32 unless you "
    "say otherwise.",
    points: float = 1,
) -> None:
    """The result is float64; the inputs have to be, or the one that decides."""

    def test(it) -> None:
        expect_equal(it(*_made(inputs)).dtype, torch.float64)

    hidden(exercise, name, test, hint=hint, points=points)


def leaves_alone(
    exercise: str,
    name: str,
    inputs: Inputs,
    *,
    hint: str = "What was passed in has changed. `-=`, `/=` and methods that end in _ work in "
    "place; the caller still needs the original.",
    points: float = 1,
) -> None:
    """The tensors that go in are the same after the call."""

    def test(it) -> None:
        arguments = _made(inputs)
        before = list(_copies(arguments))
        it(*arguments)
        for argument, copy in before:
            expect_close(argument, copy)

    hidden(exercise, name, test, hint=hint, points=points)


def _copies(arguments: tuple) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            yield argument, argument.clone()


def raises(
    exercise: str, name: str, kind: str, inputs: Inputs, *, hint: str, points: float = 1
) -> None:
    """The call raises a built-in exception of this name, such as ValueError."""
    hidden(
        exercise,
        name,
        lambda it: expect_raises(kind, it, *_made(inputs)),
        hint=hint,
        points=points,
    )


def written_by_hand(
    exercise: str,
    name: str,
    what: str,
    inputs: Inputs,
    *,
    hint: str = "A library function did the work. Write it yourself.",
    points: float = 1,
) -> None:
    """No library function does the work; ``what`` is a key of course_helper.LIBRARY_CALLS."""

    def test(it) -> None:
        expect_written_by_hand(what, it, *_made(inputs))

    hidden(exercise, name, test, hint=hint, points=points)
