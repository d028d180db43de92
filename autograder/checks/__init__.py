"""The checks of the notebooks, one module a notebook, and their registry.

The modules are the course's and are loaded by their path. This registry and the folder shared/
are the engine's.

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
import linecache
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from autograder.files import files_below, module_at

FOLDER = "COURSE_CHECKS"  # the environment variable with the folder of the modules of checks
_loaded: dict[Path, ModuleType] = {}


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
        return Path(self.function.__code__.co_filename), inspect.getsourcelines(self.function)[1]


def check(
    exercise: str, *, points: float = 0, hint: str = "", hidden: bool = False
) -> Callable[[Callable[..., None]], Check]:
    """Register the decorated function as a check; see Check for the arguments.

    Points and hint have to be given. Who forgets one is told with the line (course.master), which
    a missing argument would not do.
    """

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


def folder_here() -> Path:
    """Return where a kernel finds the checks: in the course, else, as in otter's zip, beside this.

    The environment variable is set by nbgrader_config.py.
    """
    return Path(os.environ.get(FOLDER) or Path(__file__).resolve().parent)


def files_of(folder: Path, notebook: str) -> list[Path]:
    """Return all that a notebook's checks are made of: the folder without other notebooks' modules.

    Args:
        folder: with the modules of checks of a course; what they share lies in folders there.
        notebook: such as 01_pytorch_basics.
    """
    own = ("__init__", topic_of(notebook))
    return [
        path
        for path in files_below(folder)
        if path.parent != folder or path.suffix != ".py" or path.stem in own
    ]


def load_checks(notebook: str, folder: Path) -> list[Check]:
    """Return the checks of a notebook in the order of the file.

    The module is read once; ``forget`` lets it be read anew.

    Args:
        notebook: such as 01_pytorch_basics.
        folder: with the modules of checks of its course.

    Raises:
        FileNotFoundError: the notebook has no module of checks.
    """
    path = folder.resolve() / f"{topic_of(notebook)}.py"
    if path not in _loaded:
        _loaded[path] = module_at(f"checks_{len(_loaded)}_{path.stem}", path)
    return list(getattr(_loaded[path], "CHECKS", []))


def forget() -> None:
    """Let all modules of checks and what they share be read anew, also to show their source."""
    for name in [name for name in sys.modules if name.startswith(f"{__name__}.")]:
        del sys.modules[name]
    _loaded.clear()
    checks_by_id.cache_clear()
    importlib.invalidate_caches()
    linecache.checkcache()


@functools.cache
def checks_by_id(notebook: str, folder: Path | None = None) -> dict[str, Check]:
    """Return the checks of a notebook by id, as they were when it was first asked for.

    Args:
        notebook: such as 01_pytorch_basics.
        folder: with the modules of checks of its course; by default where a kernel finds them.

    Raises:
        FileNotFoundError: the notebook has no module of checks.
    """
    return number_checks(load_checks(notebook, folder or folder_here()))
