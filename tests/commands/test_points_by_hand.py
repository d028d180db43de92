"""Points that a person gave stand in every table that `course grade` writes."""

import csv
import json
import shutil

import pytest
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.commands.grade import Settings, grade
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from autograder.processes import find_own_tools
from tests.support.course import small_course

NAME = "01_mini"
RIGHT, WRONG = "def double(x):\n    return 2 * x", "def double(x):\n    return 4"
RULE = """\
from nbgrader.plugins import LateSubmissionPlugin


class HalfAPoint(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 0.5


c.AssignLatePenalties.plugin_class = HalfAPoint
"""
PUBLIC, HIDDEN = "double-public-1", "double-hidden-1"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The results of a class in which a person gave points and two hand-ins are broken."""
    find_own_tools()
    with small_course(tmp_path_factory.mktemp("by_hand") / "mini") as root:
        course = load_course(root)
        student = compose(course, NAME).student
        for name, answer in {"ada": WRONG, "ben": RIGHT, "cem": RIGHT, "eve": RIGHT}.items():
            (root / "class" / name).mkdir(parents=True)
            answers = {"double": answer, "why": "My own words."}
            text = dumps(with_answers(student, answers))
            (root / "class" / name / f"{NAME}.ipynb").write_text(text)
        shutil.copytree(root / "class" / "cem", root / "class" / "dan")
        (root / "class" / "dan" / f"{NAME}.ipynb").write_text("{")
        (root / "class" / "ada" / "timestamp.txt").write_text("2040-01-01 00:00:00 UTC")
        (root / "out").mkdir()
        (root / "out" / "nbgrader_config_local.py").write_text(RULE)
        settings = Settings(workers=1, feedback=False, gradescope=True)
        where = (course, course.names, root / "class", root / "out", Console(quiet=True))
        grade(*where, settings)
        with Gradebook(f"sqlite:///{root / 'out' / 'gradebook.db'}") as book:
            book.find_grade(HIDDEN, NAME, NAME, "ada").manual_score = 1.25
            book.find_grade(PUBLIC, NAME, NAME, "ben").extra_credit = 0.5
            for name, points in (("ben", 1.5), ("cem", 2.0)):
                answer = book.find_grade("why", NAME, NAME, name)
                answer.manual_score, answer.needs_manual_grade = points, False
            book.find_comment("why", NAME, NAME, "ben").manual_comment = "Neat."
            book.db.commit()
        (root / "class" / "cem" / f"{NAME}.ipynb").write_text("{")
        grade(*where, settings)
        yield root / "out"


TOTALS = {"ada": 1 + 1.25 - 0.5, "ben": 3 + 0.5 + 1.5, "cem": 3 + 2, "dan": 0, "eve": 3}


def of_gradescope(out, student):
    path = out / "gradescope" / student / NAME / "results.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_table_has_the_same_total(graded):
    with (graded / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (graded / "canvas.csv").open(newline="") as file:
        canvas = {row["Student"]: row[NAME] for row in csv.DictReader(file)}
    for student, total in TOTALS.items():
        assert sum(float(row["points"]) for row in rows if row["student"] == student) == total
        assert float(canvas[student]) == total
        report = of_gradescope(graded, student)
        scores = [test["score"] for test in report["tests"] if "score" in test]
        assert report.get("score", sum(scores)) == sum(scores) == total, student


@pytest.mark.slow
def test_gradescope_sees_what_the_points_are_for(graded):
    tests = {s: {t["name"]: t for t in of_gradescope(graded, s)["tests"]} for s in TOTALS}
    assert list(tests["ada"]) == [PUBLIC, HIDDEN, "why", "late penalty"]
    assert tests["ada"][HIDDEN]["score"] == 1.25
    assert tests["ada"][HIDDEN]["visibility"] == "after_published"
    assert tests["ben"][PUBLIC]["score"] == 1.5 and tests["ben"][PUBLIC]["status"] == "passed"
    assert "score" not in tests["eve"]["why"] and "score" in tests["ben"]["why"]
    assert tests["dan"] == {} and tests["cem"]["why"]["score"] == 2
    assert "earlier hand-in stay" in of_gradescope(graded, "cem")["output"]
