"""The prover notices what is wrong with a corpus or with checks."""

import pytest
from click.testing import CliRunner

from autograder.checks import Check, forget
from autograder.checks.shared.verdict import Verdict
from autograder.commands.cli import main
from autograder.commands.prove import (
    Case,
    cases,
    idle_checks,
    key_of,
    matrix_page,
    problems,
    shared_key,
    thin_exercises,
)
from autograder.course.compose import compose
from autograder.course.config import load_course
from autograder.course.corpus import load_answers
from autograder.course.master import Cell, Master
from tests.support.course import MINI_ANSWERS, ROOT, answers_of
from tests.support.proof import all_but

NAMES = load_course(ROOT).names
PASSED = Verdict()
FAILED = Verdict("mismatch", "  f(1)\nHint: Look.", "  f(1)")
HINTS = dict.fromkeys(("seen", "one", "two"), "Look.")


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
    assert problems(HINTS, case("wrong", "one"), verdicts) == []
    assert problems(HINTS, case("right"), dict.fromkeys(verdicts, PASSED)) == []


def test_a_survivor_an_extra_failure_and_a_missing_hint_are_problems(master):
    verdicts = {"seen": PASSED, "one": PASSED, "two": FAILED}
    lines = problems(HINTS, case("wrong", "one"), verdicts)
    assert lines == ["one passes and should fail", "two fails and should pass:\n  f(1)"]
    mute = Verdict("stub", "f is not written yet.", "")
    (line,) = problems(HINTS, case("wrong", "one"), {"seen": PASSED, "one": mute})
    assert line == "one fails without its hint: f is not written yet."


def test_an_untouched_notebook_must_fail_because_of_its_stub(master):
    demanded = case("untouched", "seen", "one")
    stub = Verdict("stub", "", "")
    assert problems(HINTS, demanded, {"seen": stub, "one": stub}) == []
    (line,) = problems(HINTS, demanded, {"seen": stub, "one": FAILED})
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
    page = matrix_page(master, [(case("wrong", "one", name="slip"), frozenset({"one"}))])
    assert "| slip |  | ✗ |  |  | Look. |" in page


def test_of_everything_an_answer_is_judged_by_its_own_and_by_all_later_exercises(course):
    name = course.names[0]
    built = compose(course, name)
    every = list(built.master.checks_by_id)
    answers = answers_of(name)
    master, untouched, *rest = cases(built.master, built.student, answers, everything=True)
    assert list(master.judged) == list(untouched.judged) == every
    assert [case.exercise for case in rest] == [answer.exercise for answer in answers]
    for case in rest:
        own = next(iter(built.master.checks_of(case.exercise)))
        assert list(case.judged) == every[every.index(own) :]
        ids = {cell.id for cell in case.notebook.cells}
        assert ids >= set(case.judged) and not ids & set(every[: every.index(own)])


@pytest.mark.parametrize("name", all_but(NAMES[::4], NAMES))
def test_an_answer_is_judged_by_what_depends_on_it(built, name):
    master, answers = built[name].master, answers_of(name)
    names = {key: check.name for key, check in master.checks_by_id.items()}
    _, _, *needed = cases(master, built[name].student, answers)
    _, _, *all_later = cases(master, built[name].student, answers, everything=True)
    for case, full in zip(needed, all_later, strict=True):
        assert set(master.checks_of(case.exercise)) <= set(case.judged) <= set(full.judged)
        assert case.fails <= {names[key] for key in case.judged}
        kept = {cell.id for cell in case.notebook.cells}
        assert {case.exercise, *case.judged} <= kept <= {cell.id for cell in full.notebook.cells}
    assert sum(len(c.judged) for c in needed) < sum(len(c.judged) for c in all_later)


@pytest.fixture
def corpus(mini):
    """The corpus of the small notebook: two right answers and a wrong one."""
    path = mini / "tests" / "answers" / "mini.py"
    path.parent.mkdir(parents=True)
    path.write_text(MINI_ANSWERS)
    return path


def keys(course):
    built = compose(course, "01_mini")
    rest = shared_key(course, built.master)
    answers = load_answers(course, "01_mini")
    return [
        key_of(built.master, case, rest) for case in cases(built.master, built.student, answers)
    ]


def test_a_proof_is_remembered_until_something_it_depends_on_changes(mini, corpus):
    before = keys(load_course(mini))
    assert len(set(before)) == 5 and keys(load_course(mini)) == before
    module = mini / "autograder" / "checks" / "mini.py"
    for file, old, new, other in (
        (corpus, "x * 2", "x + x + 0", [2]),  # one answer
        (corpus, 'fails=["doubles_a', 'fails=["doubles_two", "doubles_a', [4]),  # what is demanded
        (module, "-42", "-42.0", [0, 1, 2, 3, 4]),  # a check that judges all of them
        (module, '"""Checks', '"""All checks', [0, 1, 2, 3, 4]),  # what the module shares
        (mini / "data" / "new.txt", "", "new", [0, 1, 2, 3, 4]),
        (mini / "course.toml", "A small", "A little", [0, 1]),  # a cell that no answer needs
    ):
        text = file.read_text() if file.exists() else None
        file.write_text((text or "").replace(old, new, 1) if old else new)
        forget()
        now = keys(load_course(mini))
        differ = [n for n, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]
        assert differ == other, new
        file.write_text(text) if text is not None else file.unlink()
        forget()
    assert keys(load_course(mini)) == before


@pytest.mark.slow
def test_only_what_succeeded_is_remembered(mini, corpus):
    corpus.write_text(MINI_ANSWERS.replace("x * 2", "x * 3"))
    runner = CliRunner()
    result = runner.invoke(main, ["prove"])
    assert result.exit_code == 1
    assert "multiplies: doubles_two fails and should pass" in result.output
    corpus.write_text(MINI_ANSWERS)
    for options, remembered in (([], 4), ([], 5), (["--everything"], 0), ([], 5)):
        text = " ".join(runner.invoke(main, ["prove", *options]).output.split())
        assert f"0 problems; {remembered} of 5 proofs remembered" in text
