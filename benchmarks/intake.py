"""Print the CPU time of finding, reading and matching what a class handed in, and how it grows.

    python benchmarks/intake.py

Found: a zip archive of students who each handed in all nine notebooks, as they are released; every
submission is found and then read, as `course grade` does. Matched: a notebook with many cells of
one id, one grade id or one text among its own. Growth is the time for each member or cell of the
large case over that of the small one: 1 if the time is linear.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from nbformat import NotebookNode
from rich.console import Console
from rich.table import Table

from autograder.commands.grade import released_notebooks
from autograder.course.compose import dumps
from autograder.course.config import find_root, load_course
from autograder.intake.find import find_submissions
from autograder.intake.matching import match

MEMBERS = (400, 3_600)  # of an archive
CELLS = (900, 9_000)  # of a notebook, beside its own
KINDS = ("one id", "one grade id", "one text")
NAME, EXERCISE = "01_pytorch_basics", "one_hot"


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the CPU seconds that a call takes."""
    gc.collect()  # not what others left behind
    start = time.process_time()
    function()
    return time.process_time() - start


def write_class(path: Path, releases: dict[str, NotebookNode], members: int) -> None:
    """Write an archive with a folder for each student, who handed in every notebook."""
    texts = {name: dumps(notebook) for name, notebook in releases.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            student, which = divmod(number, len(texts))
            name = list(texts)[which]
            archive.writestr(f"student{student}/{name}.ipynb", texts[name])


def find_and_read(path: Path, releases: dict[str, NotebookNode]) -> None:
    """Find the submissions of an archive and read them one by one."""
    for submission in find_submissions(path, releases):
        submission.read()


def measure_archives(releases: dict[str, NotebookNode]) -> list[float]:
    """Return the seconds for each of the archives."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for members in MEMBERS:
            path = Path(folder, f"{members}.zip")
            write_class(path, releases, members)
            seconds.append(cpu_seconds(partial(find_and_read, path, releases)))
    return seconds


def crowded(release: NotebookNode, kind: str, count: int) -> bytes:
    """Return a submission with many cells that have one thing in common."""
    cells = json.loads(dumps(release))["cells"]
    marked = next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == EXERCISE)
    for number in range(count):
        cell = {"cell_type": "code", "metadata": {}, "source": f"x = {number}", "outputs": []}
        if kind == "one id":
            cell |= {"id": "mine", "source": "x = 1"}
        elif kind == "one grade id":
            cell |= {"metadata": marked["metadata"]}
        else:
            cell |= {"source": marked["source"]}
        cells.append(cell)
    return json.dumps({"cells": cells, "metadata": {}}).encode()


def measure_matching(release: NotebookNode, kind: str) -> list[float]:
    """Return the seconds to match each of the notebooks with many cells."""
    data = [crowded(release, kind, count) for count in CELLS]
    return [cpu_seconds(partial(match, each, release)) for each in data]


def growth(counts: tuple[int, int], seconds: list[float]) -> float:
    """Return the time for each of many over that for each of few."""
    return (seconds[1] / counts[1]) / (seconds[0] / counts[0])


@click.command()
def main() -> None:
    """Print the times of both archives and of notebooks with many cells."""
    releases = released_notebooks(load_course(find_root(Path.cwd())))
    table = Table("", "small", "large", "CPU s, small", "CPU s, large", "growth")
    figures = []
    measured = {"members": (MEMBERS, measure_archives(releases))}
    for kind in KINDS:
        measured[f"cells of {kind}"] = (CELLS, measure_matching(releases[NAME], kind))
    for what, (counts, seconds) in measured.items():
        key = what.replace(" ", "_")
        grown = growth(counts, seconds)
        sizes, times = (f"{n:,}" for n in counts), (f"{each:.2f}" for each in seconds)
        table.add_row(what, *sizes, *times, f"{grown:.2f}")
        figures += [f"{key}_{n} {each:.2f}" for n, each in zip(counts, seconds, strict=True)]
        figures.append(f"{key}_growth {grown:.2f}")
    Console().print(table)
    print("ratio:", *figures)


if __name__ == "__main__":
    main()
