"""Print the time and memory that every notebook takes, solved by a student and graded.

    python benchmarks/notebooks.py [NOTEBOOK]...

Solved: the solution notebook, every cell, in an ordinary kernel and limited to two cores;
wall-clock seconds with the start of the kernel, and the kernel's peak memory. Graded: the
cells and checks that a grader runs, in one process; CPU seconds of a second pass, since the
first one also pays for imports. The exit code is 1 if a limit is broken.
It needs Linux, which counts a process's memory in /proc.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from rich.console import Console
from rich.table import Table

from autograder.building.build import execute_solution
from autograder.checks import FOLDER, checks_by_id
from autograder.commands.prove import solutions
from autograder.course.cells import grade_id, is_run, with_answers
from autograder.course.compose import compose
from autograder.course.config import Course, find_root, load_course
from autograder.inside.agent import Agent
from autograder.judging.stock import judge_here

CORES = 2
# The kernel's own count; what getrusage gives includes the process that started the kernel.
PEAK_CELL = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
LIMITS = {"solved (s)": 60.0, "memory (GB)": 2.0, "graded (CPU s)": 1.0}
# Notebooks whose checks train something.
TRAINING = ("05_optimizers_and_regularization", "06_cnn_training", "08_autoencoder_vs_pca")
TRAINING_LIMIT = 5.0  # CPU seconds


def run_solved(root: Path, name: str) -> tuple[float, float]:
    """Return the seconds and the kernel's peak memory in GB of one run of the solution."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    course = load_course(root)
    built = compose(course, name)
    built.solution.cells.append(new_code_cell(PEAK_CELL))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        execute_solution(course, built, Path(folder))
        seconds = time.perf_counter() - start
        done = nbformat.read(Path(folder, f"{name}.ipynb"), as_version=4)
    return seconds, int(done.cells[-1].outputs[0].text) * 1024 / 1e9


def run_graded(root: Path, name: str) -> float:
    """Return the CPU seconds of the second pass over the graded cells and checks."""
    built = compose(load_course(root), name)
    notebook = with_answers(built.student, solutions(built.master))
    # Cells import course_helper from their folder, as a student's kernel does.
    sys.path.insert(0, str(root / "notebooks"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        agent = Agent()
        grade(agent, name, notebook)
        start = time.process_time()
        grade(agent, name, notebook)
        return time.process_time() - start


def grade(agent: Agent, name: str, notebook: NotebookNode) -> None:
    """Run the cells and checks of a perfect submission.

    Raises:
        RuntimeError, CheckFailed: a cell or a check failed.
    """
    for cell in notebook.cells:
        key = grade_id(cell)
        if key in checks_by_id(name):
            judge_here(name, key, agent.shell.user_ns)
        elif is_run(cell):
            with contextlib.redirect_stdout(io.StringIO()):
                done = agent.execute({"source": cell.source})
            if not done:
                raise RuntimeError(f"this cell raised:\n{cell.source}")


def alone(function, *arguments):
    """Call a function in a process of its own, which has imported nothing yet."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def limits_of(name: str) -> dict[str, float]:
    """Return the limits of a notebook."""
    return LIMITS | ({"graded (CPU s)": TRAINING_LIMIT} if name in TRAINING else {})


def measure(course: Course, name: str) -> dict[str, float]:
    """Return the figures of one notebook under the names in LIMITS."""
    seconds, memory = alone(run_solved, course.root, name)
    graded = alone(run_graded, course.root, name)
    return dict(zip(LIMITS, (seconds, memory, graded), strict=True))


@click.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
def main(notebooks: tuple[str, ...]) -> None:
    """Print time and memory of every NOTEBOOK, such as 02; by default of all."""
    course = load_course(find_root(Path.cwd()))
    os.environ[FOLDER] = str(course.checks)  # for the processes that judge
    names = [course.assignment(name).name for name in notebooks] or course.names
    table = Table("notebook", *LIMITS)
    broken = []
    for name in names:
        figures = measure(course, name)
        limits = limits_of(name)
        broken += [f"{name}: {key}" for key, value in figures.items() if value > limits[key]]
        table.add_row(name, *(f"{figures[key]:.2f} of {limits[key]:g}" for key in figures))
    Console().print(table)
    if broken:
        sys.exit(f"over the limit: {', '.join(broken)}")


if __name__ == "__main__":
    main()
