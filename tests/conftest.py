"""Fixtures that tests of all rooms use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.course.compose import Built, compose
from autograder.course.config import Course, load_course
from tests.support import remembered
from tests.support.course import ROOT, small_course
from tests.support.proof import EVERYTHING
from tests.support.remembered import PASSED, REASON

# Tests and their kernels share the cores; threads that wait for one another's cores spin.
os.environ["OMP_NUM_THREADS"] = "1"

# What takes longest, so that no core waits at the end for one begun last. Roughly in seconds.
SLOWEST = {
    "test_graders_agree.py": 300,
    "test_attacks.py": 150,
    "test_nbgrader_walk.py": 120,
    "test_demo.py": 100,
    "test_in_jupyterlab.py": 90,
    "test_grade.py": 80,
    "test_gradescope.py": 70,
    "test_nbgrader.py": 60,
    "test_fuzzing.py": 50,
    "test_gradebook.py": 40,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the slowest files; leave out what only `make proof` runs, unless it is that."""
    if not EVERYTHING:
        config.hook.pytest_deselected(items=[i for i in items if i.get_closest_marker("proof")])
        items[:] = [item for item in items if not item.get_closest_marker("proof")]
    items.sort(key=lambda item: SLOWEST.get(item.path.name, 0), reverse=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Note whether a test has passed, for ``once``."""
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many tests were not run because they have passed with the same inputs."""
    skipped = terminalreporter.stats.get("skipped", [])
    remembered = sum(REASON in str(report.longrepr) for report in skipped)
    terminalreporter.write_line(f"{remembered} proofs remembered (build/proofs)")


@pytest.fixture
def once(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Skips a test that has passed with the inputs it is called with; see support/remembered.py."""
    return remembered.once(request)


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
