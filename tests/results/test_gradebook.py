"""What is stored is what nbgrader itself would have stored, whatever comes in between."""

import copy
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import nbformat
import pytest
from bs4 import BeautifulSoup, Comment
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import CsvExportPlugin
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    DeduplicateIds,
    OverwriteCells,
    SaveAutoGrades,
)
from sqlalchemy import Engine, event

from autograder.checks.shared.verdict import Verdict
from autograder.course.master import load_master
from autograder.errors import CourseError
from autograder.processes import find_own_tools
from autograder.results import feedback
from autograder.results.gradebook import course_directory, database
from autograder.results.gradebook.book import Book
from autograder.results.gradebook.rows import BROKEN
from autograder.results.result import Result
from tests.support.course import ROOT

NAME = "01_pytorch_basics"
EARLY, LATE = datetime(2027, 2, 1, 9, 30, 1, 5, tzinfo=UTC), datetime(2027, 2, 14, tzinfo=UTC)
TABLES = {
    "student": "select id, first_name, last_name, email from student",
    "course": "select id from course",
    "assignment": "select name, duedate, course_id from assignment",
    "cell": "select type, name from base_cell",
    "submission": """select student_id, timestamp, extension from submitted_assignment""",
    "notebook": """select a.student_id, n.name, s.flagged, s.late_submission_penalty
        from submitted_notebook s join submitted_assignment a on a.id = s.assignment_id
        join notebook n on n.id = s.notebook_id""",
    "grade": """select a.student_id, c.name, c.type, g.auto_score, g.manual_score,
        g.extra_credit, g.needs_manual_grade
        from grade g join submitted_notebook s on s.id = g.notebook_id
        join submitted_assignment a on a.id = s.assignment_id
        join base_cell c on c.id = g.cell_id""",
    "comment": """select a.student_id, c.name, c.type, g.auto_comment, g.manual_comment
        from comment g join submitted_notebook s on s.id = g.notebook_id
        join submitted_assignment a on a.id = s.assignment_id
        join base_cell c on c.id = g.cell_id""",
}


def do_not_wait_for_the_disk(connection, _record):
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="module", autouse=True)
def _fast_and_own_tools():
    find_own_tools()
    event.listen(Engine, "connect", do_not_wait_for_the_disk)
    yield
    event.remove(Engine, "connect", do_not_wait_for_the_disk)


@pytest.fixture(scope="module")
def master(course):
    return load_master(course, NAME)


@pytest.fixture(scope="module")
def prepared(course, master, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "out"
    with Book(course, out) as book:
        book.prepare(master)
    return out


@pytest.fixture
def out(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "out")


@pytest.fixture
def book(course, out):
    with Book(course, out) as book:
        yield book


@pytest.fixture(scope="module")
def release(prepared):
    return nbformat.read(course_directory.release(prepared, NAME), as_version=4)


def answered(release, master, count, written=True):
    """Return a submission with the first exercises solved somehow."""
    notebook = copy.deepcopy(release)
    touched = [*master.exercises[:count], *(master.written if written else ())]
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") in touched:
            cell.source += "\nsomething of my own"
    return notebook


def result_of(master, student, fails=(), problem=""):
    verdicts = {
        key: Verdict("mismatch", f"{key} gave 3.\nHint: mind the axes.")
        if number in fails
        else Verdict()
        for number, key in enumerate(master.checks_by_id)
    }
    return Result(student, NAME, "digest", {} if problem else verdicts, problem=problem)


def with_outputs(notebook, result):
    """Return the notebook as a kernel would leave it, made without the code under test."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        verdict = result.verdicts.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if verdict and verdict.passed:
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="✓ passed\n")]
        elif verdict:
            lines = verdict.message.splitlines()
            error = {"ename": "CheckFailed", "evalue": verdict.message, "traceback": lines}
            cell.outputs = [nbformat.v4.new_output("error", **error)]
    return notebook


def stock_autograde(out, result, notebook, submitted):
    """Run nbgrader's own converter on a notebook that has its outputs already."""
    student = result.student
    place = out / "submitted" / student / NAME
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(with_outputs(notebook, result), place / f"{NAME}.ipynb")
    if submitted:
        text = submitted.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        (place / "timestamp.txt").write_text(text)
    config = course_directory.load_config(out)
    directory = CourseDirectory(config=config)
    directory.assignment_id, directory.student_id = NAME, student
    grader = Autograde(coursedir=directory, config=config)
    grader.force = True
    grader.sanitize_preprocessors = [DeduplicateIds, OverwriteCells, CheckCellMetadata]
    grader.autograde_preprocessors = [SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
    grader.start()


def dump(out):
    with sqlite3.connect(out / "gradebook.db") as db:
        return {table: sorted(map(repr, db.execute(sql))) for table, sql in TABLES.items()}


def grade_by_hand(out, master):
    """Do what a person does in formgrader: scores, extra credit, comments, an extension."""
    written, check = next(iter(master.written)), next(iter(master.checks_by_id))
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as book:
        for student, score in (("ada", 1.5), ("ben", 0.0)):
            grade = book.find_grade(written, NAME, NAME, student)
            grade.manual_score, grade.needs_manual_grade = score, False
        book.find_grade(check, NAME, NAME, "ben").extra_credit = 0.5
        book.find_comment(master.exercises[0], NAME, NAME, "ada").manual_comment = "Neat."
        book.find_student("ada").last_name = "Lovelace"
        book.db.commit()
        book.grant_extension(NAME, "late-but-allowed", days=3)


@pytest.mark.parametrize("penalty", ["none", "zero"])
def test_the_gradebook_is_what_nbgrader_makes(course, master, release, prepared, tmp_path, penalty):
    stock, ours = (shutil.copytree(prepared, tmp_path / name) for name in ("stock", "ours"))
    for place in (stock, ours):
        text = f"c.LateSubmissionPlugin.penalty_method = {penalty!r}\n"
        (place / "nbgrader_config_local.py").write_text(text)
    class_of = [
        (result_of(master, "ada"), answered(release, master, 99), EARLY),
        (result_of(master, "ben", {0, 3, 4}), answered(release, master, 4, written=False), LATE),
        (result_of(master, "untouched", range(99)), release, None),
        (result_of(master, "late-but-allowed", {1}), answered(release, master, 2), LATE),
    ]
    regraded = [
        (result_of(master, "ada", {7}), answered(release, master, 3, written=False), LATE),
        (result_of(master, "ben", {1}), answered(release, master, 99), None),
        (result_of(master, "late-but-allowed"), answered(release, master, 99), None),
    ]
    rounds = (class_of, regraded) if penalty == "zero" else (class_of[:2],)
    with Book(course, ours) as book:
        for round_of in rounds:
            for result, notebook, submitted in round_of:
                stock_autograde(stock, result, notebook, submitted)
                book.store(master, result, notebook, submitted)
            assert dump(stock) == dump(ours)
            for place in (stock, ours) if round_of is not rounds[-1] else ():
                grade_by_hand(place, master)
    late = next(line for line in dump(ours)["notebook"] if "'ben'" in line)
    assert late.endswith("None)") == (penalty == "none")
    assert any("No response." in line for line in dump(ours)["comment"])


def test_formgrader_and_export_show_the_submissions(book, course, master, release, out, tmp_path):
    book.store(master, result_of(master, "ada"), answered(release, master, 99), EARLY)
    book.mark_broken(master, result_of(master, "cem", problem="not a notebook"), b"{")
    api = course_directory.open_api(out)
    shown = {each["student"]: each for each in api.get_submissions(NAME)}
    assert shown["ada"]["autograded"] and shown["ada"]["score"] == master.points
    assert shown["ada"]["display_timestamp"].startswith("2027-02-01 09:30:01")
    assert shown["ada"]["needs_manual_grade"] and not shown["cem"]["autograded"]
    assert [each["student"] for each in api.get_notebook_submissions(NAME, NAME)] == ["ada"]
    plugin = CsvExportPlugin(to=str(tmp_path / "export.csv"))
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as stock:
        plugin.export(stock)
    assert "2027-02-12 23:59:00,2027-02-01 09:30:01.000005,ada" in plugin_text(tmp_path)
    assert ",cem," in plugin_text(tmp_path)


def plugin_text(folder):
    return (folder / "export.csv").read_text()


def test_the_autograded_notebook_tells_messages_and_nothing_hidden(book, master, release, out):
    student = copy.deepcopy(release)
    before = copy.deepcopy(student)
    result = result_of(master, "ada", {1, 2})
    book.store(master, result, student, None)
    assert student == before
    path = out / "autograded" / "ada" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    counts = [c.execution_count for c in notebook.cells if c.get("execution_count")]
    assert counts == list(range(1, len(counts) + 1))
    said = {c.metadata.nbgrader.grade_id: c.outputs for c in notebook.cells if is_check(c, master)}
    assert {key for key, outputs in said.items() if outputs} == set(list(master.checks_by_id)[1:3])
    for key in list(master.checks_by_id)[1:3]:
        (output,) = said[key]
        assert output.output_type == "error" and output.ename == "CheckFailed"
        assert output.evalue == result.verdicts[key].message
        assert output.traceback == output.evalue.splitlines()
    assert "judge_here" not in path.read_text()


def is_check(cell, master):
    return cell.metadata.get("nbgrader", {}).get("grade_id") in master.checks_by_id


def without_comments(page):
    """Return a page as Beautiful Soup spells it, without comments, which a student's text has."""
    soup = BeautifulSoup(page, "html.parser")
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    return re.sub(r"\n+", "\n", str(soup))


def test_feedback_is_nbgraders_page(book, master, release, out):
    notebook = answered(release, master, 99)
    markup = "<table><tr><td>open <b>bold</td></tr></table><img src='x.png'>"
    html = {"data": {"text/html": markup, "text/plain": "t"}, "execution_count": 1}
    picture = {"data": {"image/png": "aGFsbG8=", "text/plain": "p"}}
    cell = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution"))
    cell.outputs = [
        nbformat.v4.new_output("execute_result", **html),
        nbformat.v4.new_output("display_data", **picture),
    ]
    for student in ("ada", "ben"):
        book.store(master, result_of(master, student, {0, 1, 20}), notebook, EARLY)
    assert course_directory.open_api(out).generate_feedback(NAME, "ada")["success"]
    page = out / "feedback" / "ada" / NAME / f"{NAME}.html"
    stock = page.read_text(encoding="utf-8")
    assert book.feedback(master, ["ada", "ben", "nobody"]) == {
        "nobody": "it is not in the gradebook"
    }
    ours = page.read_text(encoding="utf-8")
    checks = enumerate(master.checks_by_id.items())
    scores = {k: (c.points * (n not in (0, 1, 20)), c.points) for n, (k, c) in checks}
    assert without_comments(ours) == without_comments(feedback.with_names(stock, scores))
    contents = ours.partition("</ol>")[0]
    assert "Test cell" in stock and "Test cell" not in contents
    lines = re.findall(r"<li>(.*check.*)</li>", contents)
    assert [n for n, line in enumerate(lines) if line.startswith("<strong>")] == [0, 1, 20]
    assert len(lines) == len(master.checks_by_id)
    assert ">one_hot: public check 1</a> (Score: 0.0 / 1.0)</strong>" in contents
    assert "Hint: mind the axes." in ours and (out / "feedback" / "ben").is_dir()
    shutil.rmtree(out / "autograded" / "ben")
    assert "No such file" in book.feedback(master, ["ben", "ada"])["ben"]


def test_in_the_contents_stands_in_bold_what_lost_points_whoever_took_them(
    book, master, release, out
):
    book.store(master, result_of(master, "ada", {0, 1, 2}), answered(release, master, 99), EARLY)
    keys = list(master.checks_by_id)
    points = [master.checks_by_id[key].points for key in keys]
    # All points, more than all, nearly all, and less than none.
    given = (points[0], points[1] + 0.5, points[2] - 0.001, -0.5)
    for key, score in zip(keys, given, strict=False):
        grade_of(out, "ada", key, score)
    assert book.feedback(master, ["ada"]) == {}
    page = (out / "feedback" / "ada" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    lines = re.findall(r"<li>(.*check.*)</li>", page.partition("</ol>")[0])
    assert len(lines) == len(keys)
    assert [n for n, line in enumerate(lines) if line.startswith("<strong>")] == [2, 3]


def test_feedback_that_hangs_costs_the_others_nothing(book, master, release, out, monkeypatch):
    hangs = answered(release, master, 99)
    hangs.cells.append(nbformat.v4.new_markdown_cell("$" * 4_000_000))  # minutes
    for student, notebook in (("ada", hangs), ("ben", answered(release, master, 99))):
        book.store(master, result_of(master, student, {0}), notebook, EARLY)
    monkeypatch.setattr(feedback, "PAGE_SECONDS", 8.0)
    failed = book.feedback(master, ["ada", "ben"])
    assert list(failed) == ["ada"] and "take too long" in failed["ada"]
    assert (out / "feedback" / "ben" / NAME / f"{NAME}.html").is_file()


def test_no_text_of_a_student_does_more_than_format(book, master, release, out):
    hostile = answered(release, master, 99)
    scripts = (
        "<script>document.title = 1</script>",
        '<img src="x" onerror="document.title = 1"><svg onload="document.title = 1">',
        '<iframe srcdoc="x"></iframe><base href="//x"><meta http-equiv="refresh" content="0">',
        "[a](javascript:alert(1)) [b](data:text/html,x) <a href='java&#9;script:alert(1)'>c</a>",
        "</div></main></body><style>* {display: none}</style><textarea>",
        r"$\href{javascript:alert(1)}{x}$",
        r"<p>$\hr<x></x>ef{javascript:alert(1)}{x}$</p>",
        r"$\&#104;ref{javascript:alert(1)}{x}$ <p>$&#92;href{javascript:alert(1)}{x}$</p>",
        r"<p>$\\href{javascript:alert(1)}{x}$</p>",
        r"$\mmlToken{mi}[href='javascript:alert(1)']{x}$",
        "![x](//evil.example/b.png) <img src='/\\evil.example/b.png'> [a](//evil.example)",
        r"<img src='\\evil.example\b.png'> <img src='x\..\\evil.example\b.png'>",
    )
    picture = "![p](attachment:a.png)\n\n<p style='position: fixed; text-align: right'>kept</p>"
    cells = [nbformat.v4.new_markdown_cell(text) for text in (*scripts, picture)]
    cells[-1]["attachments"] = {"a.png": {"image/png": "aGFsbG8="}}
    hostile.cells += cells
    plain = answered(release, master, 99)
    for student, notebook in (("ada", hostile), ("ben", plain)):
        book.store(master, result_of(master, student, {0}), notebook, EARLY)
    assert book.feedback(master, ["ada", "ben"]) == {}
    ada, ben = (page_of(out, student) for student in ("ada", "ben"))
    for name in ("script", "iframe", "svg", "style", "base", "meta", "textarea", "main"):
        assert len(ada.find_all(name)) == len(ben.find_all(name)), name
    for element in ada.find_all(True):
        assert not [key for key in element.attrs if key.startswith("on")]
        assert not re.match(r"\s*(java\s*script|data:text)", element.get("href", ""))
        assert "evil.example" not in element.get("src", "") + element.get("href", "")
    assert "\\href" not in ada.get_text() and "\\mmlToken" not in ada.get_text()
    assert ada.find("img", src="data:image/png;base64,aGFsbG8=")
    assert ada.find("p", string="kept")["style"].strip(" ;") == "text-align: right"


def test_a_picture_that_is_not_there_costs_nobody_the_page(book, master, release, out):
    notebook = answered(release, master, 99)
    texts = "![my <b>curve](attachment:image.gif)", "![](attachment:a%20b.png) and ![p](x.png)"
    notebook.cells += [nbformat.v4.new_markdown_cell(text) for text in texts]
    notebook.cells[-1]["attachments"] = {"c.png": {"image/png": "aGFsbG8="}}
    book.store(master, result_of(master, "ada", {0}), notebook, EARLY)
    assert book.feedback(master, ["ada"]) == {}
    page = page_of(out, "ada")
    assert "(the picture image.gif is missing: my <b>curve)" in page.get_text()
    assert "(the picture a b.png is missing) and" in page.get_text()
    assert page.find("img", src="x.png") and not page.find("img", src=re.compile("attachment"))


def page_of(out, student):
    path = out / "feedback" / student / NAME / f"{NAME}.html"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_rows_are_the_gradebooks(book, course, master, release, out):
    (out / "nbgrader_config_local.py").write_text(
        "c.AssignLatePenalties.plugin_class = 'tests.results.test_gradebook.HalfAPoint'\n"
    )
    results = [
        result_of(master, "zoe", {1}),
        result_of(master, "ada"),
        result_of(master, "cem", problem="not a notebook: line 1"),
    ]
    with Book(course, out) as late_book:
        late_book.store(master, results[0], answered(release, master, 99), LATE)
        late_book.store(master, results[1], release, EARLY)
        late_book.mark_broken(master, results[2], b"{")
        grade_of(out, "zoe", next(iter(master.written)), 2.0)
        rows = list(late_book.rows([master], results))
    assert [*dict.fromkeys(row.student for row in rows)] == ["zoe", "ada", "cem"]
    zoe = {(row.exercise, row.check): row for row in rows if row.student == "zoe"}
    lost = list(master.checks_by_id.values())[1]
    row = zoe[lost.exercise, lost.name]
    assert (row.points, row.maximum, row.status) == (0, lost.points, "failed")
    assert row.message == results[0].verdicts[list(master.checks_by_id)[1]].message
    assert zoe["late penalty", "late penalty"].points == -0.5
    assert sum(row.points for row in zoe.values()) == master.points - lost.points + 2 - 0.5
    statuses = {row.check: row.status for row in rows if row.student == "ada"}
    assert set(statuses.values()) == {"passed", "graded"}
    cem = [row for row in rows if row.student == "cem"]
    assert len(cem) == len(master.checks) + len(master.written)
    assert {(row.points, row.status, row.message) for row in cem} == {
        (0, "broken", "not a notebook: line 1")
    }
    with pytest.raises(CourseError, match="nobody is not in the gradebook"):
        list(book.rows([master], [result_of(master, "nobody")]))


class HalfAPoint(AssignLatePenalties.plugin_class.default_value):
    """A late submission plugin of an instructor's own."""

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 0.5


def grade_of(out, student, key, score):
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as stock:
        grade = stock.find_grade(key, NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = score, False
        stock.db.commit()


def test_a_broken_hand_in_keeps_the_earlier_grade_but_not_in_silence(book, master, release, out):
    good, broken = result_of(master, "ada", {1}), result_of(master, "ada", problem="no JSON")
    notebook = answered(release, master, 99)
    book.store(master, good, notebook, EARLY)
    before = dump(out)
    files = {path: path.read_bytes() for path in out.rglob("*.ipynb")}
    assert book.mark_broken(master, broken, b"{") is True
    marked = dump(out)
    assert [line[: line.rindex(",")] for line in marked["grade"]] == [
        line[: line.rindex(",")] for line in before["grade"]
    ]
    assert all(line.endswith(", 1)") for line in marked["grade"])
    assert "1, None" in marked["notebook"][0] and marked["submission"] == before["submission"]
    assert sum(BROKEN + "no JSON" in line for line in marked["comment"]) == 1
    assert {path: path.read_bytes() for path in out.rglob("*.ipynb")} == files
    rows = list(book.rows([master], [broken]))
    lost = list(master.checks_by_id.values())[1].points
    assert sum(row.points for row in rows) == master.points - lost
    assert {(row.status, row.message) for row in rows} == {("broken", BROKEN + "no JSON")}
    book.store(master, good, notebook, EARLY)
    assert dump(out) == before


def test_a_flag_of_a_person_stays(book, master, release, out):
    book.store(master, result_of(master, "ada"), release, None)
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as stock:
        stock.find_submission_notebook(NAME, NAME, "ada").flagged = True
        stock.db.commit()
    book.store(master, result_of(master, "ada", {1}), release, None)
    assert "1, None" in dump(out)["notebook"][0]


def test_the_file_as_handed_in_lies_in_submitted(book, master, release, out):
    place = out / "submitted" / "ada" / NAME
    book.store(master, result_of(master, "ada"), release, EARLY, b"as it came")
    assert (place / f"{NAME}.ipynb").read_bytes() == b"as it came"
    stamp = (place / f"{NAME}.ipynb").stat().st_mtime_ns
    book.store(master, result_of(master, "ada"), release, None, b"as it came")
    assert (place / f"{NAME}.ipynb").stat().st_mtime_ns == stamp
    assert "2027-02-01 09:30:01.000005" in dump(out)["submission"][0]
    book.store(master, result_of(master, "ada"), release, None)
    assert nbformat.read(place / f"{NAME}.ipynb", as_version=4) == release
    (place / "timestamp.txt").unlink()
    book.store(master, result_of(master, "ada"), release, None)
    assert "2027-02-01 09:30:01.000005" in dump(out)["submission"][0]
    (place / "timestamp.txt").write_text("yesterday or so")
    with pytest.raises(CourseError, match="this is no time"):
        book.store(master, result_of(master, "ada"), release, None)


def test_text_that_utf8_cannot_hold_costs_nobody(book, master, release, out):
    notebook = answered(release, master, 99)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source += "\ud800"
    result = result_of(master, "ada")
    key = next(iter(master.checks_by_id))
    result.verdicts[key] = Verdict("mismatch", "gave \ud800")
    book.store(master, result, notebook, None)
    assert book.feedback(master, ["ada"]) == {}


@pytest.mark.parametrize("student", ["", "..", "a/b", "a\\b", "a\nb", "a\udc80"])
def test_what_cannot_be_a_student_is_refused(book, master, release, student):
    with pytest.raises(CourseError, match="cannot be a student's id"):
        book.store(master, result_of(master, student), release, None)
    with pytest.raises(CourseError, match="cannot be a student's id"):
        book.mark_broken(master, result_of(master, student, problem="x"))


def test_results_and_notebooks_of_something_else_are_refused(book, master, release):
    with pytest.raises(CourseError, match="has no verdict on"):
        book.store(master, result_of(master, "ada", problem="x"), release, None)
    less = copy.deepcopy(release)
    less.cells = [cell for cell in less.cells if not is_check(cell, master)]
    with pytest.raises(CourseError, match="has lost its cell"):
        book.store(master, result_of(master, "ada"), less, None)


def test_killed_at_the_last_step_nothing_is_half_written(book, master, release, out, monkeypatch):
    before = dump(out)

    def killed(path, data):
        if "autograded" in path.parts:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("autograder.results.gradebook.book.replace_file", killed)
        book.store(master, result_of(master, "ada"), release, EARLY)
    assert dump(out) == before
    book.store(master, result_of(master, "ada"), release, EARLY)
    assert len(dump(out)["grade"]) == len(master.checks) + len(master.written)


def test_preparing_again_touches_nothing_and_repairs_what_a_killed_run_left(
    book, course, master, release, out, monkeypatch
):
    def stamps():
        return {path: path.stat().st_mtime_ns for path in out.rglob("*.ipynb")}

    before, whole = stamps(), dump(out)
    book.prepare(master)
    assert (stamps(), dump(out)) == (before, whole)
    assert "2027-02-12 23:59:00" in whole["assignment"][0]
    with sqlite3.connect(out / "gradebook.db") as db:
        db.execute("delete from source_cell where name like '%-hidden-1'")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(course_directory, "generate_release", lambda *_: interrupt())
        book.prepare(master)
    book.prepare(master)
    assert dump(out) == whole


def interrupt():
    raise KeyboardInterrupt


def test_checks_that_come_or_go_after_grading_are_refused_before_anything_changes(
    book, master, release, out
):
    book.store(master, result_of(master, "ada"), release, EARLY)
    before = {path: path.read_bytes() for path in out.rglob("*.ipynb")}
    with pytest.raises(CourseError, match="came or went") as caught:
        book.prepare(replace(master, checks=master.checks[:-1]))
    assert "another folder" in str(caught.value)
    assert {path: path.read_bytes() for path in out.rglob("*.ipynb")} == before


STORES = """
import sys
from pathlib import Path
import nbformat
from autograder.course.config import load_course
from autograder.results.gradebook.book import Book
from autograder.course.master import load_master
from autograder.results.gradebook.course_directory import release
from autograder.processes import find_own_tools
from sqlalchemy import Engine, event
from tests.results.test_gradebook import NAME, EARLY, do_not_wait_for_the_disk, result_of
event.listen(Engine, "connect", do_not_wait_for_the_disk)
find_own_tools()
course, out = load_course(Path(sys.argv[1])), Path(sys.argv[2])
master = load_master(course, NAME)
with Book(course, out) as book:
    book.prepare(master)
    notebook = nbformat.read(release(out, NAME), as_version=4)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(50):
        student = f"{sys.argv[3]}{number}" if number % 10 else f"both{number}"
        book.store(master, result_of(master, student, {number % 7}), notebook, EARLY)
"""


@pytest.mark.slow
def test_two_runs_and_a_reader_at_once_do_not_collide(master, tmp_path, book, monkeypatch):
    # A new folder: the two also make the gradebook and the release at once.
    place = tmp_path / "new"
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-c", STORES, str(ROOT), str(place)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen([*command, who], text=True, **pipes) for who in ("a", "b")]
    for run in runs:
        assert run.stdout.readline() == "ready\n", run.communicate()[1]
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.flush()
    while any(run.poll() is None for run in runs):
        with Gradebook(f"sqlite:///{place / 'gradebook.db'}") as stock:
            stock.submission_dicts(NAME)
        time.sleep(0.05)
    for run in runs:
        assert run.communicate()[1] == "" and run.returncode == 0
    rows = dump(place)
    assert len(rows["student"]) == len(rows["submission"]) == 45 + 45 + 5
    assert len(rows["grade"]) == 95 * (len(master.checks) + len(master.written))
    assert sum("0.0, None" in line for line in rows["grade"]) >= 95
    assert not list(place.rglob(".*.new"))


def test_a_locked_gradebook_is_waited_for(book, master, release, out):
    locked = sqlite3.connect(out / "gradebook.db", check_same_thread=False, isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    release_soon = threading.Timer(0.5, lambda: locked.execute("COMMIT"))
    release_soon.start()
    book.store(master, result_of(master, "ada"), release, EARLY)
    release_soon.join()
    locked.close()
    assert len(dump(out)["submission"]) == 1


def test_a_gradebook_that_stays_locked_is_told_in_one_line(
    course, master, release, out, monkeypatch
):
    monkeypatch.setattr(database, "LOCKED_SECONDS", 0)
    monkeypatch.setattr(database, "ATTEMPTS", 2)
    with Book(course, out) as book:
        list(book.rows([master], []))  # connects
        locked = sqlite3.connect(out / "gradebook.db", isolation_level=None)
        locked.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CourseError, match="database is locked; close what uses it"):
            book.store(master, result_of(master, "ada"), release, EARLY)
        locked.close()


def test_the_gradebook_may_be_elsewhere_and_no_later_run_forgets(course, out, tmp_path):
    shutil.move(out / "gradebook.db", tmp_path / "grades.db")
    url = f"sqlite:///{tmp_path / 'grades.db'}"
    for asked in (url, None):
        with Book(course, out, asked):
            pass
        directory = CourseDirectory(config=course_directory.load_config(out))
        assert directory.db_url == url
    assert not (out / "gradebook.db").exists()


def test_a_relative_gradebook_lies_in_the_working_folder(course, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.move(out / "gradebook.db", tmp_path / "a.db")
    with Book(course, out, "sqlite:///a.db"):
        assert str(tmp_path / "a.db") in (out / "nbgrader_config.py").read_text()


def test_an_instructors_own_gradebook_is_used_and_not_contradicted(course, out, tmp_path):
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    line = f"c.CourseDirectory.db_url = {url!r}\n"
    (out / "nbgrader_config_local.py").write_text(line)
    shutil.move(out / "gradebook.db", tmp_path / "mine.db")
    with Book(course, out):
        assert not (out / "gradebook.db").exists()
    with pytest.raises(CourseError, match=r"nbgrader_config_local.py names the gradebook"):
        Book(course, out, f"sqlite:///{tmp_path / 'other.db'}")
    (out / "nbgrader_config_local.py").write_text("c.Nonsense(\n")
    with pytest.raises(CourseError, match=r"nbgrader_config_local.py: SyntaxError"):
        Book(course, out)


def test_a_password_is_neither_shown_nor_readable_by_others(course, out):
    path = out / "nbgrader_config.py"
    before = path.read_text()
    url = "postgresql+pg8000://me:secret@localhost:1/grades"
    with pytest.raises(CourseError) as caught:
        Book(course, out, url)
    assert "pg8000" in str(caught.value) and "secret" not in str(caught.value)
    assert path.read_text() == before
    course_directory.write_config(course, out, url)
    assert "secret" in path.read_text() and path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("gradebook.db", "is not the URL of a database; one looks like"),
        ("sqlite://", "is a gradebook in memory"),
        ("postgresql+pg8000://h/x", "needs the Python module pg8000"),
        ("foobar://h/x", "Can't load plugin"),
        ("sqlite:////dev/null/a.db", "unable to open database file"),
    ],
)
def test_a_gradebook_that_cannot_be_opened_is_told_in_one_line(course, tmp_path, url, reason):
    with pytest.raises(CourseError) as caught:
        Book(course, tmp_path / "out", url)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_told_in_one_line(course, out):
    (out / "gradebook.db").write_text("not a database " * 100)
    with pytest.raises(CourseError, match="file is not a database"):
        Book(course, out)


def test_the_file_is_json_with_a_line_a_cell(book, master, release, out):
    book.store(master, result_of(master, "ada"), release, EARLY)
    text = (out / "autograded" / "ada" / NAME / f"{NAME}.ipynb").read_text()
    assert len(text.splitlines()) == len(json.loads(text)["cells"]) + 3
