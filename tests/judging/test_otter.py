"""Otter's zip carries what grading needs and no more; written answers can be exported."""

import functools
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from otter.export.exporters.base_exporter import BaseExporter
from otter.test_files import create_test_file

from autograder.building.otter_zip import test_file as otter_test_file
from autograder.building.otter_zip import write
from autograder.course.cells import with_answers
from autograder.course.config import load_course
from tests.support.course import ROOT
from tests.support.proof import all_but

NAMES = load_course(ROOT).names
# One with and one without spies of its own; `otter generate` takes seconds.
pytestmark = pytest.mark.parametrize("name", all_but((NAMES[0], NAMES[5]), NAMES))


@pytest.fixture(scope="module")
def unpacked_of(course, built, tmp_path_factory):
    """Gives the folder of a notebook's unpacked zip, which takes `otter generate` seconds."""

    @functools.cache
    def make(name: str) -> Path:
        place = tmp_path_factory.mktemp(name)
        write(course, built[name].master, place / "otter")
        with zipfile.ZipFile(place / "otter" / f"{name}.zip") as archive:
            archive.extractall(place / "source")
        return place / "source"

    return make


@pytest.fixture
def unpacked(unpacked_of, name):
    """The zip of a notebook, unpacked."""
    return unpacked_of(name)


def test_the_zip_carries_environment_data_helper_and_only_its_checks(unpacked, built, name):
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert {
        *("environment.yml", "setup.sh", "run_autograder", "run_otter.py", "otter_config.json"),
        *("files/course_helper.py", "files/data/digits.npz", "autograder/judging/otter_plugin.py"),
    } <= files
    assert not [file for file in files if "solution" in file or file.endswith(".ipynb")]
    modules = {path.stem for path in (unpacked / "autograder" / "checks").glob("*.py")}
    assert modules == {"__init__", name.partition("_")[2]}
    tests = {path.stem for path in (unpacked / "tests").glob("*.py")}
    assert tests == set(built[name].master.exercises)
    environment = yaml.safe_load((unpacked / "environment.yml").read_text())
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert any(line.startswith("torch>=") for line in pip)
    assert any(line.startswith("otter-grader") for line in pip)


def test_the_carried_package_needs_nothing_else_of_ours(unpacked, name):
    """As in a clean grading image: the package is only in the zip."""
    code = (
        "import sys\n"
        f"ours = ({str(ROOT)!r}, {str(ROOT / 'autograder' / 'inside' / 'student')!r})\n"
        "sys.path[:] = [path for path in sys.path if path not in ours]\n"
        f"sys.path.insert(0, {str(unpacked)!r})\n"
        "import autograder.judging.otter_plugin\n"
        "import autograder.inside.spies\n"
        "import autograder.judging.stock as stock\n"
        f"assert stock.checks_by_id({name!r})\n"
        f"assert autograder.__file__.startswith({str(unpacked)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_check_is_one_test_case_worth_its_points(built, name, tmp_path):
    for exercise in built[name].master.exercises:
        path = tmp_path / f"{exercise}.py"
        path.write_text(otter_test_file(built[name].master, exercise))
        cases = create_test_file(str(path), None).test_cases
        given = {case.name: (case.points, case.hidden) for case in cases}
        checks = built[name].master.checks_of(exercise)
        assert given == {key: (check.points, check.hidden) for key, check in checks.items()}


def test_written_answers_and_only_they_are_exported_for_grading_by_hand(built, name):
    written = built[name].master.written
    answers = {question: f"My answer to {question}." for question in written}
    notebook = with_answers(built[name].student, answers)
    exported = "\n".join(c.source for c in BaseExporter.filter_cells(notebook, False).cells)
    for text in answers.values():
        assert text in exported
    assert exported.count("BEGIN QUESTION") == len(written)
    assert "Exercise" not in exported and "def " not in exported
