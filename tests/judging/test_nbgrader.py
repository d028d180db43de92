"""nbgrader's own converter gives the committed student copies; feedback keeps secrets."""

import csv
import re
import shutil

import pytest
from nbgrader.api import Gradebook
from nbgrader.utils import notebook_hash
from rich.console import Console

from autograder.commands.grade import Settings, grade
from autograder.course.cells import with_answers
from autograder.course.compose import dumps, source_notebook, student_notebook
from autograder.course.config import load_course
from autograder.course.master import load_master
from autograder.processes import find_own_tools
from autograder.results.gradebook import course_directory
from tests.support.course import ROOT, small_course
from tests.support.proof import all_but

pytestmark = pytest.mark.slow
NAMES = load_course(ROOT).names


@pytest.fixture(autouse=True)
def _own_tools():
    find_own_tools()


@pytest.mark.parametrize("name", all_but(NAMES[1:3], NAMES))
def test_release_is_the_committed_copy(course, built, name, tmp_path):
    course_directory.write_config(course, tmp_path)
    source = tmp_path / "source" / name
    source.mkdir(parents=True)
    (source / f"{name}.ipynb").write_text(dumps(built[name].source), encoding="utf-8")
    course_directory.generate_release(course, name, tmp_path)
    release = (tmp_path / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    assert release == (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def graded_mini(tmp_path_factory):
    """A small class, graded: right, wrong, spying, no notebook, and a broken one."""
    find_own_tools()
    with small_course(tmp_path_factory.mktemp("class") / "mini") as mini:
        yield grade_mini(mini)


def grade_mini(mini):
    course = load_course(mini)
    master = load_master(course, "01_mini")
    student = student_notebook(source_notebook(course, master))
    spy = "def double(x):\n    print('SPY', x)\n    raise ValueError(f'SPY {x}')"
    answers = {
        "right": {"double": "def double(x):\n    return x + x", "why": "Because."},
        "wrong": {"double": "def double(x):\n    return 4"},
        "spying": {"double": spy},
    }
    for name, answer in answers.items():
        place = mini / "class" / name
        place.mkdir(parents=True)
        (place / "01_mini.ipynb").write_text(dumps(with_answers(student, answer)))
    toml = (mini / "course.toml").read_text()
    (mini / "course.toml").write_text(f"{toml}points = 50\n")
    course = load_course(mini)
    for name in ("absent", "garbled"):
        (mini / "class" / name).mkdir()
    (mini / "class" / "garbled" / "01_mini.ipynb").write_text('{"cells": [')
    console = Console(record=True, width=120)
    rows = grade(course, ["01_mini"], mini / "class", mini / "out", console, Settings(workers=1))
    return course, mini, rows, console.export_text()


def scores(rows):
    return {(row.student, row.check): (row.points, row.status) for row in rows}


def test_grades_csv_feedback_and_broken_submissions(graded_mini):
    _, mini, rows, shown = graded_mini
    hidden, public, written = "doubles_a_negative_number", "doubles_two", "written answer"
    given = scores(rows)
    assert given["right", public] == (1, "passed") and given["right", hidden] == (2, "passed")
    assert given["right", written] == (0, "needs grading")
    assert given["wrong", public] == (1, "passed") and given["wrong", hidden] == (0, "failed")
    assert given["wrong", written] == (0, "graded")
    assert given["spying", hidden] == (0, "failed")
    assert given["garbled", hidden] == given["absent", hidden] == (0, "broken")
    with (mini / "out" / "grades.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == [
        *("student", "notebook", "exercise", "check"),
        *("points", "maximum", "status", "message"),
    ]
    assert len(table) == 5 * 3
    messages = {(row["student"], row["check"]): row["message"] for row in table}
    assert messages["wrong", hidden] == "Hint: Does the answer depend on x at all?"
    assert "not a notebook" in messages["garbled", hidden]
    assert "garbled could not be graded: not a notebook" in shown
    assert "absent could not be graded: there is no 01_mini.ipynb" in shown


def test_canvas_csv_has_what_the_notebook_is_worth_in_course_toml(graded_mini):
    _, mini, _, _ = graded_mini
    with (mini / "out" / "canvas.csv").open(newline="", encoding="utf-8") as file:
        scores = {line[0].strip(): line[-1] for line in csv.reader(file)}
    assert scores["Points Possible"] == "50"
    assert (scores["right"], scores["wrong"]) == ("30", "10")  # 3 and 1 of 5


def test_feedback_shows_hints_but_no_hidden_source_input_or_value(graded_mini):
    _, mini, _, _ = graded_mini
    for student in ("right", "wrong", "spying"):
        path = mini / "out" / "feedback" / student / "01_mini" / "01_mini.html"
        page = re.sub(r"(?s)<(style|script).*?</\1>", "", path.read_text(encoding="utf-8"))
        text = re.sub(r"<[^>]+>", "", page)
        for secret in ("-21", "-42", "doubles_a_negative_number", "expect_equal(double(-"):
            assert secret not in text
        assert ("Does the answer depend on x at all?" in text) == (student != "right")
    assert "double raised ValueError." in text


def test_feedback_of_collected_submissions_is_released_by_nbgraders_exchange(graded_mini, tmp_path):
    course, mini, *_ = graded_mini
    place, exchange = tmp_path / "course", tmp_path / "exchange"
    folder = place / "submitted" / "ada" / "01_mini"
    folder.mkdir(parents=True)
    exchange.mkdir()
    shutil.copy(mini / "class" / "wrong" / "01_mini.ipynb", folder)
    (folder / "timestamp.txt").write_text("2030-01-30 12:00:00.000000 UTC")
    (folder / "submission_secret.txt").write_text("a secret of ada's")
    (place / "nbgrader_config_local.py").write_text(f"c.Exchange.root = {str(exchange)!r}\n")
    grade(course, ["01_mini"], place / "submitted", place, Console(quiet=True), Settings(workers=1))
    result = course_directory.open_api(place).release_feedback("01_mini")
    assert result["success"], result["error"]
    (page,) = exchange.rglob("*.html")
    assert page.stem == notebook_hash(secret="a secret of ada's", notebook_id="01_mini")
    assert "Does the answer depend on x at all?" in page.read_text(encoding="utf-8")


def test_grading_again_grades_only_what_changed_and_keeps_hand_given_points(graded_mini):
    course, mini, rows, _ = graded_mini
    with Gradebook(f"sqlite:///{mini / 'out' / 'gradebook.db'}") as gradebook:
        grade_of_answer = gradebook.find_grade("why", "01_mini", "01_mini", "right")
        grade_of_answer.manual_score = 1.5
        grade_of_answer.needs_manual_grade = False
        gradebook.db.commit()
    stamps = {p: p.stat().st_mtime_ns for p in (mini / "out" / "autograded").rglob("*.ipynb")}
    path = mini / "class" / "wrong" / "01_mini.ipynb"
    path.write_text(path.read_text().replace("return 4", "return 2 * x"))
    settings = Settings(workers=1)
    again = grade(course, ["01_mini"], mini / "class", mini / "out", Console(quiet=True), settings)
    changed = {p.parent.parent.name for p, stamp in stamps.items() if p.stat().st_mtime_ns != stamp}
    assert changed == {"wrong"}
    given = scores(again)
    assert given["right", "written answer"] == (1.5, "graded")
    assert given["wrong", "doubles_a_negative_number"] == (2, "passed")
    assert len(again) == len(rows)
