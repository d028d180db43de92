"""Tables for spreadsheets and Canvas, and Gradescope's results.json."""

import csv
import json
from dataclasses import replace

import pytest

from autograder.course.master import load_master
from autograder.errors import CourseError
from autograder.results.exports import write_canvas, write_csv, write_gradescope
from autograder.results.result import Result, Row

NAME = "01_pytorch_basics"


def row(student="ada", check="c", points=1.0, maximum=1.0, status="passed", message="", name=NAME):
    return Row(student, name, "e", check, points, maximum, status, message)


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_csv_has_the_columns_of_a_row_and_replaces_the_file_whole(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("old")
    write_csv((row(message=text) for text in ("two\nlines", "a, b", "half \ud800")), path)
    table = read(path)
    assert table[0] == [
        *("student", "notebook", "exercise", "check"),
        *("points", "maximum", "status", "message"),
    ]
    assert [line[-1] for line in table[1:]] == ["two\nlines", "a, b", "half ?"]
    assert [p.name for p in tmp_path.iterdir()] == ["grades.csv"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r=1"])
def test_no_text_of_a_student_is_a_formula(tmp_path, text):
    write_csv([row(student=text, message=text)], tmp_path / "a.csv")
    write_canvas([row(student=text)], None, tmp_path / "b.csv")
    table, canvas = read(tmp_path / "a.csv"), read(tmp_path / "b.csv")
    for cell in (table[1][0], table[1][-1], canvas[2][0], canvas[2][3]):
        assert cell.startswith("'") and cell.replace("'", "") == text


def test_no_formula_hides_behind_the_separator_of_another_country(tmp_path):
    write_csv([row(message="it says;=1+1\n@x, (3, -1)")], tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1][-1] == "it says;'=1+1\n'@x, (3, -1)"


def test_a_long_message_fits_into_a_cell(tmp_path):
    write_csv([row(message="x" * 21_000_000)], tmp_path / "a.csv")
    message = read(tmp_path / "a.csv")[1][-1]
    assert len(message) < 32_767 and message.endswith("x … (cut; 21,000,000 characters)")


def test_numbers_stay_numbers(tmp_path):
    write_csv([row(points=-2.5, maximum=0, status="late")], tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[1][4] == "-2.5"


ROWS = [
    row("ada", "a", 1.0, 1.0),
    row("ada", "b", 0.335, 2.0, "failed"),
    row("ada", "why", 0.0, 3.0, "needs grading"),
    row("ben", "a", 1.0, 1.0),
    row("ben", "b", 2.0, 2.0),
    row("ben", "why", 3.0, 3.0, "graded"),
    row("ben", "late penalty", -6.0, 0, "late"),
    row("cem", "a", 0.0, 1.0, "broken"),
    row("cem", "a", 1.0, 1.0, name="02_autograd_engine"),
]


def test_canvas_without_a_roster(tmp_path):
    said = write_canvas(ROWS, None, tmp_path / "canvas.csv")
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert read(tmp_path / "canvas.csv") == [
        [*head, NAME, "02_autograd_engine"],
        ["    Points Possible", "", "", "", "", "6", "1"],
        ["ada", "", "", "ada", "", "1.33", ""],
        ["ben", "", "", "ben", "", "0", ""],
        ["cem", "", "", "cem", "", "0", "1"],
    ]
    assert said == [
        "1 have written answers without points: ada",
        "1 handed in what could not be graded: cem",
    ]


def test_canvas_scales_scores_to_what_a_notebook_is_worth_in_the_course(tmp_path):
    worth = {NAME: 10, "09_not_graded_now": 5}
    write_canvas(ROWS, None, tmp_path / "canvas.csv", worth)
    table = [line[5:] for line in read(tmp_path / "canvas.csv")]
    assert table == [
        [NAME, "02_autograd_engine"],
        ["10", "1"],
        ["2.23", ""],  # 1.335 of 6
        ["0", ""],
        ["0", "1"],
    ]


def test_canvas_names_the_points_that_the_import_would_change_as_scaled(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text(ROSTER.format(name=NAME), encoding="utf-8")
    said = write_canvas(ROWS, roster, tmp_path / "canvas.csv", {NAME: 100})
    assert not [line for line in said if "import changes" in line]
    said = write_canvas(ROWS, roster, tmp_path / "canvas.csv", {NAME: 7.5})
    assert f"{NAME} has 100 points in Canvas and 7.5 here; the import changes that" in said


ROSTER = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,{name} (771),Final Score
,,,,,Manual Posting,
    Points Possible,,,,,100.00,(read only)
"Lovelace, Ada",11,u11,ada@uni.example,Lab 1,,
"Bär, Ben",12,u12,BEN,Lab 2,,
"Test, Student",13,,f00,Lab 2,,
"""


def test_canvas_with_a_roster_fills_in_the_ids_and_names_who_is_not_in_it(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text(ROSTER.format(name=NAME), encoding="utf-8")
    said = write_canvas(ROWS, roster, tmp_path / "canvas.csv")
    table = read(tmp_path / "canvas.csv")
    assert table[0][5:] == [f"{NAME} (771)", "02_autograd_engine"]
    assert table[2] == ["Lovelace, Ada", "11", "u11", "ada@uni.example", "Lab 1", "1.33", ""]
    assert table[3] == ["Bär, Ben", "12", "u12", "BEN", "Lab 2", "0", ""]
    assert len(table) == 4
    assert "cem is not in the roster and is left out" in said
    assert f"{NAME} has 100 points in Canvas and 6 here; the import changes that" in said


def test_canvas_guesses_nobody(tmp_path):
    roster = tmp_path / "roster.csv"
    people = "A,1,,x@a,S\nB,2,,x@b,S\nC,3,5,c,S\nD,5,,d,S\nE,6,,e,S\n"
    roster.write_text("Student,ID,SIS User ID,SIS Login ID,Section\n" + people)
    said = write_canvas([row(s) for s in ("x", "5", "e", "6")], roster, tmp_path / "canvas.csv")
    assert len(read(tmp_path / "canvas.csv")) == 2
    assert said == [
        "x fits 2 in the roster and is left out",
        "5 fits 2 in the roster and is left out",
        "e and 6 are one student in the roster and are left out",
    ]


def test_canvas_reads_semicolons_and_split_names(tmp_path):
    roster = tmp_path / "roster.csv"
    text = f"LastName;FirstName;ID;SIS Login ID;Section;{NAME} (5)\n    Points Possible;;;;;6,00\n"
    roster.write_text(text + "Lovelace;Ada;7;ada;S;1,5\n")
    assert "import changes" not in str(write_canvas(ROWS[:3], roster, tmp_path / "canvas.csv"))
    assert read(tmp_path / "canvas.csv")[2][:4] == ["Lovelace, Ada", "7", "", "ada"]


@pytest.mark.parametrize("content", [None, b"", b"name,mail\nada,a@b\n", b"\xff\xfe\x00"])
def test_a_wrong_roster_is_refused_in_one_line(tmp_path, content):
    roster = tmp_path / "roster.csv"
    if content is not None:
        roster.write_bytes(content)
    with pytest.raises(CourseError) as caught:
        write_canvas(ROWS, roster, tmp_path / "canvas.csv")
    assert "roster" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "canvas.csv").exists()


@pytest.fixture(scope="module")
def master(course):
    return load_master(course, NAME)


def rows_of(master, failed=(), status="passed", message=""):
    """Return the rows of ada as the gradebook makes them; written answers wait."""
    rows = []
    for key, check in master.checks_by_id.items():
        lost = key in failed or status == "broken"
        of_check = "failed" if key in failed else status
        points = 0.0 if lost else check.points
        where = "ada", NAME, check.exercise, check.name
        rows.append(Row(*where, points, check.points, of_check, message if lost else ""))
    waits = "broken" if status == "broken" else "needs grading"
    for key, points in master.written.items():
        rows.append(Row("ada", NAME, key, "written answer", 0.0, points, waits, ""))
    return rows


def gradescope(master, result, rows, folder):
    """Return what the file says, its tests by name, and its text."""
    path = folder / "results" / "results.json"
    write_gradescope(master, result, rows, path)
    text = path.read_text()
    report = json.loads(text)
    tests = {test["name"]: test for test in report["tests"]}
    assert len(tests) == len(report["tests"])
    return report, tests, text


def test_gradescope_shows_ids_and_messages_and_holds_hidden_checks_back(master, tmp_path):
    failed = next(key for key, check in master.checks_by_id.items() if check.hidden)
    rows = rows_of(master, [failed], message="Hint: look again. \ud800")
    result = Result("ada", NAME, "d", notes=("A cell was there twice.",), seconds=12.6)
    report, tests, text = gradescope(master, result, rows, tmp_path)
    assert report["output"] == "A cell was there twice." and report["execution_time"] == 13
    assert list(tests) == [*master.checks_by_id, *master.written]
    scored = [test for test in report["tests"] if "score" in test]
    assert sum(test["max_score"] for test in scored) == master.points
    assert tests[failed]["score"] == 0 and tests[failed]["output"].startswith("Hint: look again.")
    for key, check in master.checks_by_id.items():
        wanted = "after_published" if check.hidden else "visible"
        assert tests[key]["visibility"] == wanted
        assert tests[key]["score"] == (0 if key == failed else check.points)
        assert tests[key]["status"] == ("failed" if key == failed else "passed")
        assert not check.hidden or (check.name not in text and check.hint not in text)


def test_gradescope_gets_the_points_that_a_person_gave(master, tmp_path):
    rows = rows_of(master)
    part, more, *_ = range(len(rows))
    hidden = [n for n, check in enumerate(master.checks_by_id.values()) if check.hidden][1]
    rows[part] = replace(rows[part], points=0.25, status="failed")
    rows[more] = replace(rows[more], points=rows[more].maximum + 0.5)
    rows[hidden] = replace(rows[hidden], points=0.0, status="failed")
    rows.append(Row("ada", NAME, "late penalty", "late penalty", -3.5, 0, "late", ""))
    report, tests, text = gradescope(master, Result("ada", NAME, "d"), rows, tmp_path)
    shown = list(tests.values())
    assert (shown[part]["score"], shown[part]["status"]) == (0.25, "failed")
    assert (shown[more]["score"], shown[more]["status"]) == (rows[more].maximum + 0.5, "passed")
    assert (shown[hidden]["score"], shown[hidden]["visibility"]) == (0, "after_published")
    late = tests["late penalty"]
    assert (late["score"], late["max_score"], late["status"]) == (-3.5, 0, "failed")
    # A penalty of all points would tell the total, and with it how hidden checks went.
    assert late["visibility"] == "after_published" and "score" not in report
    assert sum(test.get("score", 0) for test in shown) == sum(row.points for row in rows)
    assert not [c.name for c in master.checks if c.hidden and c.name in text]


def test_gradescope_shows_no_zero_for_what_nobody_has_graded(master, tmp_path):
    (name, maximum), *_ = master.written.items()
    rows = rows_of(master)
    _, tests, _ = gradescope(master, Result("ada", NAME, "d"), rows, tmp_path)
    assert not tests[name].keys() & {"score", "max_score", "status"}
    assert f"up to {maximum:g} point" in tests[name]["output"]
    place = next(n for n, row in enumerate(rows) if row.exercise == name)
    for points, status, shown in (
        (0.0, "graded", "failed"),
        (maximum, "graded", "passed"),
        (1.5, "needs grading", "failed"),  # graded before, and handed in again
    ):
        rows[place] = replace(rows[place], points=points, status=status)
        _, tests, _ = gradescope(master, Result("ada", NAME, "d"), rows, tmp_path)
        assert (tests[name]["score"], tests[name]["status"]) == (points, shown)
        assert tests[name]["visibility"] == "after_published"


def test_gradescope_says_why_a_submission_could_not_be_graded(master, tmp_path):
    broken = Result("ada", NAME, "d", problem="not a notebook: line 1")
    rows = rows_of(master, status="broken", message=broken.problem)
    report, tests, _ = gradescope(master, broken, rows, tmp_path)
    assert (report["score"], tests) == (0, {})
    assert report["output"] == "not a notebook: line 1"


def test_gradescope_gets_the_points_of_an_earlier_hand_in(master, tmp_path):
    broken = Result("ada", NAME, "d", problem="not a notebook: line 1")
    rows = rows_of(master, status="broken", message="A later hand-in could not be graded.")
    rows[0] = replace(rows[0], points=rows[0].maximum)
    report, tests, _ = gradescope(master, broken, rows, tmp_path)
    assert "score" not in report and report["output"] == "not a notebook: line 1"
    assert sum(test.get("score", 0) for test in tests.values()) == rows[0].points
    assert all(tests[key]["visibility"] == "after_published" for key in master.written)
    assert not [key for key in master.written if "score" in tests[key]]


def test_gradescope_refuses_rows_of_other_checks(master, tmp_path):
    with pytest.raises(CourseError, match="there is no row of"):
        write_gradescope(master, Result("ada", NAME, "d"), rows_of(master)[1:], tmp_path / "r.json")
