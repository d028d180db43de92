"""The real course, and small ones in a temporary folder to break."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from autograder.checks import FOLDER
from autograder.course.config import load_course
from autograder.course.corpus import Answer, load_answers

ROOT = Path(__file__).resolve().parents[2]
# The `course` program of this environment, which need not be activated.
COURSE = [sys.executable, "-c", "from autograder.commands.cli import main; main()"]

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

MINI_ANSWERS = '''\
"""Answers to the small notebook."""

from autograder.course.corpus import right, wrong


@right("double")
def multiplies(x):
    return x * 2


@right("double")
def takes_away_a_negative(x):
    return x - -x


@wrong("double", fails=["doubles_a_negative_number"])
def doubles_the_size(x):
    return abs(x) + abs(x)
'''

COURSE_TOML = """\
title = "A small course"
term = "Test"
repository = "https://example.org/course.git"

[[notebooks]]
name = "01_mini"
due = 2030-01-31T12:00:00Z
"""


@functools.cache
def answers_of(name: str) -> list[Answer]:
    """Return the corpus of a notebook of the real course."""
    return load_answers(load_course(ROOT), name)


@contextlib.contextmanager
def small_course(
    root: Path, master: str = MINI_MASTER, checks_text: str = MINI_CHECKS
) -> Iterator[Path]:
    """Make a small course in a new folder, with the working folder in it.

    Args:
        root: the folder.
        master, checks_text: of its one notebook, 01_mini.
    """
    for folder in ("solutions", "notebooks", "data", "autograder/checks"):
        (root / folder).mkdir(parents=True)
    (root / "course.toml").write_text(COURSE_TOML)
    (root / "solutions" / "01_mini.py").write_text(master)
    (root / "autograder" / "checks" / "mini.py").write_text(checks_text)
    for name in ("pyproject.toml", "environment.yml"):
        shutil.copy(ROOT / name, root)
    with contextlib.chdir(root):
        try:
            yield root
        finally:  # nbgrader_config.py has told this process's kernels where the checks are
            os.environ.pop(FOLDER, None)
