"""A folder decides, no list: what a submission sees, a zip carries, and makes results stale."""

import shutil

import pytest

from autograder.building import otter_zip
from autograder.checks import files_of
from autograder.course.config import PACKAGE
from autograder.judging import digest
from autograder.judging.sandbox.fork_client import SUPPORTED

NAME = "01_pytorch_basics"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, in which the engine looks for its own files."""
    copy = tmp_path / "autograder"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for module in (otter_zip, digest):
        monkeypatch.setattr(module, "PACKAGE", copy)
    return copy


@pytest.mark.parametrize("file", ["inside/new.py", "inside/deep/er/new.txt", "judging/new.py"])
def test_a_new_file_of_a_room_is_carried_and_makes_results_stale(course, package, file):
    before = digest.rules_digest(course.checks, NAME)
    path = package / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("new")
    assert otter_zip.carried(course, NAME)[f"autograder/{file}"] == path
    with_file = digest.rules_digest(course.checks, NAME)
    assert with_file != before
    path.write_text("other")
    assert digest.rules_digest(course.checks, NAME) not in (before, with_file)


@pytest.mark.parametrize("room", ["intake", "course", "judging", "inside", "checks", ""])
def test_every_room_on_the_way_makes_results_stale(course, package, room):
    before = digest.rules_digest(course.checks, NAME)
    (package / room / "__init__.py").write_text('"""Changed."""\n')
    assert digest.rules_digest(course.checks, NAME) != before


@pytest.mark.parametrize("room", ["commands", "building", "results"])
def test_what_people_see_of_results_does_not(course, package, room):
    before = digest.rules_digest(course.checks, NAME)
    (package / room / "new.py").write_text("new")
    assert digest.rules_digest(course.checks, NAME) == before


def test_the_checks_of_another_notebook_are_neither_carried_nor_digested(mini):
    folder = mini / "autograder" / "checks"
    before = digest.rules_digest(folder, "01_mini")
    (folder / "other.py").write_text("secret = 1\n")
    assert digest.rules_digest(folder, "01_mini") == before
    assert {path.name for path in files_of(folder, "01_mini")} == {"mini.py"}
    (folder / "shared").mkdir()
    (folder / "shared" / "makers.py").write_text("shared = 1\n")
    assert digest.rules_digest(folder, "01_mini") != before


@pytest.mark.skipif(not SUPPORTED, reason="the jail is Linux's")
def test_a_submission_is_shown_one_room(course):
    from autograder.judging.sandbox import jail

    shown = [path for path in jail.readable_places(course.data) if path.is_relative_to(PACKAGE)]
    assert sorted(shown) == [PACKAGE / "__init__.py", PACKAGE / "inside"]
