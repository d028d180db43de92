"""Failing submissions are told which documented mistake they behave like."""

import re

import pytest
from click.testing import CliRunner
from rich.console import Console

from autograder.checks.shared.verdict import Verdict
from autograder.commands.cli import main
from autograder.commands.grade import Settings, grade
from autograder.commands.prove import solutions
from autograder.course.cells import with_answers
from autograder.course.compose import dumps
from autograder.errors import CourseError
from autograder.processes import find_own_tools
from autograder.results import report
from autograder.results.mistakes import CODE_LIMIT, likeness, mistakes, resemblances, write_page
from autograder.results.result import Result
from tests.support.course import answers_of

NAME = "01_pytorch_basics"
PASSED, WRONG = Verdict(), Verdict("mismatch", "It differs.")


def result_of(master, fails, student="ada", kind="mismatch") -> Result:
    """Return the result of a submission that fails the checks of these names."""
    by_id = master.checks_by_id.items()
    failed = Verdict(kind, "It differs.")
    verdicts = {key: failed if check.name in fails else PASSED for key, check in by_id}
    return Result(student, master.name, "", verdicts)


def test_every_documented_mistake_of_the_course_is_recognised(built):
    """By its checks and its text; mistakes that fail other exercises' checks, too, by their own."""
    seen = 0
    for name, each in built.items():
        corpus = answers_of(name)
        for answer in corpus:
            if answer.right:
                continue
            result = result_of(each.master, answer.fails)
            found = list(
                resemblances(each.master, corpus, result, {answer.exercise: answer.source})
            )
            own = next(finding for finding in found if finding.exercise == answer.exercise)
            assert own.is_exact
            assert own.answers[0].source == answer.source
            assert own.verdict.startswith(f"Behaves like {own.answers[0].name}.")
            hints = [c.hint for c in each.master.checks if c.name == own.answers[0].hint_of]
            assert [own.advice] == hints
            later = [finding for finding in found if finding is not own]
            assert all(finding.cause == answer.exercise for finding in later)
            seen += 1
    assert seen > 400


@pytest.fixture
def basics(built):
    return built[NAME].master, answers_of(NAME)


def test_the_text_chooses_among_mistakes_that_fail_the_same_checks(basics):
    master, corpus = basics
    by_name = {answer.name: answer for answer in corpus}
    fails = by_name["one_hot_int64"].fails
    code = by_name["one_hot_transposed"].source + "  # my own"
    (found,) = resemblances(master, corpus, result_of(master, fails), {"one_hot": code})
    assert found.answers[0].name == "one_hot_transposed"
    others = found.verdict.partition("The same checks are failed by ")[2]
    assert set(others.strip(".").split(", ")) == {
        "one_hot_int64",
        "one_hot_whole_columns",
        "one_hot_reads_the_notebook",
    }


def test_an_undocumented_mistake_gets_the_nearest_and_says_how_it_differs(basics):
    master, corpus = basics
    fails = [check.name for check in master.checks_of("one_hot").values()]
    (found,) = resemblances(master, corpus, result_of(master, fails), {})
    assert not found.is_exact
    assert found.verdict == (
        "No documented mistake fails exactly these checks; nearest: one_hot_int64 "
        "(which passes stays_on_the_device_of_the_labels)."
    )
    assert found.advice == master.checks_of("one_hot")["one_hot-public-1"].hint
    (found,) = resemblances(
        master, corpus, result_of(master, ["marks_the_column_of_the_label"]), {}
    )
    assert "(which fails keeps_columns_of_absent_classes, too)" in found.verdict
    nothing = [answer for answer in corpus if answer.exercise != "one_hot"]
    (found,) = resemblances(master, nothing, result_of(master, fails), {})
    assert found.verdict == "No documented mistake fails exactly these checks."


def test_two_mistakes_are_told_apart(basics):
    """The second is in an exercise that calls the first, whose mistake fails its checks, too."""
    master, corpus = basics
    wrong = {e: [a for a in corpus if a.exercise == e and not a.right] for e in master.exercises}
    training = {check.name for check in master.checks_of("train_linear_regression").values()}
    first, second = next(
        (first, second)
        for first in wrong["mse_loss"]
        for second in wrong["train_linear_regression"]
        if training & set(first.fails) and not training & set(second.fails) <= set(first.fails)
    )
    result = result_of(master, {*first.fails, *second.fails})
    codes = {a.exercise: a.source for a in (first, second)}
    found = {each.exercise: each for each in resemblances(master, corpus, result, codes)}
    assert found["mse_loss"].answers[0].name == first.name
    assert not found["train_linear_regression"].cause
    assert found["train_linear_regression"].answers


@pytest.mark.parametrize("kind", ["stub", "missing"])
def test_what_is_not_written_is_no_mistake(basics, kind):
    master, corpus = basics
    fails = [check.name for check in master.checks_of("one_hot").values()]
    (found,) = resemblances(master, corpus, result_of(master, fails, kind=kind), {})
    assert found.verdict == "Not written, or it calls what is not written."
    assert found.answers == ()


def test_likeness():
    assert likeness("a = b + 1", "a=b+1") == 1
    assert likeness("a = b", "c(d)") == 0
    assert 0 < likeness("a = b + 1", "a = b - 1") < 1
    assert likeness("", "") == 0


@pytest.mark.parametrize("budget", [6_000_000, 100])
def test_nothing_a_student_wrote_becomes_markup_or_fills_the_page(
    basics, course, tmp_path, monkeypatch, budget
):
    master, corpus = basics
    monkeypatch.setattr("autograder.results.mistakes.CODE_BUDGET", budget)
    hostile = "<script>alert(1)</script>\u202e"
    result = result_of(master, ["marks_the_column_of_the_label"], student=hostile)
    code = {"one_hot": hostile + "x" * 100_000}
    page = write_page(
        course, list(resemblances(master, corpus, result, code)), tmp_path
    ).read_text()
    assert "<script>" not in page and "\u202e" not in page
    assert "&lt;script&gt;" in page
    assert len(page) < 30_000 + CODE_LIMIT
    assert ("xxxx" in page) == (budget > 1000)
    assert "script-src &#39;none&#39;" in page


@pytest.fixture(scope="module")
def graded(course, built, tmp_path_factory):
    """A class of notebook 01: six documented mistakes, one of two mistakes, one perfect."""
    find_own_tools()
    folder = tmp_path_factory.mktemp("mistakes")
    corpus = answers_of(NAME)
    perfect = solutions(built[NAME].master)
    wrong = {a.name: a for a in corpus if not a.right}
    chosen = [
        "one_hot_transposed",
        "one_hot_on_the_cpu",
        "mse_broadcasts",
        "channels_first_view",
        "step_never_clears",
    ]
    classmates = {name: {wrong[name].exercise: wrong[name].source} for name in chosen}
    both = ("one_hot_on_the_cpu", "channels_first_view")
    classmates["both"] = {wrong[name].exercise: wrong[name].source for name in both}
    classmates["perfect"] = {}
    for student, answers in classmates.items():
        path = folder / "class" / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(dumps(with_answers(built[NAME].student, perfect | answers)))
    settings = Settings(workers=2, feedback=False)
    grade(course, [NAME], folder / "class", folder / "out", Console(quiet=True), settings)
    return folder / "out", chosen


@pytest.mark.slow
def test_a_graded_class(course, graded):
    out, chosen = graded
    page = (out / "mistakes.html").read_text()
    assert 'href="mistakes.html"' in (out / "report.html").read_text()
    found, path = mistakes(course, out, None, None)
    assert path.read_text() == page  # `course grade` wrote the same
    told = {each.student: [] for each in found}
    for each in found:
        if not each.cause:
            assert each.is_exact
            told[each.student].append(each.answers[0].name)
    assert told == {name: [name] for name in chosen} | {
        "both": ["one_hot_on_the_cpu", "channels_first_view"]
    }
    for word in ("For TAs only.", "Commonest", "side by side", "tests/answers/pytorch_basics.py:"):
        assert word in page
    assert re.search(r'<td class="n">2</td>.*one_<wbr>hot_<wbr>on_<wbr>the_<wbr>cpu', page)


@pytest.mark.slow
def test_the_command(graded, monkeypatch):
    out, _ = graded
    monkeypatch.setenv("COLUMNS", "200")
    wide = Console(width=200, highlight=False)
    monkeypatch.setattr("autograder.commands.cli.console", lambda: wide)
    with wide.capture() as capture:
        result = CliRunner().invoke(main, ["mistakes", "--out", str(out), "--student", "both"])
    assert result.exit_code == 0, result.output
    text = " ".join(capture.get().split())
    assert "Behaves like channels_first_view." in text
    assert "mse_broadcasts" not in text
    assert "For TAs only: " in text
    with wide.capture() as capture:
        CliRunner().invoke(main, ["mistakes", "--out", str(out), "--student", "perfect"])
    assert "perfect fails no check." in capture.get()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--student", "adda"], "no graded submission of 'adda'; there are: both,"),
        (["--notebook", "02"], "no submission of 02_autograd_engine was graded there"),
        (["--notebook", "33"], "there is no notebook '33'"),
    ],
)
def test_wrong_arguments(graded, options, message):
    result = CliRunner().invoke(main, ["mistakes", "--out", str(graded[0]), *options])
    assert result.exit_code == 2
    assert message in result.stderr


def test_nothing_graded(course, tmp_path):
    with pytest.raises(CourseError, match="run `course grade` first"):
        mistakes(course, tmp_path, None, None)


def test_the_page_for_nobody(course, tmp_path):
    assert "Nobody fails a check." in write_page(course, [], tmp_path).read_text()
    assert "script-src 'none'" in report.policy([])
