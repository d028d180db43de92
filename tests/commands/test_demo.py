"""`course demo` on the real course: the scores are the documented ones."""

import csv
import subprocess

import pytest

from autograder.commands.demo import sample_class
from tests.support.course import COURSE, ROOT, answers_of

NOTEBOOK = "01_pytorch_basics"


def test_the_class_has_what_it_should(built):
    students = sample_class(built[NOTEBOOK].master, answers_of(NOTEBOOK))
    assert len(students) >= 8
    assert len({student.name for student in students}) == len(students)
    stories = " ".join(student.story for student in students)
    for word in ("perfect,", "untouched", "raises", "endless loop"):
        assert word in stories
    assert stories.count("mistake:") == 3


@pytest.mark.slow
def test_demo_prints_the_table_and_writes_the_results(built):
    done = subprocess.run(
        [*COURSE, "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT as documented" not in done.stdout
    place = ROOT / "build" / "demo"
    with (place / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    master = built[NOTEBOOK].master
    students = sample_class(master, answers_of(NOTEBOOK))
    assert len(rows) == len(students) * (len(master.checks) + len(master.written))
    totals = {student.name: 0.0 for student in students}
    for row in rows:
        if row["check"] != "written answer":
            totals[row["student"]] += float(row["points"])
    assert totals["ada"] == totals["bruno"] == master.points
    assert totals["chen"] == 0
    points = {check.name: check.points for check in master.checks}
    for student in students:
        assert totals[student.name] == master.points - sum(points[name] for name in student.fails)
        assert (place / "feedback" / student.name / NOTEBOOK / f"{NOTEBOOK}.html").is_file()
        assert student.name in done.stdout
