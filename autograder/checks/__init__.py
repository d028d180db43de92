"""The checks of the notebooks, one module a notebook, and their registry.

A check is a plain function whose parameters are the student's names. It makes its
inputs from a seed, calls the student's functions, and compares with an independent
oracle through the ``expect`` functions of course_helper. The same source text

* is a cell of the student notebook, if the check is public;
* runs in the student's kernel under nbgrader and otter;
* runs in a trusted process, with proxies for the names, under autograder.judging.session.

So it follows three rules: say what is called inside the ``expect`` call; make with
``inside`` or ``parameter`` what must live in the student's process (modules,
optimisers, tensors that record gradients); never rely on the identity of objects.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Check:
    """One check of one exercise.

    Attributes:
        exercise: the id of the exercise.
        name: the name of the function.
        points: what it is worth.
        hint: what a student reads when it fails; all that is shown if it is hidden.
        hidden: whether students may not see it.
        function: the check itself.
    """

    exercise: str
    name: str
    points: float
    hint: str
    hidden: bool
    function: Callable[..., None]

    @property
    def parameters(self) -> list[str]:
        """The student's names that the check uses."""
        return list(inspect.signature(self.function).parameters)

    @property
    def source(self) -> str:
        """The source text, decorator included, as students see it."""
        return inspect.getsource(self.function)

    @property
    def place(self) -> tuple[Path, int]:
        """File and line of the check."""
        return Path(inspect.getsourcefile(self.function)), inspect.getsourcelines(self.function)[1]


def check(
    exercise: str, *, points: float | None = None, hint: str | None = None, hidden: bool = False
) -> Callable[[Callable[..., None]], Check]:
    """Register the decorated function as a check; see Check for the arguments."""

    def register(function: Callable[..., None]) -> Check:
        made = Check(exercise, function.__name__, points, hint, hidden, function)
        # A list in the module, because a second check of the same name hides the first.
        function.__globals__.setdefault("CHECKS", []).append(made)
        return made

    return register


def number_checks(checks: list[Check]) -> dict[str, Check]:
    """Return checks by id: ``mse_loss-public-1``, ``mse_loss-hidden-1``, ``mse_loss-hidden-2``.

    An id tells neither the name of a hidden check nor what it tests: students see it.
    The numbers count the checks of one exercise and kind in the order given.
    """
    numbered: dict[str, Check] = {}
    for check in checks:
        kind = f"{check.exercise}-{'hidden' if check.hidden else 'public'}"
        number = 1 + sum(key.rpartition("-")[0] == kind for key in numbered)
        numbered[f"{kind}-{number}"] = check
    return numbered


def topic_of(notebook: str) -> str:
    """Return the topic of a notebook's name: ``01_pytorch_basics`` gives ``pytorch_basics``."""
    return notebook.partition("_")[2]


def load_checks(notebook: str) -> list[Check]:
    """Return the checks of a notebook in the order of the file.

    Raises:
        ModuleNotFoundError: the notebook has no module of checks.
    """
    module = importlib.import_module(f"autograder.checks.{topic_of(notebook)}")
    return list(getattr(module, "CHECKS", []))


@functools.cache
def checks_by_id(notebook: str) -> dict[str, Check]:
    """Return the checks of a notebook by id, as they were when it was first asked for.

    Raises:
        ModuleNotFoundError: the notebook has no module of checks.
    """
    return number_checks(load_checks(notebook))
