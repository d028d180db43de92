"""Print the CPU time of finding, reading and matching what a class handed in, and how it grows.

    python benchmarks/intake.py

Found: a zip archive of students who each handed in all nine notebooks, as they are released; every
submission is found and then read, as `course grade` does. Growth is the time for each member of
the large archive, over that of the small one: 1 if the time is linear.
"""

from __future__ import annotations

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

MEMBERS = (400, 3_600)  # of an archive


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the CPU seconds that a call takes."""
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


def growth(counts: tuple[int, int], seconds: list[float]) -> float:
    """Return the time for each of many over that for each of few."""
    return (seconds[1] / counts[1]) / (seconds[0] / counts[0])


@click.command()
def main() -> None:
    """Print the time of both archives."""
    releases = released_notebooks(load_course(find_root(Path.cwd())))
    table = Table("", "small", "large", "CPU s, small", "CPU s, large", "growth")
    archives = measure_archives(releases)
    row = (*(f"{count:,}" for count in MEMBERS), *(f"{each:.2f}" for each in archives))
    table.add_row("members found and read", *row, f"{growth(MEMBERS, archives):.2f}")
    Console().print(table)
    print(
        f"ratio: members_{MEMBERS[0]} {archives[0]:.2f} members_{MEMBERS[1]} {archives[1]:.2f} "
        f"growth {growth(MEMBERS, archives):.2f}"
    )


if __name__ == "__main__":
    main()
