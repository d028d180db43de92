"""The set-up cell fetches the course files in Colab and does nothing elsewhere."""

import subprocess
import sys
import types

import pytest

from autograder.build import compose
from autograder.course import load_course


@pytest.fixture
def published(mini, tmp_path):
    """A local git repository with the student files, named by course.toml."""
    repository = tmp_path / "published"
    (repository / "notebooks").mkdir(parents=True)
    (repository / "notebooks" / "course_helper.py").write_text("HERE = True\n")
    for command in (
        ["git", "init", "--quiet", "."],
        ["git", "add", "."],
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "files"],
    ):
        subprocess.run(command, cwd=repository, check=True)
    toml = mini / "course.toml"
    toml.write_text(toml.read_text().replace("https://example.org/course.git", str(repository)))
    return mini


def setup_cell(root) -> str:
    student = compose(load_course(root), "01_mini").student
    return next(cell.source for cell in student.cells if cell.source.startswith("# Set-up."))


def run_cell(source: str, folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    exec(source, {})


def test_in_colab_it_clones_once_and_goes_there(published, tmp_path, monkeypatch):
    content = tmp_path / "content"
    content.mkdir()
    source = setup_cell(published)
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    run_cell(source, content, monkeypatch)
    place = content / "course" / "notebooks"
    assert (place / "course_helper.py").is_file()
    assert place.samefile(".")
    run_cell(source, place, monkeypatch)  # running the cell again changes nothing
    assert place.samefile(".")
    run_cell(source, content, monkeypatch)  # nor does a restarted session
    assert place.samefile(".")


def test_elsewhere_it_does_nothing(published, tmp_path, monkeypatch):
    place = tmp_path / "laptop"
    place.mkdir()
    run_cell(setup_cell(published), place, monkeypatch)
    assert list(place.iterdir()) == []
    assert place.samefile(".")
