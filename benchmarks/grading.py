"""Grade one class with nbgrader, with otter and with `course grade`, and compare.

    python benchmarks/grading.py [--submissions N] [--notebooks NN[,NN...]|all] [--only GRADER]...

The class is made of the corpus in tests/answers/: every submission carries one answer, right or
wrong, to each exercise. The stock graders run as their own programs in their own way: `nbgrader
autograde` over the class, `otter run` once a submission, both with ordinary kernels, one after
the other. `course grade` uses both cores. CPU seconds count all processes that a grader starts;
memory is the peak of what they hold together, shared pages counted once.

`warm` is what overhead is measured against: the submission's cells and checks, run by IPython as
in a kernel, without any isolation, in a fork of a process that has imported everything; as many
at a time as there are cores, as in `course grade`. IPython formats a traceback for every cell
that fails, which takes long; `course grade` does not. So the table has another row, in which
IPython does not either.

The last line is `ratio: nbgrader X otter Y overhead Z scores_equal True|False`: how many times
as many submissions a minute `course grade` does, and its CPU seconds over those of `warm`.
It needs Linux.
"""

from __future__ import annotations

import contextlib
import csv
import ctypes
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import click
import matplotlib.pyplot as plt
import nbformat
import psutil
from IPython.core.interactiveshell import InteractiveShell
from nbgrader.api import Gradebook
from rich.console import Console
from rich.table import Table
from traitlets.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autograder.building.otter_zip import write as write_otter
from autograder.checks import FOLDER, checks_by_id
from autograder.course.cells import grade_id, is_run
from autograder.course.compose import Built, compose, dumps
from autograder.course.config import Course, find_root, load_course
from autograder.course.corpus import load_answers
from autograder.inside.student.course_helper import CheckFailed
from autograder.judging.stock import judge_here
from autograder.processes import find_own_tools
from autograder.results.gradebook.book import Book
from tests.support.submissions import mixed_submissions

SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 1.0
WARM_SUBMISSIONS = 300
Scores = dict[tuple[str, str, str], float]  # by student, notebook and exercise


@dataclass(frozen=True)
class Measured:
    """What grading a class took.

    Attributes:
        seconds: wall clock.
        cpu_seconds: of all processes.
        memory: second and bytes that they held together, sampled.
        scores: what it gave.
    """

    seconds: float
    cpu_seconds: float
    memory: list[tuple[float, int]]
    scores: Scores


class Watch:
    """Samples the memory that this process's children hold together."""

    def __enter__(self) -> Watch:
        self.samples: list[tuple[float, int]] = []
        self.ended = threading.Event()
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            held = 0
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    held += process.memory_full_info().pss
            self.samples.append((time.monotonic() - self.began, held))


def measure(grader, *arguments) -> Measured:
    """Run a grader and measure it with all that it starts."""
    # What outlives its parent becomes our child, and its CPU time ours to count.
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, began = _cpu_seconds(), time.monotonic()
    with Watch() as watch:
        scores = grader(*arguments)
        seconds = time.monotonic() - began
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                child.wait(30)
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
    return Measured(seconds, _cpu_seconds() - before, watch.samples, scores)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(*command: str, folder: Path) -> None:
    """Run a program.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def hand_in(course: Course, built: dict[str, Built], count: int, folder: Path) -> None:
    """Write a class: ``count`` students with a submission of every notebook."""
    for name, each in built.items():
        mixed = list(mixed_submissions(each, load_answers(course, name)).values())
        for number in range(count):
            path = folder / f"student{number:04}" / name / f"{name}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(dumps(mixed[number % len(mixed)].notebook), encoding="utf-8")


def by_nbgrader(course: Course, built: dict[str, Built], folder: Path, place: Path) -> Scores:
    """Grade with ``nbgrader autograde``, one program a notebook."""
    shutil.copytree(folder, place / "submitted")
    for name in built:
        run("nbgrader", "autograde", name, folder=place)
    return scores_in(place / "gradebook.db", built)


def prepare_nbgrader(course: Course, built: dict[str, Built], place: Path) -> None:
    """Make a course directory with the releases of the notebooks; not measured."""
    with Book(course, place) as book:
        for each in built.values():
            book.prepare(each.master)


def scores_in(database: Path, built: dict[str, Built]) -> Scores:
    """Return the points of the checks that stand in a gradebook."""
    scores: Scores = defaultdict(float)
    with Gradebook(f"sqlite:///{database}") as gradebook:
        for name, each in built.items():
            checks = each.master.checks_by_id
            for submission in gradebook.notebook_submissions(name, name):
                for grade in submission.grades:
                    if grade.name in checks:
                        key = submission.student.id, name, checks[grade.name].exercise
                        scores[key] += grade.score
    return dict(scores)


def by_otter(course: Course, built: dict[str, Built], folder: Path, place: Path) -> Scores:
    """Grade with ``otter run``, one program a submission."""
    scores: Scores = {}
    for path in sorted(folder.rglob("*.ipynb")):
        name, student = path.stem, path.parent.parent.name
        archive = str(place / f"{name}.zip")
        run("otter", "run", str(path), "-a", archive, "-o", str(place), folder=place)
        results = json.loads((place / "results.json").read_text())
        for test in results["tests"]:
            exercise = test["name"]
            if exercise in built[name].master.exercises:
                scores[student, name, exercise] = test["score"]
    return scores


def by_course(course: Course, built: dict[str, Built], folder: Path, place: Path) -> Scores:
    """Grade with ``course grade``."""
    names = [part for name in built for part in ("--notebook", name)]
    run(
        "course",
        "grade",
        str(folder),
        "--out",
        str(place),
        "--no-feedback",
        *names,
        folder=course.root,
    )
    scores: Scores = defaultdict(float)
    with (place / "grades.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["check"] != "written answer":
                scores[row["student"], row["notebook"], row["exercise"]] += float(row["points"])
    return dict(scores)


def warm_seconds(course: Course, built: dict[str, Built], folder: Path) -> tuple[float, float]:
    """Return the CPU seconds of a submission, run in forks of this warm process.

    Of a large class only the first students' are run.

    Returns:
        those with IPython as it is, and those without its tracebacks.
    """
    import autograder.inside.preload  # noqa: F401
    from autograder.inside.agent import Shell

    sys.path.insert(0, str(course.notebooks))
    os.environ |= {"COURSE_DATA": str(course.data), "COURSE_STATIC_FIGURES": "1"}
    config = Config({"HistoryManager": {"enabled": False}})
    taken, paths = [], sorted(folder.rglob("*.ipynb"))[:WARM_SUBMISSIONS]
    for name in built:
        checks_by_id(name)
    for kind in (InteractiveShell, Shell):
        shell = kind(config=config)
        before = _cpu_seconds()
        for number, path in enumerate(paths):
            if number >= (os.cpu_count() or 1):
                os.wait()
            if os.fork() == 0:
                judge_warm(path.stem, path, shell)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
        taken.append((_cpu_seconds() - before) / len(paths))
    as_it_is, without_tracebacks = taken
    return as_it_is, without_tracebacks


def judge_warm(name: str, path: Path, shell) -> None:
    """Run the cells and checks of one submission, and end this process."""
    try:
        with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
            for cell in nbformat.read(path, as_version=4).cells:
                with contextlib.redirect_stdout(io.StringIO()):
                    if grade_id(cell) in checks_by_id(name):
                        with contextlib.suppress(CheckFailed):
                            judge_here(name, grade_id(cell), shell.user_ns)
                    elif is_run(cell):
                        shell.run_cell(cell.source, store_history=False)
    finally:
        os._exit(0)


def report(
    console: Console, measured: dict[str, Measured], count: int, warm: tuple[float, float]
) -> None:
    """Print the table and the ratios."""
    table = Table(title=f"{count} submissions, {os.cpu_count()} cores", title_justify="left")
    table.add_column("grader")
    for title in ("submissions/min", "CPU s/submission", "peak GB", "points in all"):
        table.add_column(title, justify="right")
    for name, each in measured.items():
        table.add_row(
            name,
            f"{60 * count / each.seconds:.1f}",
            f"{each.cpu_seconds / count:.2f}",
            f"{max((held for _, held in each.memory), default=0) / 1e9:.2f}",
            f"{sum(each.scores.values()):g}",
        )
    for name, seconds in zip(("warm", "warm, no tracebacks"), warm, strict=True):
        table.add_row(name, "", f"{seconds:.2f}", "", "")
    console.print(table)
    ours = measured["course grade"]
    for name, each in measured.items():
        odd = {k for k in ours.scores | each.scores if ours.scores.get(k) != each.scores.get(k)}
        for key in sorted(odd)[:10]:
            theirs = each.scores.get(key)
            console.print(f"{name} gives {theirs}, course grade {ours.scores.get(key)}: {key}")
    ratios = [
        f"{name} {measured[name].seconds / ours.seconds:.1f}" if name in measured else f"{name} -"
        for name in ("nbgrader", "otter")
    ]
    equal = all(each.scores == ours.scores for each in measured.values())
    overhead = ours.cpu_seconds / count / warm[0]
    console.print(f"ratio: {' '.join(ratios)} overhead {overhead:.2f} scores_equal {equal}")


def draw_memory(samples: list[tuple[float, int]], count: int, path: Path) -> None:
    """Draw what all processes of `course grade` held together over the run."""
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.plot([s / 60 for s, _ in samples], [held / 1e9 for _, held in samples], color="black")
    axes.set(ylim=(0, None), xlabel="minutes", ylabel="memory of all processes (GB)")
    axes.set_title(f"{count} submissions graded by course grade")
    plt.rcParams["svg.hashsalt"] = "memory"  # the same file for the same figures
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


GRADERS = {"nbgrader": by_nbgrader, "otter": by_otter, "course grade": by_course}


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--submissions", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--notebooks", default="04", show_default=True, help="Numbers with commas, or all.")
@click.option("--only", multiple=True, type=click.Choice(list(GRADERS)), help="Leave others out.")
@click.option(
    "--memory", type=click.Path(path_type=Path), help="Draw course grade's memory over time: x.svg."
)
def main(submissions: int, notebooks: str, only: tuple[str, ...], memory: Path | None) -> None:
    find_own_tools()
    console = Console(highlight=False, width=100)
    course = load_course(find_root(Path.cwd()))
    os.environ[FOLDER] = str(course.checks)  # for the processes that judge
    chosen = course.names if notebooks == "all" else notebooks.split(",")
    names = [course.assignment(name).name for name in chosen]
    built = {name: compose(course, name) for name in names}
    graders = {
        name: GRADERS[name] for name in GRADERS if name in {*only, "course grade"} or not only
    }
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        root = Path(temporary)
        hand_in(course, built, submissions, root / "class")
        count = submissions * len(names)
        measured = {}
        for name, grader in graders.items():
            place = root / name.replace(" ", "-")
            place.mkdir()
            if grader is by_nbgrader:
                prepare_nbgrader(course, built, place)
            if grader is by_otter:
                for each in built.values():
                    write_otter(course, each.master, place)
            console.print(f"{name}: {count} submissions")
            measured[name] = measure(grader, course, built, root / "class", place)
        warm = warm_seconds(course, built, root / "class")
    report(console, measured, count, warm)
    if memory:
        draw_memory(measured["course grade"].memory, count, memory)


if __name__ == "__main__":
    main()
