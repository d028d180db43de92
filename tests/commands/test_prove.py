"""The prover notices what is wrong with a corpus or with checks."""

import pytest

from autograder.checks import Check
from autograder.commands.prove import (
    Case,
    cases,
    idle_checks,
    matrix_page,
    problems,
    thin_exercises,
)
from autograder.course.compose import compose
from autograder.course.corpus import load_answers
from autograder.course.master import Cell, Master
from autograder.judging.judge import Verdict

PASSED = Verdict(True, "passed", "", "")
FAILED = Verdict(False, "mismatch", "  f(1)\nHint: Look.", "  f(1)")


def make_check(name: str, hidden: bool) -> Check:
    return Check("f", name, 1, "Look.", hidden, lambda f: None)


@pytest.fixture
def master(tmp_path):
    cell = Cell("def f(x): ...", True, {"exercise": "f"}, 1)
    checks = (make_check("seen", False), make_check("one", True), make_check("two", True))
    return Master("01_mini", tmp_path / "01_mini.py", (cell,), checks)


def case(kind: str, *fails: str, name: str = "answer") -> Case:
    return Case("f", name, kind, frozenset(fails), fails[0] if fails else "", None, ())


def test_as_demanded_is_no_problem(master):
    verdicts = {"seen": PASSED, "one": FAILED, "two": PASSED}
    assert problems(master, case("wrong", "one"), verdicts) == []
    assert problems(master, case("right"), dict.fromkeys(verdicts, PASSED)) == []


def test_a_survivor_an_extra_failure_and_a_missing_hint_are_problems(master):
    verdicts = {"seen": PASSED, "one": PASSED, "two": FAILED}
    lines = problems(master, case("wrong", "one"), verdicts)
    assert lines == ["one passes and should fail", "two fails and should pass:\n  f(1)"]
    mute = Verdict(False, "stub", "f is not written yet.", "")
    (line,) = problems(master, case("wrong", "one"), {"seen": PASSED, "one": mute})
    assert line == "one fails without its hint: f is not written yet."


def test_an_untouched_notebook_must_fail_because_of_its_stub(master):
    demanded = case("untouched", "seen", "one")
    stub = Verdict(False, "stub", "", "")
    assert problems(master, demanded, {"seen": stub, "one": stub}) == []
    (line,) = problems(master, demanded, {"seen": stub, "one": FAILED})
    assert line.startswith("one fails, but not because of the stub")


def test_a_hidden_check_that_is_never_alone_is_idle(master):
    assert idle_checks(master, [("f", {"one"}), ("f", {"two", "seen"})]) == []
    (line,) = idle_checks(master, [("f", {"one"}), ("f", {"one", "two"})])
    assert line.startswith("two kills nothing")
    (line,) = idle_checks(master, [("f", {"one"}), ("g", {"two"})])
    assert line.startswith("two kills nothing")


def test_an_exercise_needs_two_right_answers_and_a_wrong_one(master):
    few = [case("right"), case("wrong", "one")]
    assert thin_exercises(master, few) == ["f has 1 right answers, not 2 or more"]
    assert thin_exercises(master, [*few, case("right")]) == []


def test_the_page_has_a_row_for_every_wrong_answer(master):
    todo = [case("right"), case("wrong", "one", name="slip")]
    outcomes = [{}, {"seen": PASSED, "one": FAILED, "two": PASSED}]
    page = matrix_page(master, todo, outcomes)
    assert "| slip |  | ✗ |  |  | Look. |" in page


def test_an_answer_is_judged_by_the_checks_of_its_own_and_of_later_exercises(course):
    name = course.names[0]
    built = compose(course, name)
    every = list(built.master.checks_by_id)
    answers = load_answers(name)
    master, untouched, *rest = cases(built.master, built.student, answers)
    assert list(master.judged) == list(untouched.judged) == every
    assert [case.exercise for case in rest] == [answer.exercise for answer in answers]
    for case in rest:
        own = next(iter(built.master.checks_of(case.exercise)))
        assert list(case.judged) == every[every.index(own) :]
        ids = {cell.id for cell in case.notebook.cells}
        assert ids >= set(case.judged) and not ids & set(every[: every.index(own)])
