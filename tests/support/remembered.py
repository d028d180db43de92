"""Tests that take minutes are not run again while all that they depend on is as it was."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.course.config import PACKAGE
from autograder.files import files_below, hash_of
from autograder.judging.digest import data_digest
from autograder.judging.memory import Memory, installed_versions
from tests.support.course import ROOT
from tests.support.proof import EVERYTHING

FOLDER = ROOT / "build" / "proofs"
REASON = "remembered: it has passed with the same files, packages and data"
PASSED = pytest.StashKey[bool]()


@functools.cache
def engine_key() -> str:
    """Return a hash of the engine and of what is installed, without the checks of notebooks."""
    paths = [path for path in files_below(PACKAGE) if path.parent != PACKAGE / "checks"]
    paths += [PACKAGE / "checks" / "__init__.py", *files_below(ROOT / "tests" / "support")]
    contents = (part for path in paths for part in (path.name, path.read_bytes()))
    return hash_of(installed_versions(), data_digest(ROOT / "data"), *contents)


def notebook_key(name: str) -> str:
    """Return a hash of a notebook, its checks and its corpus."""
    topic = name.partition("_")[2]
    files = (f"solutions/{name}.py", f"autograder/checks/{topic}.py", f"tests/answers/{topic}.py")
    return hash_of(*((ROOT / file).read_bytes() for file in files))


def once(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what skips a test that has passed with these inputs; the engine always counts."""
    file = re.sub(r"\W+", "-", request.node.nodeid.partition("@")[0]).strip("-")
    memory = Memory(FOLDER / f"{file}.json")

    def skip_if_remembered(*parts: str | bytes) -> None:
        own = Path(request.path).read_bytes()
        key = hash_of(engine_key(), own, str(EVERYTHING), *parts)
        if memory.has(key) and not EVERYTHING:
            pytest.skip(REASON)
        request.addfinalizer(
            lambda: memory.keep([key] if request.node.stash.get(PASSED, False) else [])
        )

    return skip_if_remembered
