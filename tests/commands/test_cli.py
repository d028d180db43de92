"""The `course` command: what goes wrong is said in one line, and nothing is half-written."""

import re

import pytest
from click.testing import CliRunner

from autograder.commands.cli import main
from autograder.course.compose import source_notebook, student_notebook
from autograder.course.config import load_course
from autograder.course.master import load_master
from tests.support.course import COURSE_TOML, MINI_CHECKS, MINI_MASTER


def course(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def snapshot(root):
    return {
        path.relative_to(root): path.read_bytes()
        for room in ("notebooks", "build")
        for path in (root / room).rglob("*")
        if path.is_file() and path.name != "stamps.json"
    }


def test_help_teaches():
    text = course("--help").output
    for command in ("build", "check", "demo", "grade", "prove", "publish"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)
        assert "Usage: main" in course(command, "--help").output or "Usage:" in text
    assert "solutions/NN_topic.py" in text


# Every row: what replaces what in which file, and the message with its line.
MASTER_MISTAKES = [
    ("### BEGIN SOLUTION\n    result", "result", "solutions/01_mini.py:12: ### BEGIN SOLUTION and"),
    ('exercise="double"', 'exercize="double"', "01_mini.py:7: unknown cell metadata 'exercize'"),
    ("def double(x)", "def dubble(x)", "01_mini.py:7: the cell of double defines dubble"),
    ('    """Return twice x."""\n', "", "01_mini.py:7: double has no docstring"),
    (" points=2", "", "01_mini.py:20: why has no points"),
    ('written="why"', 'written="double"', "01_mini.py:7: the id 'double' is used twice"),
    ("return result_of", "return (result_of", "01_mini.py:12: not valid Python"),
    (
        "# %% [markdown]\n# # A",
        "x = 1\n# %% [markdown]\n# # A",
        "01_mini.py:1: there is text before",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), MASTER_MISTAKES)
def test_malformed_master(mini, old, new, message):
    assert old in MINI_MASTER
    (mini / "solutions" / "01_mini.py").write_text(MINI_MASTER.replace(old, new, 1))
    expect_error(mini, message)


CHECK_MISTAKES = [
    ('@check("double", points=1', '@check("triple", points=1', "mini.py:7: doubles_two checks"),
    ("def doubles_two(double)", "def doubles_two(halve)", "mini.py:7: doubles_two uses 'halve'"),
    ("points=1, ", "", "mini.py:7: doubles_two has no points"),
    (', hint="Twice means x + x."', "", "mini.py:7: doubles_two has no hint"),
    ("doubles_a_negative_number", "doubles_two", "mini.py:7: two checks are called doubles_two"),
    ("hidden=True, ", "", "01_mini.py: double has no hidden check"),
    ("def doubles_two(", "def doubles_two((", "mini.py:8: not valid Python"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHECK_MISTAKES)
def test_malformed_checks(mini, old, new, message):
    assert old in MINI_CHECKS
    (mini / "autograder" / "checks" / "mini.py").write_text(MINI_CHECKS.replace(old, new, 1))
    expect_error(mini, message)


COURSE_MISTAKES = [
    ('title = "A small course"\n', "", "course.toml: title"),
    ("term =", "therm =", "course.toml: term"),
    ('"01_mini"', '"mini"', "course.toml:6: a notebook's name looks like"),
    ("2030-01-31T12:00:00Z", '"soon"', "course.toml:6: due of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoints = "ten"', "course.toml:6: points of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoints = 0', "points of 01_mini must be a number above zero"),
    ('"01_mini"', '"01_mini"\npoints = true', "points of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoints = inf', "points of 01_mini must be"),
    ('"01_mini"', '"01_mini"\npoint = 10', "course.toml:7: unknown key 'point'"),
    ("[[notebooks]]", "[[notebooks]", "course.toml:5:"),
    ('"01_mini"', '"02_other"', "02_other.py: this master does not exist"),
    (COURSE_TOML[COURSE_TOML.index("[[") :], 'notebooks = ["01_mini"]', "under [[notebooks]]"),
]


@pytest.mark.parametrize(("old", "new", "message"), COURSE_MISTAKES)
def test_malformed_course(mini, old, new, message):
    assert old in COURSE_TOML
    (mini / "course.toml").write_text(COURSE_TOML.replace(old, new, 1))
    expect_error(mini, message)


def test_course_toml_as_editors_on_windows_save_it(mini):
    text = COURSE_TOML.replace("small", "kleiner, größerer")
    (mini / "course.toml").write_text(text, encoding="cp1252")
    expect_error(mini, "course.toml: it is not UTF-8 text; save it as UTF-8")
    (mini / "course.toml").write_text(text, encoding="utf-8-sig", newline="\r\n")
    assert load_course(mini).title == "A kleiner, größerer course"


def expect_error(root, message: str) -> None:
    before = snapshot(root)
    result = course("build")
    assert result.exit_code == 2, result.output
    assert message in result.stderr.replace("\\", "/")
    assert result.stderr.startswith("course: ")
    assert result.stderr.count("\n") == 1
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "99"], "there is no notebook '99'"),
        (["build", "--check", "01"], "give no NOTEBOOK"),
        (["build", "--czech"], "No such option"),
        (["polish"], "No such command"),
        (["grade", "nowhere", "--out", "x"], "there is no such folder or zip archive"),
        (
            ["grade", "solutions", "--out", "x", "--notebook", "01"],
            "no submission of 01_mini in it",
        ),
        (["grade", "solutions", "--out", "x"], "no submission of 01_mini in it"),
        (["grade", "solutions"], "Missing option '--out'"),
    ],
)
def test_wrong_arguments(mini, arguments, message):
    result = course(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = course("build")
    assert result.exit_code == 2
    assert "run `course` inside the repository" in result.stderr


def test_build_then_check_then_touch(mini):
    result = course("build")
    assert result.exit_code == 0, result.output
    first = snapshot(mini)
    assert course("build", "--check").exit_code == 0
    assert course("build", "mini").exit_code == 0
    assert snapshot(mini) == first
    names = {str(path) for path in first}
    assert {"notebooks/01_mini.ipynb", "notebooks/course_helper.py"} <= names
    assert "build/solutions/01_mini.ipynb" in names
    assert "build/otter/01_mini.zip" in names
    assert "build/nbgrader/release/01_mini/01_mini.ipynb" in names
    assert not [path for path in (mini / "build").iterdir() if path.name.startswith("building-")]
    master = mini / "solutions" / "01_mini.py"
    master.write_text(MINI_MASTER.replace("A small notebook", "A changed notebook"))
    stale = course("build", "--check")
    assert stale.exit_code == 1
    assert "notebooks/01_mini.ipynb is not what its source gives" in stale.output
    (mini / "notebooks" / "notes.ipynb").write_text("{}")
    assert "notebooks/notes.ipynb has no source" in course("build", "--check").output


def test_the_notebook_says_when_it_is_due_and_what_it_is_worth(mini):
    def header() -> str:
        opened = load_course(mini)
        cells = student_notebook(source_notebook(opened, load_master(opened, "01_mini"))).cells
        return cells[1].source

    due = "*A small course, Test.*  \nDue Thursday, 31 January 2030, 12:00 UTC.  \n"
    assert header() == due + "5 points: 3 by checks, 2 for written answers."
    for points, worth in (("10", "10 points"), ("1", "1 point"), ("2.5", "2.5 points")):
        (mini / "course.toml").write_text(f"{COURSE_TOML}points = {points}\n")
        assert header() == due + (
            f"Worth {worth}. It is graded out of 5: 3 by checks, 2 for written answers."
        )


def test_a_solution_that_does_not_run_changes_nothing(mini):
    broken = MINI_MASTER.replace("print(double(4))", "print(double(4) + missing)")
    (mini / "solutions" / "01_mini.py").write_text(broken.replace('waits_for("double")', "open(0)"))
    before = snapshot(mini)
    result = course("build")
    assert result.exit_code == 2
    assert "the solution does not run" in result.stderr
    assert snapshot(mini) == before
