"""Released solutions: complete, without hidden checks and rubrics, and not before the due date."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import nbformat
import pytest
from click.testing import CliRunner

from autograder.building.solutions import as_page, refuse_before_due, release_solutions
from autograder.commands.cli import main
from autograder.course import leaks
from autograder.course.config import Assignment, load_course
from autograder.errors import CourseError
from tests.support.course import COURSE_TOML, MINI_MASTER

DUE = datetime(2030, 1, 31, 12, tzinfo=UTC)
NOTEBOOK, PAGE = "01_mini_solution.ipynb", "01_mini_solution.html"


def release(root, now=DUE + timedelta(seconds=1), **options):
    said = []
    course = load_course(root)
    files = release_solutions(course, course.names, root / "out", now, said.append, **options)
    return [file.name for file in files], said


def test_a_solution_is_refused_until_its_notebook_is_due():
    assignment = Assignment("01_mini", DUE)
    for early in (DUE - timedelta(days=1), DUE):
        message = "01_mini is due Thursday, 31 January 2030, 12:00 UTC; .* or add --force"
        with pytest.raises(CourseError, match=message):
            refuse_before_due(assignment, early)
    refuse_before_due(assignment, DUE + timedelta(seconds=1))
    # 12:30 two hours east of Greenwich is an hour and a half too early.
    east = timezone(timedelta(hours=2))
    with pytest.raises(CourseError):
        refuse_before_due(assignment, datetime(2030, 1, 31, 12, 30, tzinfo=east))


def test_without_a_due_date_nobody_knows_when():
    with pytest.raises(CourseError, match=r"no due date in course.toml.*add --force"):
        refuse_before_due(Assignment("01_mini", None), DUE)


def test_one_notebook_that_is_not_due_keeps_all_back(mini):
    toml = f'{COURSE_TOML}\n[[notebooks]]\nname = "02_next"\ndue = 2031-01-31T12:00:00Z\n'
    (mini / "course.toml").write_text(toml)
    with pytest.raises(CourseError, match="02_next is due"):
        release(mini)
    assert not (mini / "out").exists()


def test_the_command_says_why_it_refuses(mini):
    result = CliRunner().invoke(main, ["release-solutions", "01", "--to", "out"])
    assert result.exit_code == 2
    assert "01_mini is due Thursday, 31 January 2030, 12:00 UTC" in result.stderr
    for folder in ("notebooks", "notebooks/solutions"):
        result = CliRunner().invoke(main, ["release-solutions", "01", "--to", folder, "--force"])
        assert result.exit_code == 2
        assert "students get this folder with every notebook" in result.stderr


@pytest.mark.slow
def test_what_is_released_is_complete_and_keeps_what_stays_secret(mini):
    files, said = release(mini)
    assert files == [NOTEBOOK, PAGE]
    assert said == ["running 1 solutions"]
    notebook = nbformat.read(mini / "out" / NOTEBOOK, as_version=4)
    printed = [o.text for cell in notebook.cells for o in cell.get("outputs", [])]
    assert printed == ["8\n"]
    for text in ((mini / "out" / NOTEBOOK).read_text(), (mini / "out" / PAGE).read_text()):
        assert "Solution with model answers. A small course, Test." in text
        assert "result_of_doubling" in text
        assert "The model answer mentions linearity" in text
        for secret in ("RUBRIC", "Two points for the word", "doubles_a_negative", "depend on x"):
            assert secret not in text
        assert str(mini) not in text
    assert not (mini / "notebooks" / "01_mini.ipynb").exists()  # nothing else was built

    assert release(mini)[1] == []  # it is not run again
    changed = MINI_MASTER.replace("print(double(4))", "print(double(5))")
    (mini / "solutions" / "01_mini.py").write_text(changed)
    assert release(mini)[1] == ["running 1 solutions"]
    assert "10\\n" in (mini / "out" / NOTEBOOK).read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leak", "what"),
    [
        ("Two points for the word linearity in the answer.", "a line of the rubric of why"),
        ("doubles_a_negative_number", "a line of the hidden check"),
        ("Does the answer depend on x at all?", "the hint of the hidden check"),
    ],
)
def test_a_leak_in_an_output_keeps_everything_back(mini, leak, what):
    release(mini, DUE, force=True)
    for file in (NOTEBOOK, PAGE):
        (mini / "out" / file).unlink()
    path = mini / "build" / "solutions" / "01_mini.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output["text"] = [leak]
    path.write_text(json.dumps(notebook))
    with pytest.raises(CourseError, match=f"leak: the solution of 01_mini shows {what}"):
        release(mini)
    assert not list((mini / "out").iterdir())


@pytest.mark.slow
def test_the_solutions_of_the_course_may_be_released(built):
    masters = [each.master for each in built.values()]
    for name, each in built.items():
        leaks.scan_solution(each.solution, name, masters)
        kept = {
            s.what.partition(" of ")[0]
            for s in leaks.secrets_after_release(each.master, solved=True)
        }
        assert kept >= {"a line", "the hint", "an input or value"}
        with pytest.raises(CourseError, match="shows a line of a model answer"):
            others = [m for m in masters if m.written]
            leaks.scan_solution(each.solution, "10_another", others)
        hidden = next(check for check in each.master.checks if check.hidden)
        with pytest.raises(CourseError, match=f"the hint of the hidden check {hidden.name}"):
            leaks.scan_solution({"note": hidden.hint, **each.solution}, name, masters)


def test_a_page_needs_nothing_from_the_network():
    cells = [
        nbformat.v4.new_markdown_cell("# T\n\nA mean $\\frac{1}{N}\\sum_i x_i$ and\n\n$$a^2 < b$$"),
        nbformat.v4.new_markdown_cell("\\begin{align}a &= b \\\\ c &= d\\end{align}"),
    ]
    page = as_page(nbformat.v4.new_notebook(cells=cells), "T")
    assert "<title>T</title>" in page
    assert page.count("<math ") == 3
    assert "<mfrac>" in page and "<mtable" in page
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["']?http|@import|url\(["']?http""", page)
