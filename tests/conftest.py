"""Fixtures that tests of all rooms use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course.compose import Built, compose
from autograder.course.config import Course, load_course
from tests.support.course import ROOT, small_course

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


@pytest.fixture
def mini(tmp_path: Path) -> Iterator[Path]:
    """The root of a small course to break."""
    with small_course(tmp_path / "mini") as root:
        yield root
