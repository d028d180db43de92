"""Values for checks, and those of the student's objects, in whatever process these live."""

from __future__ import annotations

import contextvars
import pkgutil
from typing import Any

import torch


class StudentSide:
    """Where the student's objects live: this process.

    The trusted grader puts another one in its place, whose objects live in the
    student's process (autograder.judging.session).
    """

    def inside(self, path: str) -> Any:
        """Return the object with this dotted path, such as ``torch.nn.Linear``."""
        return pkgutil.resolve_name(path)

    def plain(self, value: object) -> Any:
        """Return a copy of a value that belongs to the check: a tensor loses its graph."""
        return value.detach().clone() if isinstance(value, torch.Tensor) else value


THIS_PROCESS = StudentSide()
student_side = contextvars.ContextVar("student_side", default=THIS_PROCESS)


def inside(path: str) -> Any:
    """Return a library object as the student's process sees it, such as ``torch.nn.Linear``."""
    return student_side.get().inside(path)


def plain(value: object) -> Any:
    """Return the value of a result: a tensor without its graph, a number, a string."""
    return student_side.get().plain(value)


def parameter(values: object) -> torch.nn.Parameter:
    """Return a new tensor with these values that records gradients."""
    made: torch.nn.Parameter = inside("torch.nn.Parameter")(
        torch.as_tensor(values).detach().clone()
    )
    return made


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return standard normal numbers of this shape that depend on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
