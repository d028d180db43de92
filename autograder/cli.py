"""The `course` command."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path

import click
from rich.console import Console

from autograder.course import Course, find_root, load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools

console = Console(highlight=False)


class CourseCommand(click.Group):
    """Reports a CourseError in one line and ends with exit code 2."""

    def invoke(self, context: click.Context):
        find_own_tools()
        try:
            return super().invoke(context)
        except CourseError as error:
            click.echo(f"course: {error}", err=True)
            sys.exit(2)


def open_course() -> Course:
    """Return the course of the working folder."""
    return load_course(find_root(Path.cwd()))


def chosen(course: Course, notebooks: tuple[str, ...]) -> list[str]:
    """Return the full names of the notebooks asked for, by default all."""
    return [course.assignment(name).name for name in notebooks] or course.names


@click.group(cls=CourseCommand, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build, prove and grade the notebooks of the course.

    You edit solutions/NN_topic.py (the master: text, solved exercises) and
    autograder/checks/topic.py (its checks). The rest is built from these.

    \b
    A working day:
      course build              notebooks/, build/nbgrader, build/otter, build/solutions
      course prove              right answers pass, wrong answers fail as documented
      course grade FOLDER       grade a class into nbgrader's gradebook
      course site               the web site of the course, into build/site
      course demo               all of it, on a made-up class

    A NOTEBOOK is named 01_pytorch_basics, pytorch_basics or 01.
    """


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if notebooks/ is stale.")
def build(notebooks: tuple[str, ...], check: bool) -> None:
    """Build the student notebooks and everything that graders need.

    Without NOTEBOOK all are built. Everything is first made in a temporary folder:
    if a master is wrong, nothing changes. Slow steps (running the solution, the otter
    zip, nbgrader's release) are skipped for a notebook that has not changed.
    """
    from autograder import build as builder

    course = open_course()
    if check:
        if notebooks:
            raise CourseError("--check looks at the whole of notebooks/; give no NOTEBOOK")
        lines = builder.stale(course)
        for line in lines:
            click.echo(line)
        if lines:
            click.echo("Run `course build` and commit notebooks/.")
            sys.exit(1)
        click.echo("notebooks/ is up to date and shows no solution and no hidden check.")
        return
    with console.status("building") as status:
        builder.build(course, chosen(course, notebooks), lambda line: _step(status, line))


def _step(status, line: str) -> None:
    status.update(line)
    console.print(f"  {line}")


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
def prove(notebooks: tuple[str, ...], workers: int) -> None:
    """Prove the checks against the answers in tests/answers/.

    The master and every right answer must get full points, the untouched notebook
    none, and each wrong answer must lose exactly the checks it names. Prints the kill
    matrix and writes it to build/prove/NOTEBOOK.md; exits 1 if anything differs.
    """
    from autograder.fork_server import warm_agents

    course = open_course()
    with warm_agents(course.root / "data"):  # it imports the slow libraries while this process does
        from autograder import prove as prover

        good = [prover.prove(course, name, workers, console) for name in chosen(course, notebooks)]
    sys.exit(0 if all(good) else 1)


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the site goes; by default build/site.",
)
def site(notebooks: tuple[str, ...], to: Path | None) -> None:
    """Build the web site: student notebooks with figures, syllabus, guides, helper.

    Without NOTEBOOK all are shown. The pages need no network. They are scanned for solutions,
    hidden checks and dead links first; if anything is wrong, DIR stays as it was.
    """
    from autograder import site as builder

    course = open_course()
    place = (to or course.build / "site").resolve()
    with console.status("building the site") as status:
        builder.build_site(course, chosen(course, notebooks), place, lambda x: _step(status, x))
    console.print(f"Open {place / 'index.html'}", soft_wrap=True)


@main.command()
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the results go.")
@click.option(
    "--notebook",
    "notebooks",
    multiple=True,
    metavar="NOTEBOOK",
    help="Grade this one alone (may be given several times); by default all.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Submissions at a time; by default one a core."
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Use the workers of this Dask scheduler (tcp://...)."
)
@click.option(
    "--gradebook", metavar="URL", help="Where the gradebook is; by default gradebook.db in OUT."
)
@click.option("--feedback/--no-feedback", default=True, help="Write nbgrader's feedback pages.")
@click.option(
    "--roster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A gradebook exported from Canvas; canvas.csv then carries its ids.",
)
@click.option("--gradescope", is_flag=True, help="Write a results.json a submission, too.")
def grade(
    submissions: Path, out: Path, notebooks: tuple[str, ...], workers: int | None, **others
) -> None:
    """Grade a class, with the scores that nbgrader gives.

    SUBMISSIONS is a folder or a zip archive: nbgrader's submitted/ tree, a folder a student, what
    Canvas, Moodle or Blackboard give to download, or a Gradescope export. OUT becomes an nbgrader
    course directory (gradebook.db, autograded/, feedback/) and gets grades.csv, canvas.csv and
    report.html. Each submission runs in a process of its own, without network and other files.

    Run it again and only new or changed submissions are graded; scores entered by hand stay. It
    can be stopped at any moment.
    """
    from autograder.fork_server import warm_graders

    if others["scheduler"] and workers:
        raise CourseError("--workers is about this machine; with --scheduler leave it out")
    course = open_course()
    names = chosen(course, notebooks)
    here = contextlib.nullcontext() if others["scheduler"] else warm_graders(course.root / "data")
    try:
        with here:  # it imports the slow libraries while this process does
            from autograder import grade as grader

            gc.freeze()  # what is imported is no garbage; to search it took a third of a second
            settings = grader.Settings(workers=workers or os.cpu_count() or 1, **others)
            grader.grade(course, names, submissions, out, console, settings)
    except KeyboardInterrupt:
        click.echo("Stopped. What is graded is kept; run the same command to go on.", err=True)
        sys.exit(130)


@main.command()
def demo() -> None:
    """Build everything, make a sample class, grade it, and show the table."""
    from autograder import demo as demonstration

    demonstration.run(open_course(), console)
