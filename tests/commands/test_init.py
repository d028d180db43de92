"""`course init` begins a course anywhere, which the engine serves from a wheel."""

import csv
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from autograder.commands.cli import main
from autograder.commands.init import init_course
from autograder.commands.prove import solutions
from autograder.course.cells import with_answers
from autograder.course.config import load_course
from autograder.course.master import load_master
from tests.support.course import COURSE, ROOT

NAME, SECOND = "01_moving_averages", "02_attention_maps"


def test_it_writes_a_course_that_can_be_read(tmp_path):
    folder = tmp_path / "vision course"
    result = CliRunner().invoke(main, ["init", str(folder)])
    assert result.exit_code == 0, result.output
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written >= {
        *("course.toml", "Makefile", "README.md", "environment.yml", ".gitignore"),
        *(f"solutions/{NAME}.py", "autograder/checks/moving_averages.py"),
        "tests/answers/moving_averages.py",
    }
    assert 'title = "Vision course"' in (folder / "course.toml").read_text()
    assert "- torch<3,>=2.15\n" in (folder / "environment.yml").read_text()
    assert "extra ==" not in (folder / "environment.yml").read_text()


@pytest.mark.parametrize(
    ("name", "message"), [("file", "it is a file"), ("full", "holds files already")]
)
def test_it_overwrites_nothing(tmp_path, name, message):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    result = CliRunner().invoke(main, ["init", str(tmp_path / name)])
    assert result.exit_code == 2
    assert message in result.stderr
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["file", "full", "notes.txt"]


def test_a_folder_that_git_has_made_will_do(tmp_path):
    (tmp_path / ".git").mkdir()
    assert CliRunner().invoke(main, ["init", str(tmp_path)]).exit_code == 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The engine, unpacked from the wheel that is built of this repository."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(place)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = place.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(place / "engine")
    return place / "engine"


@pytest.mark.slow
def test_the_wheel_holds_the_engine_and_no_course(wheel, course):
    assert not (wheel / "solutions").exists() and not (wheel / "tests").exists()
    checks = {path.stem for path in (wheel / "autograder" / "checks").glob("*.py")}
    assert checks == {"__init__"}
    assert (wheel / "autograder" / "commands" / "templates" / "course").is_dir()


@pytest.fixture(scope="module")
def begun(wheel, tmp_path_factory) -> Callable[..., str]:
    """Runs `course` of the wheel in a new course outside of the repository."""
    folder = tmp_path_factory.mktemp("begun") / "vision-course"
    folder.mkdir()

    def course(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(wheel)}
        done = subprocess.run(
            [*COURSE, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return " ".join(done.stdout.split())

    course.folder = folder
    course("init", ".")
    return course


@pytest.mark.slow
def test_the_engine_of_a_wheel_builds_proves_and_grades_a_new_course(begun):
    assert f"{NAME}: 1 exercises, 3 checks" in begun("build")
    assert "4 of 4 wrong answers killed, 3 right answers run (master included), 0 problems" in (
        begun("prove")
    )
    notebook = nbformat.read(begun.folder / "notebooks" / f"{NAME}.ipynb", as_version=4)
    master = load_master(load_course(begun.folder), NAME)
    solved = with_answers(notebook, solutions(master))
    for student, handed_in in (("ada", solved), ("ben", notebook)):
        path = begun.folder / "class" / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(handed_in, path)
    begun("grade", "class", "--out", "results", "--no-feedback")
    with (begun.folder / "results" / "grades.csv").open(newline="") as file:
        given = [(row["student"], float(row["points"])) for row in csv.DictReader(file)]
    assert {s: sum(p for student, p in given if student == s) for s in ("ada", "ben")} == {
        "ada": master.points,
        "ben": 0,
    }


@pytest.mark.proof
def test_it_runs_the_demo_and_takes_another_notebook(begun):
    assert begun("demo").count("as documented") == 8
    assert f"course prove {SECOND[:2]}" in begun("new", SECOND)
    assert f"{SECOND}: 1 exercises, 3 checks" in begun("build", SECOND)
    assert "0 problems" in begun("prove", SECOND)
    assert "notebooks/ is up to date" in begun("build", "--check")
    assert "Attention maps" in (begun.folder / "notebooks" / f"{SECOND}.ipynb").read_text()


def test_what_is_written_for_authors_is_as_ruff_wants_it(tmp_path):
    init_course(tmp_path / "course")
    written = ["solutions", "tests", "autograder"]
    for options in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *options, "--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run(
            [*ruff, *written], cwd=tmp_path / "course", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
