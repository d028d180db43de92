"""Checks that makers make are checks as others: names, ids, places, verdicts and leaks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from autograder.checks import checks_by_id, load_checks
from autograder.checks.shared import makers
from autograder.course import leaks
from autograder.course.config import load_course
from autograder.course.master import load_master
from autograder.errors import CourseError
from autograder.inside.student.course_helper import numbers, student_side
from autograder.judging.judge import judge
from autograder.judging.session import StudentProcess
from tests.support.course import MINI_CHECKS, small_course

CHECKS = Path("autograder/checks/mini.py")
CALL = """\
keeps_device(
    "double",
    "doubles_on_the_device",
    lambda: (numbers(3, seed=77), 2),
    of="the vector",
)
"""
MADE = f'''\
"""Checks of the small notebook."""

import torch

from autograder.checks import check
from autograder.checks.shared.makers import hidden, keeps_device, raises
from autograder.inside.student.course_helper import expect_equal, numbers


def check_both(exercise, seed):
    hidden(exercise, "doubles_once", lambda it: expect_equal(it(seed), 2 * seed), hint="Once.")
    hidden(exercise, "doubles_twice", lambda it: expect_equal(it(it(seed)), seed * 4), hint="Two.")


{MINI_CHECKS[MINI_CHECKS.index("@check") :]}

{CALL}raises("double", "refuses_a_word", "TypeError", lambda: ("forty", torch.ones(5)), hint="No.")
check_both("double", seed=4321)


@check("double", points=1, hidden=True, hint="Zero.")
def doubles_zero(double):
    """Twice 0 is 0."""
    expect_equal(double(0), 0)
'''


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with small_course(tmp_path_factory.mktemp("made") / "mini", checks_text=MADE) as root:
        yield root


def made_in(small):
    return {check.name: check for check in load_checks("01_mini", small / CHECKS.parent)}


def test_made_checks_are_numbered_in_the_order_of_the_file(small):
    names = {
        key: check.name for key, check in checks_by_id("01_mini", small / CHECKS.parent).items()
    }
    assert names == {
        "double-public-1": "doubles_two",
        "double-hidden-1": "doubles_a_negative_number",
        "double-hidden-2": "doubles_on_the_device",
        "double-hidden-3": "refuses_a_word",
        "double-hidden-4": "doubles_once",
        "double-hidden-5": "doubles_twice",
        "double-hidden-6": "doubles_zero",
    }


def test_a_made_check_knows_its_call_and_its_place(small):
    made = made_in(small)["doubles_on_the_device"]
    assert made.source == CALL
    assert made.place == (
        small / CHECKS,
        MADE[: MADE.index(CALL)].count("\n") + 1,
    )
    assert (made.parameters, made.points, made.hidden) == (["double"], 1, True)
    assert made.hint == (
        "The result is on another device than the vector. A new tensor is made on the CPU unless "
        "you say otherwise."
    )


def test_checks_of_a_modules_own_maker_have_the_call_in_the_module(small):
    checks = made_in(small)
    for name, hint in (("doubles_once", "Once."), ("doubles_twice", "Two.")):
        assert checks[name].source == 'check_both("double", seed=4321)\n'
        assert checks[name].hint == hint


def test_a_mistake_in_a_made_check_is_said_with_its_line(small):
    file = small / CHECKS
    wrong = MADE.replace('raises("double"', 'raises("halve"')
    line = wrong[: wrong.index('raises("halve"')].count("\n") + 1
    with small_course(small.parent / "wrong", checks_text=wrong) as root:
        with pytest.raises(CourseError, match="'halve', which is no exercise") as error:
            load_master(load_course(root), "01_mini")
        assert error.value.path == root / CHECKS != file
        assert error.value.line == line


@pytest.mark.parametrize(
    ("leak", "what"),
    [
        ("doubles_on_the_device", "a line of the hidden check doubles_on_the_device"),
        ("numbers(3, seed = 77)", "an input or value of the hidden check doubles_on_the_device"),
        (
            "The result is on another device than the vector. A new tensor is made on the CPU "
            "unless you say otherwise.",
            "the hint of the hidden check doubles_on_the_device",
        ),
        (
            'double("forty", torch.ones(5))',
            "an input or value of the hidden check refuses_a_word",
        ),
        ('check_both("double", seed=4321)', "a line of the hidden check doubles_once"),
    ],
)
def test_a_leak_of_a_made_check_is_found(small, tmp_path, leak, what):
    master = load_master(load_course(small), "01_mini")
    (tmp_path / "notes.md").write_text("Twice x.\n")
    leaks.scan(tmp_path, [master])
    (tmp_path / "notes.md").write_text(f"Twice x.\n\n{leak}\n")
    with pytest.raises(CourseError, match=what):
        leaks.scan(tmp_path, [master])


def register(maker, *arguments, **keywords):
    """Return the check that a maker makes in a module of its own."""
    names = {"make": lambda: maker("f", "name", *arguments, **keywords)}
    exec(compile("make()", "made.py", "exec"), names)
    (made,) = names["CHECKS"]
    return made


def numbers_and_two():
    return numbers(4, seed=1), 2


# A check, the arguments and body of a right and of a wrong answer, and what is said of the latter.
VERDICTS = [
    (
        register(makers.keeps_device, numbers_and_two),
        "x, n: x * n",
        "x, n: (x * n).to(torch.empty(0).device)",
        "expected  device(type='cpu')",
    ),
    (
        register(makers.keeps_double_precision, lambda: numbers(4, seed=1, dtype=torch.float64)),
        "x: 2 * x",
        "x: 2 * x.float()",
        "expected  torch.float64",
    ),
    (
        register(makers.leaves_alone, numbers_and_two),
        "x, n: x * n",
        "x, n: x.mul_(n)",
        "entries differ",
    ),
    (
        register(makers.leaves_alone, lambda: (2, numbers(4, seed=1))),
        "n, x: x * n",
        "n, x: x.mul_(n)",
        "entries differ",
    ),
    (
        register(makers.raises, "ValueError", lambda: ("2.5", 10), hint="Look."),
        "x, n: int(x, n)",
        "x, n: float(x) * n",
        "it raised nothing, expected ValueError",
    ),
    (
        register(makers.raises, "ValueError", lambda: ("2.5", 10), hint="Look."),
        "x, n: int(x, n)",
        "x, n: x / n",
        "it raised TypeError, expected ValueError",
    ),
    (
        register(makers.written_by_hand, "pooling", lambda: numbers(1, 4, seed=1)),
        "x: x.unfold(1, 2, 2).amax(2)",
        "x: torch.nn.functional.max_pool1d(x, 2)",
        "Write the pooling yourself.",
    ),
]


@pytest.fixture(scope="module")
def session():
    with StudentProcess() as student:
        yield student


@pytest.mark.parametrize(("made", "right", "wrong", "detail"), VERDICTS)
def test_a_maker_tells_right_from_wrong(session, made, right, wrong, detail):
    """In this process, and in another one."""
    for answer, passes in ((right, True), (wrong, False), (right, True)):
        source = f"import torch\n\nf = lambda {answer}"
        here: dict = {}
        exec(source, here)
        assert session.execute(source, 10)
        for verdict in (judge(made, here), judge_there(made, session)):
            assert verdict.passed is passes, verdict.detail
            if not passes:
                assert detail in verdict.detail
                assert verdict.message == f"Hint: {made.hint}"


def judge_there(made, session):
    session.begin_check(made.parameters)
    token = student_side.set(session)
    try:
        return judge(made, session)
    finally:
        student_side.reset(token)


def test_a_check_is_made_while_its_module_is_loaded():
    with pytest.raises(RuntimeError, match="while their module is loaded"):
        _outside_of_every_module(lambda: makers.hidden("f", "late", print, hint="Look."))


def _outside_of_every_module(call):
    """Call in a thread, whose frames begin in no module."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()
