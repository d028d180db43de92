"""Tables of slips become wrong answers, and a slip in a table is said with its line."""

import pytest

from autograder.course.corpus import Answer
from autograder.course.slips import Change, read_slips
from autograder.errors import CourseError

SOURCE = """\
def f(values):
    total = 0
    for value in values:
        total += value
    return total / len(values)"""


@pytest.fixture
def corpus(tmp_path):
    """Return a function that runs a module with a right answer and a table below it."""
    path = tmp_path / "answers.py"

    def run(table: str) -> dict[str, Answer]:
        text = f"BOTH = ['one', 'two']\nONE = 'one'\n\nmean_by_a_loop.slips({table!r})\n"
        text = text.replace(repr(table), f'r"""\n{table}"""')
        answer = Answer("f", "mean_by_a_loop", True, (), "", SOURCE, 1)
        names = {"mean_by_a_loop": answer}
        exec(compile(text, path, "exec"), names)
        return {k: v for k, v in names.items() if isinstance(v, Answer) and v is not answer}

    return run


def test_a_slip_is_a_wrong_answer_to_the_exercise_of_the_right_one(corpus):
    (slip,) = corpus("takes_the_sum: one two\n  - total / len(values)\n  + total\n").values()
    source = SOURCE.replace("total / len(values)", "total")
    assert slip == Answer("f", "takes_the_sum", False, ("one", "two"), "one", source, 5)


def test_the_slips_of_a_table_come_in_its_order_with_their_lines(corpus):
    slips = corpus(
        "# How to divide.\n"
        "takes_the_sum: one\n"
        "  - / len(values)\n"
        "\n"
        "divides_by_two: one\n"
        "  - len(values)\n"
        "  + 2\n"
    )
    lines = {name: slip.line for name, slip in slips.items()}
    assert lines == {"takes_the_sum": 6, "divides_by_two": 9}


def test_checks_may_go_on_in_the_next_line_and_stand_for_a_list(corpus):
    slips = corpus(
        "a: BOTH three\n    four hint_of=three\n  - total = 0\n  + total = 1\n"
        "b: three\n    ONE\n  - total = 0\n  + total = 1\n"
        "c:\n    two\n  - total = 0\n  + total = 1\n"
    )
    assert slips["a"].fails == ("one", "two", "three", "four")
    assert {name: slip.hint_of for name, slip in slips.items()} == {
        "a": "three",
        "b": "three",
        "c": "two",
    }
    assert slips["b"].fails == ("three", "one")


def test_text_is_taken_as_it_stands(corpus):
    (slip,) = corpus(
        "writes: one\n"
        "  -     return total / len(values)\n"
        "  +     print(-total, '# - + | ->:', \"\\n\")\n"
        "  +\n"
        "  +     return total  # not divided\n"
    ).values()
    assert slip.source.splitlines()[3:] == [
        "        total += value",
        "    print(-total, '# - + | ->:', \"\\n\")",
        "",
        "    return total  # not divided",
    ]


def test_lines_may_change_their_order(corpus):
    (slip,) = corpus(
        "returns_early: one\n"
        "  -         total += value\n"
        "  -     return total / len(values)\n"
        "  +         total += value\n"
        "  +         return total / len(values)\n"
    ).values()
    assert slip.source.endswith("total += value\n        return total / len(values)")


@pytest.mark.parametrize(
    ("old", "left"),
    [
        ("        total += value", SOURCE.replace("        total += value\n", "")),
        ("total += value", SOURCE.replace("        total += value\n", "")),
        (" / len(values)", SOURCE.replace(" / len(values)", "")),
        ("return total / len(values)", SOURCE.replace("    return total / len(values)", "")),
    ],
)
def test_what_goes_takes_its_line_along_if_nothing_is_left_of_it(corpus, old, left):
    (slip,) = corpus(f"goes: one\n  - {old}\n").values()
    assert slip.source == left


def test_a_slip_may_change_two_places(corpus):
    (slip,) = corpus("starts_at_one: one\n  - = 0\n  + = 1\n  - / len(values)\n  +\n").values()
    assert "total = 1" in slip.source and slip.source.endswith("return total ")


def test_what_a_table_says_is_read_without_an_answer(tmp_path):
    slip, other = read_slips("a: x\n  - 1\n  + 2\nb: y\n  - 3\n", {}, tmp_path, 10)
    assert (slip.name, slip.line, slip.fails, slip.hint_of) == ("a", 10, ["x"], None)
    assert (slip.changes, other.changes) == ([Change(["1"], ["2"])], [Change(["3"], [])])


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("a: one\n  - values\n  + x\n", 5, "a: mean_by_a_loop contains 'values' 3 times, not once"),
        ("a: one\n  - nothing\n  + x\n", 5, "contains 'nothing' 0 times, not once"),
        ("a: one\n", 5, "a changes nothing"),
        ("a: one\n  + x\n", 6, "a does not say what it changes, with -"),
        ("a: one\n  -total\n  + x\n", 6, "after - comes a space: '-total'"),
        ("a: one\n  - total = 0\n  total = 1\n", 7, "has - or [+] before each line: 'total = 1'"),
        ("a one\n  - total = 0\n", 5, "no slip begins so, with a name and a colon: 'a one'"),
        ("  - total = 0\n", 5, "no slip begins so"),
        ("a: one\n- total = 0\n", 6, "no slip begins so"),
        ("a: THREE\n  - total = 0\n", 5, "a: no list of checks 'THREE'"),
        ("a: one\n  - = 0\n  + = 1\na: one\n  - = 0\n  + = 2\n", 8, "there are two answers a"),
        ("mean_by_a_loop: one\n  - = 0\n  + = 1\n", 5, "there are two answers mean_by_a_loop"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(corpus, tmp_path, table, line, message):
    with pytest.raises(CourseError, match=message) as error:
        corpus(table)
    assert (error.value.path, error.value.line) == (tmp_path / "answers.py", line)
