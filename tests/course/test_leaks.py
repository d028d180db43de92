"""What students get shows no solution, no model answer and no hidden check."""

import dataclasses
import json
import shutil

import pytest

from autograder.course import leaks
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from autograder.errors import CourseError
from tests.support.course import ROOT


@pytest.fixture
def release(mini, tmp_path):
    """A folder with a student copy, and the course it comes from."""
    built = compose(load_course(mini), "01_mini")
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "01_mini.ipynb").write_text(dumps(built.student))
    return folder, built


def test_notebooks_are_clean(built):
    leaks.scan(ROOT / "notebooks", [each.master for each in built.values()])


def test_mini_is_clean(release):
    folder, built = release
    leaks.scan(folder, [built.master])


@pytest.mark.parametrize(
    ("leak", "what"),
    [
        ("result_of_doubling = x + x\n    return result_of_doubling", "a solution line of double"),
        ("return   result_of_doubling", "a solution line of double"),
        ("The model answer mentions linearity of doubling.", "a line of a model answer"),
        ("Two points for the word linearity in the answer.", "a line of a model answer"),
        ("expect_equal(double(-21), -42)", "a line of the hidden check"),
        ("doubles_a_negative_number", "a line of the hidden check"),
        ("Does the answer depend on x at all?", "the hint of the hidden check"),
    ],
)
@pytest.mark.parametrize("place", ["markdown", "output", "metadata", "file"])
def test_a_planted_leak_is_found(release, leak, what, place):
    folder, built = release
    notebook = json.loads((folder / "01_mini.ipynb").read_text())
    if place == "markdown":
        notebook["cells"][0]["source"] = ["# Title\n", *leak.splitlines(keepends=True)]
    elif place == "output":
        output = {"output_type": "stream", "name": "stdout", "text": leak}
        notebook["cells"][2]["outputs"] = [output]
    elif place == "metadata":
        notebook["metadata"]["note"] = leak
    else:
        (folder / "notes.md").write_text(f"Some notes.\n\n{leak}\n")
    (folder / "01_mini.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(CourseError, match=what):
        leaks.scan(folder, [built.master])


def test_a_later_notebook_may_show_how_an_earlier_one_is_solved(release):
    folder, built = release
    shutil.move(folder / "01_mini.ipynb", folder / "02_next.ipynb")
    text = (folder / "02_next.ipynb").read_text()
    later = dataclasses.replace(built.master, name="02_next", cells=(), checks=())
    solved = text.replace("A small notebook", "return result_of_doubling")
    (folder / "02_next.ipynb").write_text(solved)
    leaks.scan(folder, [built.master, later])
    with pytest.raises(CourseError, match="a solution line of double"):
        leaks.scan(folder, [dataclasses.replace(built.master, name="03_after"), later])
    (folder / "02_next.ipynb").write_text(
        text.replace("A small notebook", "doubles_a_negative_number")
    )
    with pytest.raises(CourseError, match="a line of the hidden check"):
        leaks.scan(folder, [built.master, later])


def test_an_earlier_notebook_may_hold_two_short_lines_of_a_later_solution(release):
    folder, built = release
    two = "result_of_doubling = x + x\nreturn result_of_doubling"
    text = (folder / "01_mini.ipynb").read_text()
    (folder / "01_mini.ipynb").write_text(
        text.replace("A small notebook", "twice = x + x\\nreturn twice")
    )
    earlier = dataclasses.replace(built.master, cells=(), checks=())

    def after(solution):
        cell = next(cell for cell in built.master.cells if cell.exercise)
        solved = dataclasses.replace(cell, source=cell.source.replace(*solution))
        return dataclasses.replace(built.master, name="03_after", cells=(solved,), checks=())

    indented = two.replace("\n", "\n    ")
    assert any(indented in cell.source for cell in built.master.cells)
    leaks.scan(folder, [earlier, after((indented, "twice = x + x\n    return twice"))])
    short = after((indented, "twice = x + x\n    return twice"))
    with pytest.raises(CourseError, match="a solution line of double"):
        leaks.scan(folder, [dataclasses.replace(short, name="01_mini")])


def test_every_secret_of_the_real_course_is_in_its_sources(built):
    """A scan can only fail if the secrets are really made from the sources."""
    for each in built.values():
        secrets = leaks.secrets_of(each.master)
        kinds = {secret.what.split(" of ")[0] for secret in secrets}
        assert kinds >= {
            "a solution line",
            "a line",
            "the hint",
            "an input or value",
        }
        solved = leaks.squeeze(leaks.visible_text_of(each.source))
        lines = [s for s in secrets if s.what.startswith("a solution line")]
        assert lines and all(secret.text in solved for secret in lines)


def test_the_solution_of_every_notebook_is_found(course, built, tmp_path):
    """The student copies have none of what the scan finds here."""
    for name, each in built.items():
        place = tmp_path / name
        place.mkdir()
        (place / f"{name}.ipynb").write_text(dumps(each.solution))
        with pytest.raises(CourseError, match="a solution line"):
            leaks.scan(place, [each.master])
        shutil.rmtree(place)
