"""Build everything from the masters, first into a temporary place, then swap.

notebooks/          the student copies and their helper module (committed)
build/nbgrader/     an nbgrader course directory: source/, release/, nbgrader_config.py
build/otter/        a folder of otter test files and an autograder zip a notebook
build/solutions/    the solution notebooks with outputs
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from autograder.building import otter_zip
from autograder.course import leaks
from autograder.course.compose import Built, compose, dumps
from autograder.course.config import Course
from autograder.errors import CourseError
from autograder.files import hash_of, replace_file
from autograder.inside import joining
from autograder.judging.sandbox.kernels import warm_kernels
from autograder.results.gradebook import course_directory

SOLUTION_CELL_SECONDS = 300
# The kernel's own log goes to the terminal; its warnings are not about the notebook.
QUIET_KERNEL = ["--IPKernelApp.log_level=CRITICAL"]


def build(course: Course, names: list[str], say: Callable[[str], None]) -> None:
    """Build some notebooks.

    Args:
        course: the course.
        names: of the notebooks.
        say: called with a line about each step.

    Raises:
        CourseError: something is wrong; then nothing in the repository has changed.
    """
    course.build.mkdir(exist_ok=True)
    stamps = Stamps(course.build / "stamps.json")
    with tempfile.TemporaryDirectory(dir=course.build, prefix="building-") as folder:
        new = Path(folder)
        built = [compose(course, name) for name in names]
        for each in built:
            name = each.master.name
            _write_notebooks(course, each, new)
            if stamps.differ(f"{name} otter", otter_stamp(course, each), _archive(course, name)):
                say(f"{name}: otter tests and zip")
                otter_zip.write(course, each.master, new / "otter")
        leaks.scan(new / "notebooks", [each.master for each in built])
        _execute_solutions(course, [b for b in built if _has_changed(course, b, stamps)], new, say)
        _swap_all(new, course)
    course_directory.write_config(course)
    for each in built:
        name = each.master.name
        stamps.store(f"{name} otter", otter_stamp(course, each))
        stamps.store(f"{name} solution", solution_stamp(course, each))
        _release(course, each, stamps, say)
        say(f"{name}: {len(each.master.exercises)} exercises, {len(each.master.checks)} checks")


def build_solutions(course: Course, names: list[str], say: Callable[[str], None]) -> list[Built]:
    """Run the solutions that are missing or stale in build/solutions, and nothing else.

    Args:
        course: the course.
        names: of the notebooks.
        say: called with a line about each step.

    Returns:
        what the masters of these notebooks give.

    Raises:
        CourseError: a master is wrong, or a cell raised.
    """
    course.build.mkdir(exist_ok=True)
    stamps = Stamps(course.build / "stamps.json")
    built = [compose(course, name) for name in names]
    todo = [each for each in built if _has_changed(course, each, stamps)]
    with tempfile.TemporaryDirectory(dir=course.build, prefix="building-") as folder:
        _execute_solutions(course, todo, Path(folder), say)
        for path in (Path(folder) / "solutions").glob("*"):
            _swap(path, course.build / "solutions" / path.name)
    for each in todo:
        stamps.store(f"{each.master.name} solution", solution_stamp(course, each))
    return built


def executed_solution(course: Course, name: str) -> nbformat.NotebookNode:
    """Return the solution notebook with its outputs, as the last build left it."""
    return nbformat.read(_run(course, name), as_version=4)


def update_releases(course: Course, built: list[Built], say: Callable[[str], None]) -> None:
    """Bring nbgrader's sources and releases of some notebooks up to date, and nothing else.

    Raises:
        CourseError: nbgrader refused.
    """
    course.build.mkdir(exist_ok=True)
    stamps = Stamps(course.build / "stamps.json")
    course_directory.write_config(course)
    for each in built:
        with tempfile.TemporaryDirectory(dir=course.build, prefix="building-") as folder:
            source = _write_source(course, each, Path(folder))
            _swap(source, course_directory.folder(course) / "source" / source.name)
        _release(course, each, stamps, say)


def _release(course: Course, built: Built, stamps: Stamps, say: Callable[[str], None]) -> None:
    """Let nbgrader make the release of a notebook whose source has changed.

    Raises:
        CourseError: nbgrader refused.
    """
    name = built.master.name
    release = course_directory.release(course_directory.folder(course), name)
    stamp = hash_of(dumps(built.source), course.helper)
    if stamps.differ(f"{name} release", stamp, release):
        say(f"{name}: nbgrader generate_assignment")
        course_directory.generate_release(course, name)
        stamps.store(f"{name} release", stamp)


def stale(course: Course, built: list[Built]) -> list[str]:
    """Return what in notebooks/ is not what the masters give, a line each.

    Args:
        course: the course.
        built: all its notebooks.

    Raises:
        CourseError: a student file leaks.
    """
    wanted: dict[str, str] = {joining.FILE: course.helper}
    wanted |= {f"{each.master.name}.ipynb": dumps(each.student) for each in built}
    lines = []
    for name, text in wanted.items():
        path = course.notebooks / name
        if not path.is_file():
            lines.append(f"notebooks/{name} is missing")
        elif path.read_text(encoding="utf-8") != text:
            lines.append(f"notebooks/{name} is not what its source gives")
    # Files without a dot: a hidden one is some editor's.
    extra = {p.name for p in course.notebooks.glob("[!.]*") if p.name != "__pycache__"} - set(
        wanted
    )
    lines += [f"notebooks/{name} has no source" for name in sorted(extra)]
    leaks.scan(course.notebooks, [each.master for each in built])
    return lines


def otter_stamp(course: Course, built: Built) -> str:
    """Return a hash of all that goes into a notebook's otter zip."""
    files = [*otter_zip.carried(course, built.master.name).values()]
    files += [course.root / "environment.yml", *sorted((course.data).glob("*"))]
    texts = [path.read_bytes() for path in files if path.is_file()]
    tests = [otter_zip.test_file(built.master, e) for e in built.master.exercises]
    return hash_of(*texts, *tests, otter_zip.config_text(built.master))


def solution_stamp(course: Course, built: Built) -> str:
    """Return a hash of all that the outputs of a solution depend on."""
    return hash_of(dumps(built.solution), course.helper)


class Stamps:
    """The hashes of the last build, to skip the slow steps when nothing changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.known: dict[str, str] = json.loads(path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def differ(self, step: str, stamp: str, result: Path) -> bool:
        """Tell whether a step must be done: its input has changed or its result is gone."""
        return self.known.get(step) != stamp or not result.is_file()

    def store(self, step: str, stamp: str) -> None:
        self.known[step] = stamp
        replace_file(self.path, json.dumps(self.known, indent=1))


def _has_changed(course: Course, built: Built, stamps: Stamps) -> bool:
    """Tell whether the solution notebook must be run again."""
    name = built.master.name
    return stamps.differ(f"{name} solution", solution_stamp(course, built), _run(course, name))


def _execute_solutions(
    course: Course, built: list[Built], new: Path, say: Callable[[str], None]
) -> None:
    """Run solution notebooks, one a core.

    Raises:
        CourseError: a cell raised.
    """
    if not built:
        return
    say(f"running {len(built)} solutions")
    with warm_kernels(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for run in [pool.submit(execute_solution, course, b, new / "solutions") for b in built]:
            run.result()


def execute_solution(course: Course, built: Built, folder: Path) -> None:
    """Run the solution notebook in a new kernel and write it with its outputs.

    Raises:
        CourseError: a cell raised, or no kernel started in a minute.
    """
    notebook = nbformat.from_dict(built.solution)
    try:
        run_notebook(course, notebook, "the solution", built.master.path)
    except CellExecutionError as error:
        last_line = str(error).strip().splitlines()[-1]
        raise CourseError(f"the solution does not run: {last_line}", built.master.path) from None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{built.master.name}.ipynb").write_text(dumps(notebook), encoding="utf-8")


def run_notebook(
    course: Course,
    notebook: nbformat.NotebookNode,
    what: str,
    master: Path,
    *,
    allow_errors: bool = False,
) -> None:
    """Run a notebook in a new kernel, in a folder of its own; its cells get their outputs.

    Args:
        course: the course, whose helper and data it finds.
        notebook: is changed.
        what: is run, as an error names it.
        master: what it was made from.
        allow_errors: whether a cell that raises keeps its error as an output.

    Raises:
        CellExecutionError: a cell raised, and must not.
        CourseError: no kernel started in a minute, or it died.
    """
    with tempfile.TemporaryDirectory(prefix="notebook-") as place:
        course.write_helper(Path(place))
        environment = {
            **os.environ,
            # Several notebooks run at a time; threads that wait for one another's cores spin.
            "OMP_NUM_THREADS": "1",
            "COURSE_DATA": str(course.data),
            # A page has no kernel to answer sliders. And nbclient 0.11 with ipykernel 7
            # now and then waits for ever for a cell that shows a widget.
            "COURSE_STATIC_FIGURES": "1",
        }
        client = NotebookClient(
            notebook,
            timeout=SOLUTION_CELL_SECONDS,
            allow_errors=allow_errors,
            kernel_name="python3",
            resources={"metadata": {"path": place}},
            skip_cells_with_tag="",
            extra_arguments=QUIET_KERNEL,
        )
        try:
            client.execute(env=environment)
        except CellExecutionError:
            raise
        except RuntimeError as error:
            raise CourseError(
                f"no kernel ran {what} ({error}); try again when the machine is less busy", master
            ) from None
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def _write_notebooks(course: Course, built: Built, new: Path) -> None:
    students = new / "notebooks"
    students.mkdir(exist_ok=True)
    course.write_helper(students)
    (students / f"{built.master.name}.ipynb").write_text(dumps(built.student), encoding="utf-8")
    _write_source(course, built, new / "nbgrader" / "source")


def _write_source(course: Course, built: Built, folder: Path) -> Path:
    """Write what nbgrader makes a release from into a folder; return its folder there."""
    source = folder / built.master.name
    source.mkdir(parents=True)
    course.write_helper(source)
    (source / f"{built.master.name}.ipynb").write_text(dumps(built.source), encoding="utf-8")
    return source


def _archive(course: Course, name: str) -> Path:
    return course.build / "otter" / f"{name}.zip"


def _run(course: Course, name: str) -> Path:
    return course.build / "solutions" / f"{name}.ipynb"


def _swap_all(new: Path, course: Course) -> None:
    """Move what was built over what is there; each step is one rename."""
    for path in (new / "notebooks").iterdir():
        _swap(path, course.notebooks / path.name)
    for path in (new / "nbgrader" / "source").iterdir():
        _swap(path, course_directory.folder(course) / "source" / path.name)
    for room in ("otter", "solutions"):
        for path in (new / room).glob("*"):
            _swap(path, course.build / room / path.name)


def _swap(new: Path, old: Path) -> None:
    old.parent.mkdir(parents=True, exist_ok=True)
    if new.is_dir() and old.is_dir():
        old.replace(new.parent / f"{new.name}.old")
    new.replace(old)
