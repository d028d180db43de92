"""Quick builds: the same student copy as `course build`, at every save, whatever is saved."""

import os
import signal
import subprocess

import pytest
from click.testing import CliRunner

from autograder.building.watch import QuickBuild, saved_files, watch
from autograder.commands.cli import main
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from autograder.errors import CourseError
from tests.support.course import COURSE, MINI_CHECKS, MINI_MASTER

NAME = "01_mini"
CHECKS = "autograder/checks/mini.py"


@pytest.fixture
def quick(mini):
    course = load_course(mini)
    return QuickBuild(course, course.names)


def copy_of(root) -> str:
    return (root / "notebooks" / f"{NAME}.ipynb").read_text(encoding="utf-8")


def test_it_builds_what_course_build_builds(mini, quick):
    quick.build(NAME)
    course = load_course(mini)
    assert copy_of(mini) == dumps(compose(course, NAME).student)
    assert (mini / "notebooks" / "course_helper.py").read_text(encoding="utf-8") == course.helper
    assert not (mini / "build").exists()


def test_it_sees_changes_of_master_checks_and_course(mini, quick):
    quick.build(NAME)
    for file, text, old, new in (
        (mini / "solutions" / f"{NAME}.py", MINI_MASTER, "A small notebook", "A changed title"),
        (
            mini / "autograder" / "checks" / "mini.py",
            MINI_CHECKS,
            "Twice 2 is 4.",
            "It doubles two.",
        ),
        (mini / CHECKS, MINI_CHECKS, "points=1", "points=9"),
        (mini / "course.toml", (mini / "course.toml").read_text(), "A small course", "Renamed"),
    ):
        assert new not in copy_of(mini)
        file.write_text(text.replace(old, new))
        quick.build(NAME)
        assert new in copy_of(mini)
        assert copy_of(mini).count("Public check of double") == 1  # none is registered twice


def test_a_leak_is_refused_and_the_copy_stays(mini, quick):
    quick.build(NAME)
    before = copy_of(mini)
    for secret in ("return result_of_doubling", "doubles_a_negative_number"):
        leaking = MINI_MASTER.replace("A small notebook", secret)
        (mini / "solutions" / f"{NAME}.py").write_text(leaking)
        with pytest.raises(CourseError, match="leak: it shows"):
            quick.build(NAME)
        assert copy_of(mini) == before


def test_a_leak_of_another_notebook_is_refused(mini):
    """Of one that is not watched, and of a later one whose master is watched, too."""
    toml = (mini / "course.toml").read_text()
    (mini / "course.toml").write_text(f'{toml}\n[[notebooks]]\nname = "02_other"\n')
    other, their = MINI_MASTER.replace("of doubling", "of halving"), MINI_CHECKS
    (mini / "solutions" / "02_other.py").write_text(other)
    their = their.replace("doubles_a_negative_number", "halves_a_negative_number")
    (mini / "autograder" / "checks" / "other.py").write_text(their.replace("at all", "in any way"))
    course = load_course(mini)
    shown = MINI_MASTER.replace("A small notebook", "halves_a_negative_number")
    (mini / "solutions" / f"{NAME}.py").write_text(shown)
    for names in ([NAME], course.names):
        with pytest.raises(CourseError, match="hidden check halves_a_negative_number"):
            QuickBuild(course, names).build(NAME)
    assert not list((mini / "notebooks").iterdir())


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("solutions/01_mini.py", "return result_of", "return (result_of", "not valid Python"),
        ("solutions/01_mini.py", '"""Return twice x."""', "", "has no docstring"),
        (CHECKS, "def doubles_two(", "def doubles_two((", "not valid Python"),
        (
            "autograder/checks/mini.py",
            "from autograder.checks",
            "1 / 0\nfrom a",
            "ZeroDivisionError",
        ),
        ("course.toml", "title", "tile", 'title = "..." is missing'),
    ],
)
def test_a_mistake_is_said_and_watching_goes_on(mini, quick, file, old, new, message):
    path, said = mini / file, []
    right = path.read_text()

    def saves():
        yield {path}
        path.write_text(right.replace(old, new))
        yield {path}
        path.write_text(right)
        yield {path}

    watch(quick, said.append, saves())
    assert [line.split(" in ")[0] for line in said[::2]] == [f"{NAME}: built"] * 2
    assert message in said[1]
    assert len(said) == 3


def test_a_master_that_is_wrong_at_the_start_is_said(mini):
    path = mini / "solutions" / f"{NAME}.py"
    path.write_text(MINI_MASTER.replace('"""Return twice x."""', ""))
    course, said = load_course(mini), []
    quick = QuickBuild(course, course.names)
    watch(quick, said.append, [set(quick.files())])
    assert "double has no docstring" in said[0]


def test_saved_files_are_found_however_they_are_saved(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.building.watch.POLL_SECONDS", 0)
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.write_text("a")
    changes = saved_files([one, two])
    assert next(changes) == {one, two}
    one.write_text("longer")
    assert next(changes) == {one}
    (tmp_path / "new").write_text("other text")  # as editors that replace the file do
    (tmp_path / "new").replace(two)
    assert next(changes) == {two}
    one.unlink()
    assert next(changes) == {one}


def test_check_and_watch_do_not_go_together(mini):
    result = CliRunner().invoke(main, ["build", "--check", "--watch"])
    assert result.exit_code == 2
    assert "do not go together" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal")
def test_the_command_builds_after_a_save_and_ends_in_order(mini):
    run = subprocess.Popen(  # a terminal would send the signal to the group
        [*COURSE, "build", "--watch"],
        cwd=mini,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        lines = iter(run.stdout.readline, "")
        assert any(f"{NAME}: built" in line for line in lines)
        master = mini / "solutions" / f"{NAME}.py"
        master.write_text(MINI_MASTER.replace("A small notebook", "Saved while it watches"))
        assert any(f"{NAME}: built" in line for line in lines)
        assert "Saved while it watches" in copy_of(mini)
        run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=60)
        assert run.returncode == 0
        assert "Stopped." in rest and "run `course build`" in rest
        assert "Traceback" not in rest
    finally:
        run.kill()
        run.wait()
