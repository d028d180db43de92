"""`course publish`: what students get, nothing more, and git shows only what changed."""

import ast
import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
import yaml
from click.testing import CliRunner

from autograder.building import publish
from autograder.commands.cli import main
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from tests.support.course import MINI_MASTER

NOTEBOOK = "notebooks/01_mini.ipynb"


def write_notebooks(root) -> None:
    """Bring notebooks/ of a small course up to date, without the slow rest of a build."""
    course = load_course(root)
    course.write_helper(course.notebooks)
    for name in course.names:
        text = dumps(compose(course, name).student)
        (course.notebooks / f"{name}.ipynb").write_text(text, encoding="utf-8")


@pytest.fixture
def ready(mini):
    """A small course whose notebooks are built, on GitHub, with data and licences."""
    toml = mini / "course.toml"
    toml.write_text(
        toml.read_text().replace("https://example.org/course.git", "https://github.com/uni/course")
    )
    (mini / "data" / "numbers.npz").write_bytes(b"PK\0\0")
    (mini / "data" / "make_numbers.py").write_text("result_of_doubling = x + x\n")
    (mini / "data" / "README.md").write_text(
        "# Data\n\n## numbers.npz\n\nNumbers.\n\n## make_numbers.py\n\nThe script.\n"
    )
    (mini / "data" / "MNIST").mkdir()
    (mini / "data" / "MNIST" / "downloaded").write_text("no")
    (mini / "LICENSE").write_text("MIT\n")
    write_notebooks(mini)
    return mini


def run(*arguments):
    return CliRunner().invoke(main, ["publish", *map(str, arguments)])


def published(dest):
    return {
        path.relative_to(dest).as_posix(): path
        for path in sorted(dest.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def git(dest, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=dest, check=True, capture_output=True, text=True)
    return done.stdout


def test_it_writes_what_students_need_and_nothing_else(ready, tmp_path):
    dest = tmp_path / "students"
    result = run(dest)
    assert result.exit_code == 0, result.output
    assert set(published(dest)) == {
        ".course-published",
        "LICENSE",
        "README.md",
        "data/README.md",
        "data/numbers.npz",
        "environment.yml",
        "notebooks/01_mini.ipynb",
        "notebooks/course_helper.py",
    }
    assert (dest / NOTEBOOK).read_bytes() == (ready / NOTEBOOK).read_bytes()
    assert (dest / "data" / "README.md").read_text() == "# Data\n\n## numbers.npz\n\nNumbers.\n"
    release = ready / "build" / "nbgrader" / "release" / "01_mini"
    assert (release / "01_mini.ipynb").read_bytes() == (ready / NOTEBOOK).read_bytes()
    assert (release / "course_helper.py").is_file()


def test_git_shows_only_what_has_changed(ready, tmp_path):
    dest = tmp_path / "students"
    assert run(dest).exit_code == 0
    git(dest, "init", "--quiet", ".")
    git(dest, "add", ".")
    git(dest, "commit", "--quiet", "-m", "first")
    (dest / "notes.txt").write_text("an instructor's own file")
    git(dest, "add", "notes.txt")
    git(dest, "commit", "--quiet", "-m", "notes")
    old = 1_000_000_000
    for path in published(dest).values():
        os.utime(path, (old, old))
    result = run(dest)
    assert "7 files unchanged" in result.output and "wrote" not in result.output
    assert {path.stat().st_mtime for path in published(dest).values()} == {old}

    master = ready / "solutions" / "01_mini.py"
    master.write_text(master.read_text().replace("A small notebook", "A better notebook"))
    write_notebooks(ready)
    (ready / "data" / "numbers.npz").rename(ready / "data" / "digits.npz")
    result = run(dest)
    assert result.exit_code == 0, result.output
    assert git(dest, "status", "--short", "--untracked-files=all").splitlines() == [
        " M .course-published",
        " M README.md",
        " M data/README.md",
        " D data/numbers.npz",
        " M notebooks/01_mini.ipynb",
        "?? data/digits.npz",
    ]
    assert "removed data/numbers.npz" in result.output
    assert (dest / "notebooks" / "course_helper.py").stat().st_mtime == old
    assert (dest / "notes.txt").is_file()
    release = ready / "build" / "nbgrader" / "release" / "01_mini" / "01_mini.ipynb"
    assert "A better notebook" in release.read_text()


def test_stale_notebooks_are_not_published(ready, tmp_path):
    master = ready / "solutions" / "01_mini.py"
    master.write_text(MINI_MASTER.replace("A small notebook", "Another"))
    result = run(tmp_path / "students")
    assert result.exit_code == 2
    assert "notebooks/01_mini.ipynb is not what its source gives; run `course build`" in (
        result.output
    )
    assert not (tmp_path / "students").exists()


@pytest.mark.parametrize(
    ("name", "leak"),
    [
        ("data/notes.txt", "x\nresult_of_doubling = x + x\nreturn result_of_doubling"),
        ("LICENSE", "Two points for the word linearity in the answer."),
        ("environment.yml", "# doubles_a_negative_number\nname: x\ndependencies: []"),
        ("data/values.csv", "expect_equal(double(-21), -42)"),
    ],
)
def test_a_leak_anywhere_publishes_nothing(ready, tmp_path, name, leak):
    dest = tmp_path / "students"
    assert run(dest).exit_code == 0
    before = {name: path.read_bytes() for name, path in published(dest).items()}
    (ready / name).write_text(leak)
    result = run(dest)
    assert result.exit_code == 2
    assert result.output.startswith(f"course: {name}: leak: it shows ")
    assert {name: path.read_bytes() for name, path in published(dest).items()} == before


def test_what_somebody_else_wrote_is_kept(ready, tmp_path):
    dest = tmp_path / "students"
    dest.mkdir()
    (dest / "README.md").write_text("Made by GitHub.")
    result = run(dest)
    assert result.exit_code == 2
    assert "written or edited by hand, not by `course publish`: README.md" in result.output
    assert list(published(dest)) == ["README.md"]
    assert run(dest, "--force").exit_code == 0
    (dest / NOTEBOOK).write_text("edited")
    result = run(dest)
    assert result.exit_code == 2 and NOTEBOOK in result.output
    assert (dest / NOTEBOOK).read_text() == "edited"


def test_line_ends_that_git_changed_on_windows_do_not_count(ready, tmp_path):
    dest = tmp_path / "students"
    assert run(dest).exit_code == 0
    text = (dest / "README.md").read_bytes().replace(b"\n", b"\r\n")
    (dest / "README.md").write_bytes(text)
    result = run(dest)
    assert result.exit_code == 0 and "7 files unchanged" in result.output
    assert (dest / "README.md").read_bytes() == text


@pytest.mark.parametrize("where", [".", "notebooks", ".."])
def test_it_does_not_publish_into_the_instructors_repository(ready, where):
    result = run(ready / where)
    assert result.exit_code == 2
    assert "this is the instructors' repository" in result.output


def test_a_listing_cannot_remove_files_elsewhere(ready, tmp_path):
    dest = tmp_path / "students"
    dest.mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    fingerprint = publish.fingerprint(b"mine")
    (dest / publish.LISTING).write_text(json.dumps({"../mine.txt": fingerprint}))
    result = run(dest)
    assert result.exit_code == 2 and "leads out of the folder" in result.output
    assert (tmp_path / "mine.txt").read_text() == "mine"
    (dest / publish.LISTING).write_text("<<<<<<< a merge")
    result = run(dest)
    assert result.exit_code == 2 and "it is not as `course publish` wrote it" in result.output


def test_a_link_cannot_lead_the_files_elsewhere(ready, tmp_path):
    dest = tmp_path / "students"
    dest.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (dest / "notebooks").symlink_to(tmp_path / "elsewhere")
    for options in ([], ["--force"]):
        result = run(dest, *options)
        assert result.exit_code == 2 and "leads out of the folder" in result.output
        assert list((tmp_path / "elsewhere").iterdir()) == []
        assert not (dest / "README.md").exists()


def test_up_to_a_notebook(course):
    built = [compose(course, name) for name in course.names[:2]]
    files = publish.student_files(course, built)
    assert [name for name in files if name.endswith(".ipynb")] == [
        "notebooks/01_pytorch_basics.ipynb",
        "notebooks/02_autograd_engine.ipynb",
    ]
    assert "03_vanishing" not in files["README.md"].decode()


def test_up_to_an_unknown_notebook(ready, tmp_path):
    result = run(tmp_path / "students", "--up-to", "07")
    assert result.exit_code == 2 and "there is no notebook '07'" in result.output


def test_the_real_course_is_clean_and_complete(course, built):
    files = publish.student_files(course, list(built.values()))
    publish.refuse_leaks(files, [each.master for each in built.values()])
    assert {"data/digits.npz", "data/small_alexnet.npz", "LICENSE", "LICENSE-TEXT.md"} <= set(files)
    assert not [name for name in files if name.startswith(("solutions", "autograder", "tests"))]
    text = files["README.md"].decode()
    for assignment in course.assignments:
        assert f"(notebooks/{assignment.name}.ipynb) | {assignment.due_text} |" in text
        assert f"({course.colab(assignment.name)})" in text
    for name in re.findall(r"\]\(([\w./]+)\)|`([\w./-]+\.(?:md|yml))`", text):
        assert "".join(name) in files
    environment = yaml.safe_load(files["environment.yml"])
    assert f"conda activate {environment['name']}" in text


def test_the_pip_line_names_what_the_notebooks_import(course):
    (line,) = re.findall(r"pip install (.*)", publish.readme(course, []))
    # json.loads undoes the quotation marks, as a shell would.
    named = {re.split(r"[<>=]", json.loads(each))[0] for each in line.split()}
    assert named == set(publish.STUDENT_PACKAGES)
    imported = set()
    texts = [cell.source for cell in code_cells(course)] + [course.helper]
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    modules = {"scikit-image": "skimage"}
    brought = {"PIL", "numpy", "cycler"}  # by matplotlib
    brought |= {"IPython"}  # by ipywidgets
    optional = {"sklearn"}  # 08 compares with it where it is
    allowed = {modules.get(name, name) for name in named} | brought | optional | {"course_helper"}
    assert imported <= allowed | sys.stdlib_module_names


def code_cells(course):
    for name in course.names:
        notebook = nbformat.read(course.notebooks / f"{name}.ipynb", as_version=4)
        yield from (cell for cell in notebook.cells if cell.cell_type == "code")


def test_without_github_there_is_no_colab(mini):
    write_notebooks(mini)
    course = load_course(mini)
    assert course.colab("01_mini") == ""
    text = publish.readme(course, [compose(course, "01_mini").master])
    assert "Colab" not in text.replace("(in Colab *Runtime*", "")
    assert "git clone https://example.org/course.git course" in text
    assert "colab.research" not in (mini / NOTEBOOK).read_text()
