"""`course build --watch`: build the student copy of a notebook as soon as its master is saved.

Only notebooks/ is written, after a scan for leaks. The slow artefacts (the executed solution,
otter's zip, nbgrader's release) are left to the next `course build`, which knows by its
stamps what they lack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from autograder import checks
from autograder.checks import files_of, topic_of
from autograder.course import leaks
from autograder.course.compose import compose, dumps
from autograder.course.config import Course, load_course
from autograder.course.master import load_master
from autograder.errors import CourseError
from autograder.files import replace_file
from autograder.inside import joining

POLL_SECONDS = 0.2


class QuickBuild:
    """Builds student copies again and again in one process.

    Args:
        course: the course.
        names: of the notebooks to build; the others are read once, for their secrets.

    Raises:
        CourseError: the master of another notebook is wrong.
    """

    def __init__(self, course: Course, names: list[str]) -> None:
        self.course, self.root, self.names = course, course.root, names
        self.secrets: dict[str, list[leaks.Secret]] = {}
        for name in course.names:
            try:
                self.secrets[name] = leaks.secrets_of(load_master(course, name))
            except Exception:
                if name not in names:  # else it is told when it is built
                    raise

    def files(self) -> dict[Path, tuple[str, ...]]:
        """Return what is watched: each file with the names of the notebooks that it is for."""
        every = tuple(self.names)
        watched = {
            self.root / "course.toml": every,
            **dict.fromkeys(joining.sources(), every),
            **dict.fromkeys(files_of(self.course.checks, ""), every),
        }
        for name in self.names:
            watched[self.course.solutions / f"{name}.py"] = (name,)
            watched[self.course.checks / f"{topic_of(name)}.py"] = (name,)
        return watched

    def build(self, name: str) -> Path:
        """Build one student copy from the files as they are now, and return its path.

        Raises:
            CourseError: the master or its checks are wrong, or the copy would leak; then
                notebooks/ is as it was.
        """
        checks.forget()
        course = load_course(self.root)
        built = compose(course, name)
        self.secrets[name] = leaks.secrets_of(built.master)
        path = course.notebooks / f"{name}.ipynb"
        leaks.scan_text(path, leaks.visible_text_of(built.student), self.secrets)
        course.write_helper(course.notebooks)
        replace_file(path, dumps(built.student))
        return path


def watch(quick: QuickBuild, say: Callable[[str], None], changes: Iterable[set[Path]]) -> None:
    """Build the notebooks whose files change, until Ctrl-C.

    What is wrong in a file is said, and watching goes on.

    Args:
        quick: what to build.
        say: called with a line about each notebook.
        changes: the files that changed, set by set.
    """
    watched = quick.files()
    for changed in changes:
        for name in dict.fromkeys(n for path in watched for n in watched[path] if path in changed):
            began = time.perf_counter()
            try:
                quick.build(name)
                say(f"{name}: built in {time.perf_counter() - began:.1f} s")
            except CourseError as error:
                say(f"{name}: {error}")
            except Exception as error:  # whatever the module of checks may raise
                say(f"{name}: {type(error).__name__}: {error}")


def saved_files(watched: Iterable[Path]) -> Iterator[set[Path]]:
    """Yield all files at first, then those that were saved since the last look."""
    before = {path: _stamp(path) for path in watched}
    yield set(before)
    while True:
        time.sleep(POLL_SECONDS)
        now = {path: _stamp(path) for path in before}
        changed = {path for path in now if now[path] != before[path]}
        before = now
        if changed:
            yield changed


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is saved; None while an editor replaces it."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
