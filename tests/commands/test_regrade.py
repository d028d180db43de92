"""One submission is judged again: with a note, both scores, and nothing else touched."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.commands.cli import main
from autograder.commands.grade import Settings, feedback_page, grade
from autograder.commands.regrade import judge_again
from autograder.course.cells import with_answers
from autograder.course.compose import compose, dumps
from autograder.course.config import load_course
from autograder.errors import CourseError
from autograder.processes import find_own_tools
from autograder.results.feedback import with_regrades
from autograder.results.regrade_notes import Regrade, RegradeNotes
from autograder.results.result import Row
from tests.support.course import small_course

NAME = "01_mini"
NOW = datetime(2030, 2, 1, 9, 30, tzinfo=UTC)
RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return 4"


def a_row(student: str, points: float) -> Row:
    return Row(student, NAME, "double", "doubles_two", points, 3, "passed", "")


def test_the_record_keeps_every_regrade_and_survives_a_kill(tmp_path):
    notes = RegradeNotes(tmp_path)
    assert notes.all == []
    notes.begin(Regrade("ada", NAME, "first", NOW.isoformat(), 1.0))
    # Killed here. The same wish later keeps the score of before, whatever the gradebook has.
    notes = RegradeNotes(tmp_path)
    notes.begin(Regrade("ada", NAME, "again", NOW.isoformat(), 2.0))
    assert [(each.note, each.before, each.after) for each in notes.all] == [("again", 1.0, None)]
    notes.finish([a_row("ada", 1), a_row("ada", 2), a_row("ben", 3)])
    (done,) = RegradeNotes(tmp_path).all
    assert (done.before, done.after, done.day) == (1.0, 3.0, "01 February 2030, 09:30 UTC")
    later = (NOW + timedelta(days=1)).isoformat()
    notes.begin(Regrade("ada", NAME, "third", later, 3.0))
    notes.finish([a_row("ada", 0)])
    assert [(each.before, each.after) for each in RegradeNotes(tmp_path).of("ada", NAME)] == [
        (1.0, 3.0),
        (3.0, 0.0),
    ]
    assert RegradeNotes(tmp_path).of("ben", NAME) == []


@pytest.mark.parametrize("text", ["[", "[1]", '[{"student": "ada"}]'])
def test_a_record_that_cannot_be_read_is_an_error(tmp_path, text):
    (tmp_path / "regrades.json").write_text(text)
    with pytest.raises(CourseError, match="mend it or take it away"):
        RegradeNotes(tmp_path)


def test_a_note_cannot_write_into_the_page():
    note = Regrade("ada", NAME, "<script>alert(1)</script>", NOW.isoformat(), None, 3.0)
    page = with_regrades('<h4>Score</h4><div id="toc"><div id="toc">', [note])
    assert page.startswith('<h4>Score</h4><p class="regrade"')
    assert "Graded again on 01 February 2030, 09:30 UTC: &lt;script&gt;" in page
    assert page.count("alert") == 1


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A small course and two students; ada's written answer is graded by hand."""
    find_own_tools()
    with small_course(tmp_path_factory.mktemp("regrade") / "mini") as root:
        course = load_course(root)
        built = compose(course, NAME)
        for student in ("ada", "ben"):
            path = root / "class" / student / f"{NAME}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(dumps(with_answers(built.student, {"double": WRONG})))
        quiet, settings = Console(quiet=True), Settings(workers=1, gradescope=True)
        grade(course, course.names, root / "class", root / "out", quiet, settings)
        with Gradebook(f"sqlite:///{root / 'out' / 'gradebook.db'}") as book:
            cell = book.find_grade("why", NAME, NAME, "ada")
            cell.manual_score = 1.5
            book.db.commit()
        path = root / "class" / "ada" / f"{NAME}.ipynb"
        path.write_text(dumps(with_answers(built.student, {"double": RIGHT})))
        yield root


def ledger(root):
    paths = sorted((root / "out" / "results").rglob("*.json"))
    return {json.loads(path.read_text())["student"]: path.stat().st_mtime_ns for path in paths}


@pytest.mark.slow
def test_regrade(graded):
    before = ledger(graded)
    (graded / "out" / "gradescope" / "ben" / NAME / "results.json").unlink()
    note = "The file was from <last week>; she handed in the right one."
    course = load_course(graded)
    arguments = (course, graded / "class", graded / "out", "ada", NAME, note, NOW)
    done = judge_again(*arguments, Console(quiet=True), 1)
    assert (done.before, done.after) == (2.5, 4.5)  # one public point, then all; 1.5 by hand

    after = ledger(graded)
    assert after["ada"] != before["ada"]
    assert after["ben"] == before["ben"]  # ben was not judged again
    with (graded / "out" / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(float(row["points"]) for row in rows if row["student"] == "ada") == 4.5
    assert {row["student"] for row in rows} == {"ada", "ben"}
    # As the last run did: --gradescope.
    assert (graded / "out" / "gradescope" / "ben" / NAME / "results.json").is_file()

    shown = "The file was from &lt;last week&gt;; she handed in the right one."
    page = feedback_page(graded / "out", "ada", NAME).read_text()
    assert "Graded again on 01 February 2030, 09:30 UTC (the score was 2.5 before)" in page
    assert page.index("(Score: 4.5") < page.index(shown) < page.index('<div id="toc">')
    assert "Graded again" not in feedback_page(graded / "out", "ben", NAME).read_text()
    report = (graded / "out" / "report.html").read_text()
    assert report.count(shown) == 2  # in the list, and below ada's name
    assert "from 2.5 to 4.5" in report

    # The same file, judged again: the same score, and both notes on the page.
    second = CliRunner().invoke(
        main,
        [
            "regrade",
            "class",
            "--out",
            "out",
            "--student",
            "ada",
            "--notebook",
            "01",
            "--note",
            "Asked again.",
            "--workers",
            "1",
        ],
    )
    assert second.exit_code == 0, second.output
    assert "ada, 01_mini: 4.5 before, 4.5 now" in second.output
    assert ledger(graded)["ada"] != after["ada"]
    assert ledger(graded)["ben"] == before["ben"]
    page = feedback_page(graded / "out", "ada", NAME).read_text()
    assert shown in page and "Asked again." in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--student": "adda"}, "'adda' has no 01_mini there; who has: ada, ben"),
        ({"--note": " "}, "say in --note why"),
        ({"--out": "elsewhere"}, "nothing was graded there; run `course grade` first"),
        ({"--notebook": "02"}, "there is no notebook '02'"),
    ],
)
def test_what_cannot_be_regraded_is_said_and_changes_nothing(graded, changes, message):
    record = graded / "out" / "regrades.json"
    before = record.read_bytes() if record.is_file() else None, ledger(graded)
    options = {"--out": "out", "--student": "ada", "--notebook": "01", "--note": "Why not."}
    arguments = [word for option in (options | changes).items() for word in option]
    result = CliRunner().invoke(main, ["regrade", "class", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert (record.read_bytes() if record.is_file() else None, ledger(graded)) == before
