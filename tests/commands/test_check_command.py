"""`course check`: the public checks of one file, as a good teacher tells of them."""

import json

import nbformat
import pytest
from click.testing import CliRunner

from autograder.commands import check
from autograder.commands.cli import main
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from autograder.errors import CourseError
from autograder.judging.sandbox.fork_client import warm_agents
from tests.support.course import small_course

pytestmark = pytest.mark.slow
RIGHT = "def double(x):\n    return 2 * x"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A small course with built notebooks, and a server that its agents are forked from."""
    with small_course(tmp_path_factory.mktemp("check") / "mini") as root:
        course = load_course(root)
        built = compose(course, "01_mini")
        (course.notebooks / "01_mini.ipynb").write_text(dumps(built.student))
        with warm_agents(root / "data"):
            yield course, built


def handed_in(opened, tmp_path, code, name="01_mini.ipynb"):
    path = tmp_path / name
    path.write_text(dumps(with_answers(opened[1].student, {"double": code})))
    return path


def told(opened, path) -> list[str]:
    return list(check.lines(check.check_file(opened[0], path)))


def test_a_right_answer(opened, tmp_path):
    checked = check.check_file(opened[0], handed_in(opened, tmp_path, RIGHT))
    assert checked.good
    mark, *rest = check.lines(checked)
    assert mark.endswith("double: doubles two (1 of 1 point)") and "✓" in mark
    assert rest == [
        "01_mini: 1 of 1 public checks pass, 1 of 1 points. "
        "Hidden checks run when the notebook is graded."
    ]


def test_a_wrong_answer_is_told_what_was_called_returned_and_expected(opened, tmp_path):
    checked = check.check_file(
        opened[0], handed_in(opened, tmp_path, "def double(x):\n    return x * x * x")
    )
    assert not checked.good
    assert list(checked.run.verdicts) == ["double-public-1"]  # the hidden check does not run
    mark, *lines, _ = check.lines(checked)
    assert "✗" in mark and mark.endswith("double: doubles two (0 of 1 point)")
    assert lines == [
        "    double(2)",
        "      returned  8",
        "      expected  4",
        "  Hint: Twice means x + x.",
    ]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (None, ["  double is not written yet."]),
        (
            "def double(x:\n    return x",
            [
                "! The cell that begins def double(x:",
                "    it raised   SyntaxError: '(' was never closed",
                "    line 1:  def double(x:",
                "  double is not defined. See above what raised.",
            ],
        ),
        (
            "print(factor)\ndef double(x):\n    return factor * x",
            [
                "! The cell that begins print(factor)",
                "    it raised   NameError: name 'factor' is not defined",
                "  double is not defined. See above what raised.",
            ],
        ),
        (
            "def double(x):\n    return x.twice()",
            [
                "    it raised   AttributeError: 'int' object has no attribute 'twice'",
                "    line 2 of double:  return x.twice()",
                "  Hint: Twice means x + x.",
            ],
        ),
    ],
)
def test_what_goes_wrong_is_told(opened, tmp_path, code, lines):
    code = opened[1].student.cells[4].source if code is None else code
    plain = [
        line.replace("\x1b[33m\x1b[1m", "").replace("\x1b[0m", "")
        for line in told(opened, handed_in(opened, tmp_path, code))
    ]
    for line in lines:
        assert line in plain


def test_a_file_as_colab_saves_it(opened, tmp_path):
    """Renamed, without nbgrader's metadata and ids, with Colab's own."""
    path = handed_in(opened, tmp_path, RIGHT, "Copy of 01_mini.ipynb")
    notebook = json.loads(path.read_text())
    notebook["metadata"] = {"colab": {"provenance": []}, "accelerator": "GPU"}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = {"id": f"x{number}", "colab": {"base_uri": "https://example.org/"}}
        cell.pop("id")
    notebook["nbformat_minor"] = 0
    path.write_text(json.dumps(notebook))
    assert check.check_file(opened[0], path).good


def test_escape_codes_of_a_notebook_do_not_reach_the_terminal(opened, tmp_path):
    code = "def double(x):\n    raise ValueError('\\x1b[2J cleared')"
    lines = told(opened, handed_in(opened, tmp_path, code))
    assert any("ValueError: \ufffd[2J cleared" in line for line in lines)
    assert not any("\x1b[2J" in line for line in lines)


def test_the_content_tells_which_notebook_it_is(opened, tmp_path):
    path = handed_in(opened, tmp_path, RIGHT, "homework.ipynb")
    assert check.check_file(opened[0], path).notebook == "01_mini"
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(empty, path)
    with pytest.raises(CourseError, match="cannot tell which notebook this is; use --notebook"):
        check.check_file(opened[0], path)
    with pytest.raises(CourseError, match="is it the right file"):
        check.check_file(opened[0], path, "01_mini")
    path.write_text("<html>")
    with pytest.raises(CourseError, match="not a notebook but a web page"):
        check.check_file(opened[0], path, "01_mini")


def test_the_command_and_its_exit_codes(opened, tmp_path):
    def course(*arguments):
        return CliRunner().invoke(main, ["check", *map(str, arguments)])

    good = course(handed_in(opened, tmp_path, RIGHT))
    assert good.exit_code == 0 and "1 of 1 public checks pass" in good.output
    bad = course(handed_in(opened, tmp_path, "def double(x):\n    return 0"), "--notebook", "mini")
    assert bad.exit_code == 1 and "expected  4" in bad.output and "\x1b" not in bad.output
    assert "negative" not in bad.output and "-21" not in bad.output
    assert course(tmp_path / "nowhere.ipynb").exit_code == 2
    assert course(tmp_path / "01_mini.ipynb", "--notebook", "07").exit_code == 2
