"""A folder that is graded into again: what is new, what stays, and what is said."""

import csv
import io
import json
import re
import shutil
from datetime import UTC, datetime

import pytest
from rich.console import Console

from autograder.commands.grade import Settings, feedback_page, find_handed_in, grade
from autograder.commands.regrade import judge_again
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools

NAME = "01_mini"
RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return 4"


@pytest.fixture
def small(mini):
    """A small course, and a class of one, who handed in late and wrong."""
    find_own_tools()
    hand_in(mini, WRONG)
    return load_course(mini)


def hand_in(root, answer):
    folder = root / "class" / "ada"
    folder.mkdir(parents=True, exist_ok=True)
    notebook = with_answers(compose(load_course(root), NAME).student, {"double": answer})
    (folder / f"{NAME}.ipynb").write_text(dumps(notebook))
    (folder / "timestamp.txt").write_text("2040-01-01 00:00:00 UTC")


def grade_it(course, console=None, **settings):
    settings = Settings(workers=1, **settings)
    console = console or Console(quiet=True)
    grade(course, course.names, course.root / "class", course.root / "out", console, settings)


def points(course):
    with (course.root / "out" / "grades.csv").open(newline="") as file:
        return sum(float(row["points"]) for row in csv.DictReader(file))


@pytest.mark.slow
def test_no_feedback_page_shows_the_score_of_an_earlier_hand_in(small):
    grade_it(small)
    page = feedback_page(small.root / "out", "ada", NAME)
    assert "(Score: 1.0" in page.read_text()
    hand_in(small.root, RIGHT)
    with pytest.raises(CourseError, match="roster"):  # it stops after judging
        grade_it(small, roster=small.root / "no-such-roster.csv")
    assert not page.exists()
    grade_it(small)
    assert "(Score: 3.0" in page.read_text()


@pytest.mark.slow
def test_a_rule_for_late_work_counts_at_the_next_run(small):
    grade_it(small, feedback=False)
    assert points(small) == 1
    rule = 'c.LateSubmissionPlugin.penalty_method = "zero"\n'
    (small.root / "out" / "nbgrader_config_local.py").write_text(rule)
    grade_it(small, feedback=False)
    assert points(small) == 0


@pytest.mark.slow
def test_a_file_called_like_markup_is_named_as_it_is_called(small):
    folder = small.root / "class" / "zoe"
    folder.mkdir()
    (folder / "essay [bold] [y].txt").write_text("x")
    console = Console(record=True, width=200, file=io.StringIO())
    grade_it(small, console, feedback=False)
    assert "only essay [bold] [y].txt" in console.export_text()


@pytest.mark.slow
def test_results_of_an_older_version_are_judged_again_and_that_is_said_once(small):
    shutil.copytree(small.root / "class" / "ada", small.root / "class" / "ben")
    grade_it(small, feedback=False)
    paths = list((small.root / "out" / "results").rglob("*.json"))
    for path in paths:
        fields = json.loads(path.read_text())
        del fields["form"]
        verdicts = fields.pop("verdicts").items()
        fields["outcomes"] = {k: {"passed": v["kind"] == "passed", **v} for k, v in verdicts}
        path.write_text(json.dumps(fields))
    said = []
    for _ in range(2):
        console = Console(record=True, width=200, file=io.StringIO())
        grade_it(small, console, feedback=False)
        said.append(console.export_text())
    assert said[0].count("results of an older version are there") == 1
    assert "will be judged again" in said[0] and "are as they were" not in said[0]
    assert "older version" not in said[1]
    assert len(paths) == 2 and all('"form"' in path.read_text() for path in paths)
    assert points(small) == 2


def notes_of(course):
    """Return the notes in the report, and those in Gradescope's file, of ada."""
    page = (course.root / "out" / "report.html").read_text()
    file = course.root / "out" / "gradescope" / "ada" / NAME / "results.json"
    shown = re.findall(r'<p>Note: <span class="text">(.*?)</span></p>', page)
    return shown, json.loads(file.read_text())["output"].splitlines()


@pytest.mark.slow
def test_the_notes_are_those_of_this_run_whether_it_judges_or_not(small):
    console = Console(record=True, width=200, file=io.StringIO())
    path = small.root / "class" / "ada" / f"{NAME}.ipynb"
    second = path.with_name(f"{NAME} (1).ipynb")
    slow = json.loads(path.read_text())
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    slow["cells"] += [code | {"source": "import os; os._exit(0)"}]
    # A copied check: matching has something to say, judging too, and finding not yet.
    slow["cells"] += [cell for cell in slow["cells"] if "doubles_two" in "".join(cell["source"])]
    path.write_text(json.dumps(slow))
    grade_it(small, feedback=False, gradescope=True)
    first, kept = notes_of(small), list((small.root / "out" / "results").rglob("*.json"))
    assert "Its process ended at cell" in str(first[0]) and first[0] == first[1]
    stamps = [file.stat().st_mtime_ns for file in kept]

    second.write_bytes(path.read_bytes())
    grade_it(small, console, feedback=False, gradescope=True)
    (told, *rest), output = notes_of(small)
    assert told == f"2 versions were handed in; the last one ({NAME} (1).ipynb) counts."
    assert rest == first[0] and output == [told, *rest]

    second.unlink()
    grade_it(small, feedback=False, gradescope=True)
    assert notes_of(small) == first
    # Nothing was judged again.
    assert [file.stat().st_mtime_ns for file in kept] == stamps


@pytest.mark.slow
def test_a_new_first_run_says_the_same_as_a_second_one(small):
    """Nothing that the results carry comes from a file that is kept instead of from the run."""
    folder = small.root / "class" / "ada"
    grade_it(small, feedback=False, gradescope=True)
    (folder / f"{NAME} (1).ipynb").write_bytes((folder / f"{NAME}.ipynb").read_bytes())
    grade_it(small, feedback=False, gradescope=True)
    again = small.root / "out"
    again.rename(small.root / "again")
    grade_it(small, feedback=False, gradescope=True)
    for name in ("grades.csv", "canvas.csv", "mistakes.html", "report.html"):
        texts = [(small.root / place / name).read_text() for place in ("again", "out")]
        if name == "report.html":  # says how long judging took
            texts = [re.sub(r"\b\d+\.\d+\b", "0", text) for text in texts]
        assert texts[0] == texts[1], name


def test_a_run_over_notebooks_that_nobody_handed_in_is_refused(course, built, tmp_path):
    one, two, three = course.names[:3]
    (tmp_path / "class" / "ada").mkdir(parents=True)
    text = dumps(built[one].student)
    (tmp_path / "class" / "ada" / f"{one}.ipynb").write_text(text)
    with pytest.raises(CourseError, match=f"no submission of {two}, {three} in it, only of {one}"):
        find_handed_in(course, [two, three], tmp_path / "class")
    (found,) = find_handed_in(course, [one, two], tmp_path / "class")
    assert found.notebook == one


def test_what_cannot_be_told_cannot_be_regraded(course, tmp_path):
    (tmp_path / "class" / "zoe").mkdir(parents=True)
    (tmp_path / "class" / "zoe" / "mine.ipynb").write_text('{"cells": []}')
    (tmp_path / "out").mkdir()
    run = {"notebooks": list(course.names), "feedback": False, "roster": None, "gradescope": False}
    (tmp_path / "out" / "last_run.json").write_text(json.dumps(run))
    arguments = (course, tmp_path / "class", tmp_path / "out", "zoe", course.names[0], "why")
    with pytest.raises(CourseError, match="'zoe' has no 01_pytorch_basics there"):
        judge_again(*arguments, datetime.now(UTC), Console(quiet=True), 1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["last_run.json"]
