"""Fixtures: the real course, and a small one in a temporary folder to break."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from autograder import checks
from autograder.course.compose import Built, compose
from autograder.course.config import Course, load_course

ROOT = Path(__file__).resolve().parent.parent
# The `course` program of this environment, which need not be activated.
COURSE = [sys.executable, "-c", "from autograder.commands.cli import main; main()"]
# Tests and their kernels share the cores; threads that wait for one another's cores spin.
os.environ["OMP_NUM_THREADS"] = "1"

# Roughly in seconds.
SLOWEST = {
    "test_attacks.py": 600,
    "test_in_jupyterlab.py": 400,
    "test_fuzzing.py": 200,
    "test_graders_agree.py": 150,
    "test_grade.py": 120,
    "test_demo.py": 100,
    "test_nbgrader_walk.py": 120,
    "test_gradescope.py": 70,
    "test_nbgrader.py": 60,
    "test_gradebook.py": 40,
}

MINI_MASTER = '''\
# %% [markdown]
# # A small notebook

# %%
from course_helper import waits_for

# %% exercise="double"
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    result_of_doubling = x + x
    return result_of_doubling
    ### END SOLUTION


# %%
with waits_for("double"):
    print(double(4))

# %% [markdown] written="why" points=2
# ### BEGIN SOLUTION
# The model answer mentions linearity of doubling.
#
# ### BEGIN RUBRIC
# Two points for the word linearity in the answer.
# ### END RUBRIC
# ### END SOLUTION
'''

MINI_CHECKS = '''\
"""Checks of the small notebook."""

from autograder.checks import check
from autograder.inside.student.course_helper import expect_equal


@check("double", points=1, hint="Twice means x + x.")
def doubles_two(double):
    """Twice 2 is 4."""
    expect_equal(double(2), 4)


@check("double", points=2, hidden=True, hint="Does the answer depend on x at all?")
def doubles_a_negative_number(double):
    """Twice -21 is -42."""
    expect_equal(double(-21), -42)
'''

COURSE_TOML = """\
title = "A small course"
term = "Test"
repository = "https://example.org/course.git"

[[notebooks]]
name = "01_mini"
due = 2030-01-31T12:00:00Z
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, so that no core waits at the end for one begun last."""
    items.sort(key=lambda item: SLOWEST.get(item.path.name, 0), reverse=True)


@pytest.fixture(scope="session")
def course() -> Course:
    """The course of this repository."""
    return load_course(ROOT)


@pytest.fixture(scope="session")
def built(course: Course) -> dict[str, Built]:
    """The notebooks of the course, composed in memory, by name."""
    return {name: compose(course, name) for name in course.names}


@contextlib.contextmanager
def small_course(
    root: Path, master: str = MINI_MASTER, checks_text: str = MINI_CHECKS
) -> Iterator[Path]:
    """Make a small course in a new folder, with the working folder in it.

    Args:
        root: the folder.
        master, checks_text: of its one notebook, 01_mini.
    """
    for folder in ("solutions", "notebooks", "data", "mini_checks"):
        (root / folder).mkdir(parents=True)
    (root / "course.toml").write_text(COURSE_TOML)
    (root / "solutions" / "01_mini.py").write_text(master)
    (root / "mini_checks" / "mini.py").write_text(checks_text)
    # Kernels import this copy of the package, which has the checks of the small notebook.
    shutil.copytree(ROOT / "autograder", root / "autograder")
    shutil.copy(root / "mini_checks" / "mini.py", root / "autograder" / "checks")
    for name in ("pyproject.toml", "environment.yml"):
        shutil.copy(ROOT / name, root)
    # Workers of other tests were forked from a process that knows the real course's checks.
    forkserver._forkserver._stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        patch.setattr(checks, "__path__", [str(root / "mini_checks")])
        patch.delitem(sys.modules, "autograder.checks.mini", raising=False)
        patch.chdir(root)
        yield root
    forkserver._forkserver._stop()
    sys.modules.pop("autograder.checks.mini", None)


@pytest.fixture
def mini(tmp_path: Path) -> Iterator[Path]:
    """The root of a small course to break."""
    with small_course(tmp_path / "mini") as root:
        yield root
