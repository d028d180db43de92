"""The set-up cell fetches the course files in Colab and does nothing elsewhere."""

import json
import os
import subprocess
import sys
import types

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.building.publish import Repository, student_files
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course


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


COLAB = """\
import subprocess, sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
COMMANDS = []
real = subprocess.run
def run(command, **options):
    COMMANDS.append(command[:2])
    return real(command, **options)
subprocess.run = run
"""


@pytest.mark.slow
def test_a_notebook_as_colab_has_it_runs_in_colab(mini, tmp_path):
    """The notebook file alone, without its metadata, beside a clone of what was published.

    Colab's own packages stay as they are: the only command that runs is the clone.
    """
    repository = tmp_path / "students"
    toml = mini / "course.toml"
    toml.write_text(toml.read_text().replace("https://example.org/course.git", str(repository)))
    course = load_course(mini)
    built = compose(course, "01_mini")
    course.notebooks.joinpath("01_mini.ipynb").write_text(dumps(built.student))
    course.write_helper(course.notebooks)
    Repository(repository).update(student_files(course, [built]))
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "course"]):
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)

    answered = with_answers(built.student, {"double": "def double(x):\n    return x + x"})
    plain = json.loads(dumps(answered))
    plain["metadata"] = {"colab": {"provenance": []}, "accelerator": "GPU"}
    for number, cell in enumerate(plain["cells"]):
        cell["metadata"] = {"id": f"colab{number}"}
    notebook = nbformat.reads(json.dumps(plain), as_version=4)
    notebook.cells.append(
        nbformat.v4.new_code_cell("import course_helper\nprint(COMMANDS, course_helper.__file__)")
    )
    content = tmp_path / "content"
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    for folder in (content, startup):
        folder.mkdir(parents=True)
    (startup / "00_colab.py").write_text(COLAB)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(content)}},
    )
    client.execute(env=environment | {"IPYTHONDIR": str(tmp_path / "ipython")})
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "✓ double: doubles two (1 of 1 point)" in printed
    helper = content / "course" / "notebooks" / "course_helper.py"
    assert f"[['git', 'clone']] {helper}" in printed
