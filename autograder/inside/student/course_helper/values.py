"""Values for checks, and those of the student's objects, in whatever process these live."""

from __future__ import annotations

import contextvars
import pkgutil

import torch


class StudentSide:
    """Where the student's objects live: this process.

    The trusted grader puts another one in its place, whose objects live in the
    student's process (autograder.judging.session).
    """

    def inside(self, path: str):
        """Return the object with this dotted path, such as ``torch.nn.Linear``."""
        return pkgutil.resolve_name(path)

    def plain(self, value):
        """Return a copy of a value that belongs to the check: a tensor loses its graph."""
        return value.detach().clone() if isinstance(value, torch.Tensor) else value


THIS_PROCESS = StudentSide()
student_side = contextvars.ContextVar("student_side", default=THIS_PROCESS)


def inside(path: str):
    """Return a library object as the student's process sees it, such as ``torch.nn.Linear``."""
    return student_side.get().inside(path)


def plain(value):
    """Return the value of a result: a tensor without its graph, a number, a string."""
    return student_side.get().plain(value)


def parameter(values) -> torch.Tensor:
    """Return a new tensor with these values that records gradients."""
    return inside("torch.nn.Parameter")(torch.as_tensor(values).detach().clone())


def numbers(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return standard normal numbers of this shape that depend on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
