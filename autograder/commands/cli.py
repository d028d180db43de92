"""The `course` command.

It starts with click and the standard library alone. A command imports the rest once its
arguments are known to be right.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.commands import packages
from autograder.course.config import Course, find_root, load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools

try:
    import click
    from click import Group  # which a folder without code, a damaged click, does not have
except Exception as error:  # a broken library may raise anything
    from autograder.commands import without_click

    without_click.run(error)

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def console() -> Console:
    """Return the terminal, through rich: a fifth of a second that --help does not need."""
    from rich.console import Console

    return Console(highlight=False)


class CourseCommand(Group):
    """Reports a CourseError, or a package that is missing, in one line; the exit code is 2."""

    def invoke(self, context: click.Context):
        find_own_tools()
        try:
            return super().invoke(context)
        except CourseError as error:
            click.echo(f"course: {error}", err=True)
            sys.exit(2)
        except Exception as error:
            found = packages.culprit(error)
            if not found:
                raise
            click.echo(packages.message(found), err=True)
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
      course publish FOLDER     the repository that students clone
      course check FILE         the public checks of one notebook file
      course prove              right answers pass, wrong answers fail as documented
      course grade FOLDER       grade a class into nbgrader's gradebook
      course site               the web site of the course, into build/site
      course demo               all of it, on a made-up class
      course doctor             what is missing on this machine, and the mend

    A NOTEBOOK is named 01_pytorch_basics, pytorch_basics or 01.
    """


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if notebooks/ is stale.")
@click.option("--watch", is_flag=True, help="Build student copies anew at every save.")
def build(notebooks: tuple[str, ...], check: bool, watch: bool) -> None:
    """Build the student notebooks and everything that graders need.

    Without NOTEBOOK all are built. Everything is first made in a temporary folder:
    if a master is wrong, nothing changes. Slow steps (running the solution, the otter
    zip, nbgrader's release) are skipped for a notebook that has not changed.

    With --watch only notebooks/ is written, at once, whenever a master or its checks are
    saved. Run `course build` afterwards for the rest.
    """
    course = open_course()
    if check and watch:
        raise CourseError("--check and --watch do not go together")
    if check and notebooks:
        raise CourseError("--check looks at the whole of notebooks/; give no NOTEBOOK")
    names = chosen(course, notebooks)
    if watch:
        _watch(course, names)
        return

    from autograder.building import build
    from autograder.course.compose import compose

    if check:
        lines = build.stale(course, [compose(course, name) for name in course.names])
        for line in lines:
            click.echo(line)
        if lines:
            click.echo("Run `course build` and commit notebooks/.")
            sys.exit(1)
        click.echo("notebooks/ is up to date and shows no solution and no hidden check.")
        return
    with console().status("building") as status:
        build.build(course, names, lambda line: _step(status, line))


def _watch(course: Course, names: list[str]) -> None:
    from autograder.building import watch

    # A .pyc file tells two saves within a second apart by the size alone.
    sys.dont_write_bytecode = True
    try:
        with console().status("reading the masters"):
            quick = watch.QuickBuild(course, names)
        changes = watch.saved_files(quick.files())
        click.echo("Watching solutions/ and autograder/checks/. Ctrl-C ends it.")
        watch.watch(quick, click.echo, changes)
    except KeyboardInterrupt:
        rest = "the executed solution, the otter zip and nbgrader's release"
        click.echo(f"\nStopped. notebooks/ is as last built; run `course build` for {rest}.")


@main.command()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--up-to", metavar="NOTEBOOK", help="Leave out the notebooks after this one.")
@click.option("--force", is_flag=True, help="Overwrite files in DEST that were written by hand.")
def publish(dest: Path, up_to: str | None, force: bool) -> None:
    """Write the student repository into DEST, and nbgrader's release directory.

    DEST is the folder that you push to where students clone it: notebooks, helper module, data,
    environment.yml, licences, and a README with due dates and how to start. Only what has changed
    is written; what is no longer published is removed; other files there stay. Nothing is written
    if notebooks/ is stale or a file shows a solution or a hidden check.

    Later notebooks show how exercises of earlier ones are solved: with --up-to students get them
    in time.
    """
    course = open_course()
    names = course.names
    if up_to:
        names = names[: names.index(course.assignment(up_to).name) + 1]

    from autograder.building import publish

    with console().status("publishing") as status:
        changes = publish.publish(
            course, dest, names, lambda line: _step(status, line), force=force
        )
    for word, paths in (("wrote", changes.written), ("removed", changes.removed)):
        for path in paths:
            click.echo(f"  {word} {path}")
    click.echo(f"{dest}: {changes.unchanged} files unchanged.")
    click.echo("build/nbgrader/release is up to date.")


@main.command()
@click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--notebook", metavar="NOTEBOOK", help="Which it is, if the file does not tell.")
def check(file: Path, notebook: str | None) -> None:
    """Run the public checks of a notebook file; exit 1 if one fails.

    FILE is an .ipynb as a student has it. It is matched to the released notebook, so another name,
    added cells and lost metadata do no harm, and runs in a process of its own. A failed check
    says what was called, what came back, what was expected, and a hint. Hidden checks do not run.
    """
    from autograder.judging.sandbox.fork_client import warm_agents

    course = open_course()
    name = course.assignment(notebook).name if notebook else None
    with warm_agents(course.data):
        from autograder.commands import check

        checked = check.check_file(course, file, name)
    for line in check.lines(checked):
        click.echo(line)
    sys.exit(0 if checked.good else 1)


def _step(status, line: str) -> None:
    status.update(line)
    console().print(f"  {line}")


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--everything",
    is_flag=True,
    help="Remember nothing, and judge each answer by all later checks, needed or not.",
)
def prove(notebooks: tuple[str, ...], workers: int, everything: bool) -> None:
    """Prove the checks against the answers in tests/answers/.

    The master and every right answer must get full points, the untouched notebook
    none, and each wrong answer must lose exactly the checks it names. Prints the kill
    matrix and writes it to build/prove/NOTEBOOK.md; exits 1 if anything differs.

    What was proved before is not proved again unless something that it depends on has changed:
    the check, the answer, the cells, the engine, the data or the version of a package.
    """
    from autograder.judging.sandbox.fork_client import warm_agents

    course = open_course()
    names = chosen(course, notebooks)
    with warm_agents(course.data):  # it imports the slow libraries while this process does
        from autograder.commands import prove

        good = [
            prove.prove(course, name, workers, console(), everything=everything) for name in names
        ]
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
    course = open_course()
    names = chosen(course, notebooks)

    from autograder.building.site import build

    place = (to or course.build / "site").resolve()
    with console().status("building the site") as status:
        build.build_site(course, names, place, lambda x: _step(status, x))
    console().print(f"Open {place / 'index.html'}", soft_wrap=True)


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
    from autograder.judging.sandbox.fork_client import warm_graders

    if others["scheduler"] and workers:
        raise CourseError("--workers is about this machine; with --scheduler leave it out")
    course = open_course()
    names = chosen(course, notebooks)
    here = contextlib.nullcontext() if others["scheduler"] else warm_graders(course.data)
    try:
        with here:  # it imports the slow libraries while this process does
            from autograder.commands import grade

            gc.freeze()  # what is imported is no garbage; to search it took a third of a second
            settings = grade.Settings(workers=workers or os.cpu_count() or 1, **others)
            grade.grade(course, names, submissions, out, console(), settings)
    except KeyboardInterrupt:
        click.echo("Stopped. What is graded is kept; run the same command to go on.", err=True)
        sys.exit(130)


@main.command("release-solutions")
@click.argument("notebooks", nargs=-1, required=True, metavar="NOTEBOOK...")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where the files go.",
)
@click.option("--force", is_flag=True, help="Release before the due date, or without one.")
def release_solutions(notebooks: tuple[str, ...], folder: Path, force: bool) -> None:
    """Write solutions for students: the executed notebook and an HTML page.

    They hold the solved exercises and the model answers, with outputs. They are scanned:
    no hidden check and no rubric is in them. Before the due date of course.toml the
    command refuses.
    """
    course = open_course()
    names = chosen(course, notebooks)

    from autograder.building import solutions

    with console().status("reading the masters") as status:
        files = solutions.release_solutions(
            course,
            names,
            folder,
            datetime.now().astimezone(),
            lambda line: _step(status, line),
            force=force,
        )
    for file in files:
        console().print(f"  {file}", soft_wrap=True)


@main.command()
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Where the results are."
)
@click.option("--student", required=True, metavar="NAME", help="As in grades.csv.")
@click.option("--notebook", required=True, metavar="NOTEBOOK")
@click.option("--note", required=True, metavar="TEXT", help="Why; the student reads it.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Submissions at a time; by default one a core."
)
def regrade(
    submissions: Path, out: Path, student: str, notebook: str, note: str, workers: int | None
) -> None:
    """Judge one student's submission again, with a note why.

    SUBMISSIONS and OUT are those of `course grade`, which was run before. The note, the date
    and both scores go into OUT/regrades.json; report.html and the student's feedback page show
    them. Scores entered by hand stay. What else is new or changed is judged, too, and all
    results are written as by the last `course grade`.
    """
    course = open_course()
    (name,) = chosen(course, (notebook,))

    from autograder.commands.regrade import judge_again

    now = datetime.now().astimezone()
    workers = workers or os.cpu_count() or 1
    try:
        done = judge_again(course, submissions, out, student, name, note, now, console(), workers)
    except KeyboardInterrupt:
        click.echo("Stopped; the next `course grade` or `course regrade` goes on.", err=True)
        sys.exit(130)
    before = "no score" if done.before is None else f"{done.before:g}"
    console().print(f"{student}, {name}: {before} before, {done.after:g} now", markup=False)


@main.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Of `course grade`.")
@click.option("--student", metavar="NAME", help="As in grades.csv; by default all.")
@click.option("--notebook", metavar="NOTEBOOK", help="By default all.")
def mistakes(out: Path, student: str | None, notebook: str | None) -> None:
    """Tell which documented wrong answer a failing submission behaves like.

    For TAs, not for students: it names hidden checks. Prints a table, and writes
    OUT/mistakes.html with the students' code beside the documented answer; report.html links
    it. The documented answers are those of tests/answers/.
    """
    course = open_course()
    name = chosen(course, (notebook,))[0] if notebook else None

    from autograder.results import mistakes

    found, page = mistakes.mistakes(course, out, student, name)
    if found:
        console().print(mistakes.table_of(found))
    else:
        console().print(f"{student or 'Nobody'} fails {'no' if student else 'a'} check.")
    console().print(f"For TAs only: {os.path.relpath(page)}", soft_wrap=True)


@main.command()
@click.argument("name")
def new(name: str) -> None:
    """Begin a notebook, such as 10_attention_maps.

    Writes a small master, its checks and its corpus, and an entry in course.toml. All of it is
    a worked example to replace piece by piece: it builds and is proved as it stands.
    """
    course = open_course()

    from autograder.commands.new_notebook import new_notebook

    for path in new_notebook(course, name):
        console().print(f"  {os.path.relpath(path)}", soft_wrap=True)
    number = name.partition("_")[0]
    console().print(
        f"Now `course build {number}` and `course prove {number}`; see docs/authors.md."
    )


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Begin a course in FOLDER, with one small notebook.

    Writes course.toml, a master, its checks and answers, environment.yml, a Makefile and a README.
    It can be built, proved and graded as it stands; `course new` adds notebooks.
    """
    from autograder.commands.init import init_course

    for path in init_course(folder):
        console().print(f"  {os.path.relpath(path)}", soft_wrap=True)
    console().print(f"Now `cd {os.path.relpath(folder)}` and `make`, or `course build`.")


@main.command()
def doctor() -> None:
    """Tell what on this machine is missing or does not fit, and how to mend it.

    Looks at Python, the packages and their versions, the graders' programs, the kernel, the
    isolation of submissions, PyTorch and the GPU, course.toml, notebooks/, disk and memory.
    Changes nothing. Exits 1 if something that the course needs is missing.
    """
    from autograder.commands import doctor

    sys.exit(0 if doctor.run(find_root(Path.cwd()), doctor.console()) else 1)


@main.command()
def demo() -> None:
    """Build everything, make a sample class, grade it, and show the table."""
    course = open_course()

    from autograder.commands import demo

    demo.run(course, console())
